"""What the candidate reads, in their language. Point statements only where the question allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from service.domain import (
    Language,
    MisconceptionGrade,
    PointGrade,
    PointKind,
    Question,
    Reveal,
    Verdict,
)

_WORDS: Mapping[Language, Mapping[str, str]] = {
    Language.EN: {
        "blank": "You did not write an answer.",
        "count": "You covered {covered} of {asked} points.",
        "any_of": "You named {covered} of the {asked} that are asked for.",
        Verdict.COVERED: "Covered: ",
        Verdict.PARTIAL: "Partly covered: ",
        Verdict.MISSING: "Missing: ",
        Verdict.CONTRADICTED: "You said the opposite of: ",
        "contradictions": "In {n} place(s) you said the opposite of what is right.",
        "hint": "Hint: ",
        "join": "; ",
        "stop": ".",
    },
    Language.ZH: {
        "blank": "你没有作答。",
        "count": "共 {asked} 个要点，你答到了 {covered} 个。",
        "any_of": "要求答出 {asked} 个，你答到了 {covered} 个。",
        Verdict.COVERED: "已答到：",
        Verdict.PARTIAL: "部分答到：",
        Verdict.MISSING: "没有答到：",
        Verdict.CONTRADICTED: "说反了：",
        "contradictions": "有 {n} 处与正确说法相反。",
        "hint": "提示：",
        "join": "；",
        "stop": "。",
    },
}


def write_feedback(
    question: Question,
    points: Sequence[PointGrade],
    misconceptions: Sequence[MisconceptionGrade],
    *,
    language: Language,
    blank: bool,
) -> str:
    """A few lines of plain text: the count, the points by verdict, misconceptions, hints."""
    words = _WORDS[language]
    if blank:
        return words["blank"]
    lines = [_count(question, points, words)]
    if question.reveal is Reveal.AFTER_ATTEMPT:
        lines += _by_verdict(question, points, language)
    else:
        opposite = sum(point.verdict is Verdict.CONTRADICTED for point in points)
        lines += [words["contradictions"].format(n=opposite)] if opposite else []
    lines += _corrections(question, misconceptions, language)
    lines += _hints(question, points, language)
    return "\n".join(lines)


def _count(question: Question, points: Sequence[PointGrade], words: Mapping[str, str]) -> str:
    covered = sum(point.verdict is Verdict.COVERED for point in points)
    if question.rule.any_of is not None:
        asked = question.rule.any_of
        return words["any_of"].format(covered=min(covered, asked), asked=asked)
    return words["count"].format(covered=covered, asked=len(points))


def _by_verdict(question: Question, points: Sequence[PointGrade], language: Language) -> list[str]:
    words = _WORDS[language]
    by_key = {point.key: point for point in question.points}
    enough = _is_enough(question, points)
    lines = []
    for verdict in (Verdict.COVERED, Verdict.PARTIAL, Verdict.CONTRADICTED, Verdict.MISSING):
        if verdict is Verdict.MISSING and enough:
            continue
        said = [
            _in(by_key[grade.key].statement, language).rstrip(".。 ")
            for grade in points
            if grade.verdict is verdict
        ]
        if said:
            lines.append(words[verdict] + words["join"].join(said) + words["stop"])
    return lines


def _is_enough(question: Question, points: Sequence[PointGrade]) -> bool:
    """Whether any_of is met: what else could have been named is then no gap."""
    covered = sum(point.verdict is Verdict.COVERED for point in points)
    return question.rule.any_of is not None and covered >= question.rule.any_of


def _corrections(
    question: Question, misconceptions: Sequence[MisconceptionGrade], language: Language
) -> list[str]:
    if question.reveal is Reveal.NEVER:
        # The correction of a misconception states the point.
        return []
    by_key = {item.key: item for item in question.misconceptions}
    said = [_in(by_key[seen.key].feedback, language) for seen in misconceptions]
    return [text for text in said if text]


def _hints(question: Question, points: Sequence[PointGrade], language: Language) -> list[str]:
    """Hints for what is missing where the statement itself is not shown."""
    if question.reveal is Reveal.AFTER_ATTEMPT or _is_enough(question, points):
        return []
    missing = {grade.key for grade in points if grade.verdict is not Verdict.COVERED}
    hints = [
        _in(point.hint, language)
        for point in question.points
        if point.key in missing and point.kind is PointKind.REQUIRED
    ]
    return [_WORDS[language]["hint"] + hint for hint in hints if hint]


def _in(texts: Mapping[Language, str], language: Language) -> str:
    """The text in this language, else in the other, else nothing."""
    return texts.get(language) or next(iter(texts.values()), "")
