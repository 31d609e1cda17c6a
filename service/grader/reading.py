"""What of an answer is read as evidence: its units, less repetition, filler and copied prompt."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from service.domain import Evidence
from service.grader import lexical
from service.grader.language import detect
from service.grader.units import Unit, cut, normalise, size

# A stretch of this many characters of meaning that also stands in the prompt is a copy of it, not
# a choice of the same words.
COPY_SIZE = 6
# The share of a unit's neighbouring term pairs that must come from the prompt to call it copied.
COPY_SHARE = 0.85


@dataclass(frozen=True)
class Window:
    """A stretch of the answer that is compared with the points: units `first` to `last`."""

    first: int
    last: int
    start: int
    end: int
    text: str
    """Normalised."""
    whole: bool
    """Whether it is every unit of evidence together."""


@dataclass(frozen=True)
class Reading:
    """An answer, cut and sorted."""

    text: str
    """As submitted."""
    units: tuple[Unit, ...]
    kept: tuple[int, ...]
    """Units read as evidence."""
    repeated: tuple[int, ...]
    """Units that say word for word what an earlier one said."""
    copied: tuple[int, ...]
    """Units taken from the prompt."""
    windows: tuple[Window, ...]
    """Single kept units, adjacent pairs, and all kept units together; no text twice."""

    def evidence(self, window: Window) -> Evidence:
        """The window as a stretch of the text as submitted."""
        return Evidence(
            start=window.start, end=window.end, text=self.text[window.start : window.end]
        )


def read(text: str, prompts: Sequence[str] = ()) -> Reading:
    """Cut an answer and leave out what cannot be evidence.

    A unit that repeats an earlier one, that is small talk, or that is copied from the
    prompt is no evidence; leaving it out before anything is embedded is what makes padding and
    repetition worth nothing, rather than a penalty tuned afterwards.
    """
    units = cut(text)
    prompt_texts = [normalise(prompt).casefold() for prompt in prompts]
    prompt_pairs = frozenset().union(*(_pairs(prompt) for prompt in prompt_texts))
    kept: list[int] = []
    repeated: list[int] = []
    copied: list[int] = []
    seen: set[str] = set()
    for index, unit in enumerate(units):
        folded = _bare(unit.text)
        if folded in seen:
            repeated.append(index)
        elif _is_copy(unit.text, prompt_texts, prompt_pairs):
            copied.append(index)
        elif not lexical.is_filler(unit.text):
            kept.append(index)
        seen.add(folded)
    return Reading(
        text=text,
        units=units,
        kept=tuple(kept),
        repeated=tuple(repeated),
        copied=tuple(copied),
        windows=tuple(_windows(units, kept)),
    )


def _windows(units: Sequence[Unit], kept: Sequence[int]) -> list[Window]:
    single = [_window(units, [index]) for index in kept]
    # A sentence and its neighbour in another language are no thought in two parts.
    languages = {index: detect(units[index].text) for index in kept}
    pairs = [
        _window(units, [one, next_])
        for one, next_ in itertools.pairwise(kept)
        if languages[one] is languages[next_]
    ]
    whole = [_window(units, kept, whole=True)] if len(kept) > 2 else []
    return [*single, *pairs, *whole]


def _window(units: Sequence[Unit], members: Sequence[int], whole: bool = False) -> Window:
    return Window(
        first=members[0],
        last=members[-1],
        start=units[members[0]].start,
        end=units[members[-1]].end,
        text=" ".join(units[index].text for index in members),
        whole=whole or len(members) == 1,
    )


def _bare(text: str) -> str:
    """Text without case, spaces and closing punctuation, to see repetition through small edits."""
    return "".join(ch for ch in text.casefold() if ch.isalnum())


def _pairs(text: str) -> frozenset[str]:
    """Neighbouring words or Han characters: what a copy shares and a paraphrase rarely does."""
    tokens = lexical.tokens(text)
    return frozenset(" ".join(pair) for pair in itertools.pairwise(tokens))


def _is_copy(text: str, prompts: Sequence[str], prompt_pairs: frozenset[str]) -> bool:
    if size(text) < COPY_SIZE:
        return False
    folded = text.casefold()
    if any(folded.rstrip(".?!。？！ ") in prompt for prompt in prompts):
        return True
    pairs = _pairs(folded)
    return bool(pairs) and len(pairs & prompt_pairs) >= COPY_SHARE * len(pairs)
