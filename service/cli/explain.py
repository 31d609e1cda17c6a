"""A grade in words, for people at a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_MARKS = {"covered": "+", "partial": "~", "missing": "-", "contradicted": "x"}
_LONGEST = 100
_SMALL = 0.05
"""Effects below this, on the log-odds, are shown as one sum."""


def describe(grade: Mapping[str, Any], *, explain: bool = False) -> Iterator[str]:
    """Lines that say what the grader found. Takes the grade's JSON form.

    With `explain`, also the numbers behind each verdict and what each did to the log-odds of
    credit.
    """
    review = ", a person should look" if grade["needs_review"] else ""
    yield f"score   {grade['score']:.1f} of 100, give or take {grade['expected_error']:.1f}{review}"
    for point in grade["points"]:
        yield from _point(point, explain=explain)
    for wrong in grade["misconceptions"]:
        shown = _quoted(wrong["evidence"])
        yield f"  ! misconception {wrong['key']} ({wrong['probability']:.2f}){shown}"
    for flag in grade["flags"]:
        yield f"  ? {flag['code']}: {flag['message']}"
    if explain:
        yield from _provenance(grade["provenance"])


def _point(point: Mapping[str, Any], *, explain: bool) -> Iterator[str]:
    mark = _MARKS.get(point["verdict"], "?")
    numbers = f"probability {point['probability']:.2f}, similarity {point['similarity']:.2f}"
    yield f"  {mark} {point['key']}: {point['verdict']} ({numbers}){_quoted(point['evidence'])}"
    if not explain:
        return
    signals = point.get("signals") or ()
    for signal in signals:
        if abs(signal["effect"]) >= _SMALL:
            yield _row(signal["name"], f"{signal['value']:.3f}", signal["effect"])
    rest = sum(signal["effect"] for signal in signals if abs(signal["effect"]) < _SMALL)
    if rest:
        yield _row("all others", "", rest)
    if signals:
        total = sum(signal["effect"] for signal in signals)
        yield f"{_row('together', '', total)}   credit {point['credit']:.2f}"


def _row(name: str, value: str, effect: float) -> str:
    return f"        {name:<20} {value:>8}   {_direction(effect)} {abs(effect):.2f}"


def _direction(effect: float) -> str:
    return "speaks for it,    " if effect >= 0 else "speaks against it,"


def _quoted(evidence: Sequence[Mapping[str, Any]]) -> str:
    """The stretches of the answer that a verdict stands on."""
    texts = [" ".join(str(found["text"]).split()) for found in evidence]
    shown = [text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…" for text in texts]
    return "".join(f"\n        “{text}”" for text in shown)


def _provenance(provenance: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"graded by {provenance['grader']}, encoder {provenance['encoder']} "
        f"({str(provenance['encoder_revision'])[:12]}), "
        f"verifier {provenance['verifier'] or 'none'}, calibration {provenance['calibration']}, "
        f"{provenance['elapsed_ms']:.0f} ms"
    )
    thresholds = provenance.get("thresholds") or {}
    if thresholds:
        yield "thresholds " + ", ".join(f"{name} {value:g}" for name, value in thresholds.items())
