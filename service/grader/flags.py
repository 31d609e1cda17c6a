"""Reasons to look at an answer again, each said in words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from service.domain import Flag, FlagCode, Language, PointGrade, Verdict
from service.grader.reading import Reading
from service.grader.units import size

# Han characters; a word of another script counts two. "ReLU" alone can be a right answer, so this
# flag only asks for a look; it takes nothing away.
SHORT_ANSWER = 6
# Half of the text in characters the encoder has no token for: its vector means little.
UNREADABLE_SHARE = 0.5
# Units of evidence that are bare terms, as a share of all, and the fewest that make a list.
LIST_SHARE = 0.75
LIST_UNITS = 4
# Words that carry a sentence: a unit of several words without any of them is a heap of terms.
_GLUE = re.compile(
    r"\b(?:is|are|was|were|be|been|being|has|have|had|do|does|did|can|could|will|would|should|must"
    r"|may|might|makes?|gives?|uses?|used|needs?|helps?|because|since|so|if|when|that|which|to|by|it"
    r"|they|we|not|than|of|the|a|an|with|for|from|as|in|on)\b"
    r"|[是的了在有会能可要使让把被对因所以则即就不没为从到于与而用]"
)

MESSAGES = {
    FlagCode.BLANK: {
        Language.EN: "The answer is blank.",
        Language.ZH: "答案为空。",
    },
    FlagCode.TOO_SHORT: {
        Language.EN: "The answer is very short, so there is little to judge it by.",
        Language.ZH: "答案很短，可供判断的内容很少。",
    },
    FlagCode.OFF_TOPIC: {
        Language.EN: "Nothing in the answer comes near any point of the question.",
        Language.ZH: "答案与本题的任何要点都不接近。",
    },
    FlagCode.COPIED_PROMPT: {
        Language.EN: "Part of the answer repeats the question; it earns nothing.",
        Language.ZH: "答案中有一部分照抄题目，不计分。",
    },
    FlagCode.KEYWORD_LIST: {
        Language.EN: "The answer lists terms and states nothing; a person should look.",
        Language.ZH: "答案只是罗列术语，没有作出说明，建议人工复核。",
    },
    FlagCode.REPEATED_TEXT: {
        Language.EN: "The answer repeats itself; repetition earns nothing.",
        Language.ZH: "答案中有重复内容，重复不计分。",
    },
    FlagCode.CONTRADICTION: {
        Language.EN: "The answer seems to say the opposite of a point, or shows a misconception.",
        Language.ZH: "答案似乎与某个要点相反，或含有常见误解。",
    },
    FlagCode.LOW_CONFIDENCE: {
        Language.EN: "The grader is unsure of this mark; a person should look.",
        Language.ZH: "评分系统对这个分数没有把握，建议人工复核。",
    },
    FlagCode.UNREADABLE_TEXT: {
        Language.EN: "Much of the answer is in a script that the grader cannot read.",
        Language.ZH: "答案中有大量评分系统无法识别的文字。",
    },
}


def raise_flags(
    reading: Reading,
    points: Sequence[PointGrade],
    *,
    misconceptions_seen: bool,
    doubtful: bool,
    unknown_share: float,
    language: Language,
) -> tuple[Flag, ...]:
    """The flags of one answer, in the order of `FlagCode`."""
    if not reading.text.strip():
        return (_flag(FlagCode.BLANK, language),)
    credited = any(point.credit > 0 for point in points)
    contradicted = any(point.verdict is Verdict.CONTRADICTED for point in points)
    unrelated = all(point.probability == 0.0 for point in points)
    found = {
        FlagCode.TOO_SHORT: size(reading.text) < SHORT_ANSWER,
        FlagCode.OFF_TOPIC: not credited
        and not contradicted
        and not misconceptions_seen
        and unrelated
        and not is_keyword_list(reading),
        FlagCode.COPIED_PROMPT: bool(reading.copied),
        FlagCode.KEYWORD_LIST: is_keyword_list(reading),
        FlagCode.REPEATED_TEXT: bool(reading.repeated),
        FlagCode.CONTRADICTION: contradicted or misconceptions_seen,
        FlagCode.LOW_CONFIDENCE: doubtful,
        FlagCode.UNREADABLE_TEXT: unknown_share >= UNREADABLE_SHARE,
    }
    return tuple(_flag(code, language) for code in FlagCode if found.get(code))


def is_keyword_list(reading: Reading) -> bool:
    """Whether the evidence is mostly terms set side by side.

    Commas inside a unit separate terms as well as units do, so the pieces between commas are
    what is counted.
    """
    pieces = [
        piece
        for index in reading.kept
        for piece in re.split(r"[,，、/|;；\s]*[,，、/|;；]\s*|\s{2,}", reading.units[index].text)
        if piece.strip()
    ]
    bare = [piece for piece in pieces if size(piece) <= 10 and not _GLUE.search(piece.casefold())]
    return len(bare) >= LIST_UNITS and len(bare) >= LIST_SHARE * len(pieces)


def _flag(code: FlagCode, language: Language) -> Flag:
    return Flag(code=code, message=MESSAGES[code][language])
