"""Plain negations of sentences, made by rule: answers that say the opposite of a point.

Human-graded Chinese answers carry no label for contradiction, so the fit learns what a denied
statement looks like in Chinese from these.
"""

from __future__ import annotations

import re

from service.domain import Language
from service.grader.language import detect

# The first pattern that fits is used; each puts one negation next to the main verb, or takes one
# away. Verbs are listed: a rule for all of them would negate nouns.
_EN = [
    (re.compile(r"\b(can|could|will|would|should|must|may|might)(?! not\b)\b"), r"\1 not"),
    (re.compile(r"\b(do|does|did|is|are|was|were|has|have)(?:n't| not)\b"), r"\1"),
    (re.compile(r"\bcan(?:'t|not)\b"), "can"),
    (re.compile(r"\b(is|are|was|were)(?! not\b)\b"), r"\1 not"),
    (re.compile(r"\b(has)\b(?! been)"), "does not have"),
    (re.compile(r"\b(have)\b(?! been)"), "do not have"),
    (re.compile(r"\b(does|do|did)(?! not\b)\b"), r"\1 not"),
    (
        re.compile(
            r"\b(add|allow|appear|build|come|cost|feed|give|keep|learn|lead|make|mean|occur|push"
            r"|scale|see|stack|take|use)s\b"
        ),
        r"does not \1",
    ),
    (
        re.compile(
            r"\b(appear|build|cause|come|give|keep|lead|learn|make|need|occur|see|share|use)\b"
        ),
        r"do not \1",
    ),
]
_ZH = [
    (re.compile(r"(?<![不没可])(?:可以|能够|能)(?!性)"), "不能"),
    (re.compile(r"(?<![不没])会(?!议)"), "不会"),
    (re.compile(r"(?<![不没])需要"), "不需要"),
    (re.compile(r"(?<![不没])必须"), "不必"),
    (re.compile(r"(?<![不没但可还只就总要])是(?!否|指|因)"), "不是"),
    (re.compile(r"(?<![不没所只])有(?!限|关|效|些|时|利|的|两|三|几)"), "没有"),
    (re.compile(r"(?<![不没])使(?!用)"), "不使"),
    (re.compile(r"(?:并不|不)(?=能|会|满足|共享|依赖|需要|变)"), ""),
    (re.compile(r"(?<![不没])(采用|使用|加入|堆叠|缩放|给出|出现在|共享|学习|依赖|用)"), r"不\1"),
]


def negate(text: str) -> str | None:
    """The text with its first negatable verb negated; None where no rule fits."""
    rules = _ZH if detect(text) is Language.ZH else _EN
    for pattern, replacement in rules:
        negated, count = pattern.subn(replacement, text, count=1)
        if count:
            return negated
    return None
