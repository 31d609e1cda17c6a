"""A grade in words, for people at a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_MARKS = {"covered": "+", "partial": "~", "missing": "-", "contradicted": "x"}
_LONGEST = 100


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
        yield (
            f"        {signal['name']:<24} {signal['value']:>9.3f}"
            f"   {_direction(signal['effect'])} {abs(signal['effect']):.2f}"
        )
    if signals:
        total = sum(signal["effect"] for signal in signals)
        yield (
            f"        {'together':<24} {'':>9}   {_direction(total)} {abs(total):.2f}"
            f"   credit {point['credit']:.2f}"
        )


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
        f"({str(provenance['encoder_revision'])[:12]}), calibration {provenance['calibration']}, "
        f"{provenance['elapsed_ms']:.0f} ms"
    )
    thresholds = provenance.get("thresholds") or {}
    if thresholds:
        yield "thresholds " + ", ".join(f"{name} {value:g}" for name, value in thresholds.items())
