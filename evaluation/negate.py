"""Plain negations of sentences, made by rule: answers that say the opposite of a point.

Human-graded Chinese answers carry no label for contradiction, so the fit learns what a denied
statement looks like in Chinese from these.
"""

from __future__ import annotations

import re

from service.domain import Language
from service.grader.language import detect

# The first pattern that fits is used; each puts one negation next to the main verb.
_EN = [
    (re.compile(r"\b(can|could|will|would|should|must|may|might)(?! not\b)\b"), r"\1 not"),
    (re.compile(r"\b(is|are|was|were)(?! not\b)\b"), r"\1 not"),
    (re.compile(r"\b(has|have)\b(?! (?:been|not))"), r"does not have"),
    (re.compile(r"\b(does|do|did)(?! not\b)\b"), r"\1 not"),
]
_ZH = [
    (re.compile(r"(?<![不没])(?:可以|能够|能)"), "不能"),
    (re.compile(r"(?<![不没])会(?!议)"), "不会"),
    (re.compile(r"(?<![不没])需要"), "不需要"),
    (re.compile(r"(?<![不没])必须"), "不必"),
    (re.compile(r"(?<![不没但可还只就总要])是(?!否|指|因)"), "不是"),
    (re.compile(r"(?<![不没所只])有(?!限|关|效|些|时|利|的|两|三|几)"), "没有"),
    (re.compile(r"(?<![不没])使"), "不使"),
]


def negate(text: str) -> str | None:
    """The text with its first negatable verb negated; None where no rule fits."""
    rules = _ZH if detect(text) is Language.ZH else _EN
    for pattern, replacement in rules:
        negated, count = pattern.subn(replacement, text, count=1)
        if count:
            return negated
    return None
