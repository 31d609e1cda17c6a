"""Where in an answer something was found, cut so that it can be marked up in place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, kw_only=True)
class Span:
    """A stretch of the answer, in code points, and what was found there."""

    start: int
    end: int
    label: str


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A stretch of text throughout which the same things were found."""

    text: str
    labels: tuple[str, ...]
    """In the order in which the spans came; empty: nothing was found here."""


def segments(text: str, spans: Iterable[Span]) -> list[Segment]:
    """The text cut where a span begins or ends; together the segments are the text."""
    inside = [span for span in spans if 0 <= span.start < span.end <= len(text)]
    edges = {0, len(text)}
    for span in inside:
        edges |= {span.start, span.end}
    cuts = sorted(edges)
    found: list[Segment] = []
    for start, end in pairwise(cuts):
        covering = [span.label for span in inside if span.start <= start and end <= span.end]
        labels = tuple(dict.fromkeys(covering))
        if found and found[-1].labels == labels:
            found[-1] = Segment(text=found[-1].text + text[start:end], labels=labels)
        else:
            found.append(Segment(text=text[start:end], labels=labels))
    return found
