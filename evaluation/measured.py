"""Rows turned into signals: embedding once, then arrays that fitting and scoring share."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluation.data import Row
from service.domain import Question
from service.grader.calibration import background_to_dict
from service.grader.core import Encoder, Verifier, ask, to_ask, told
from service.grader.marking import shares
from service.grader.reading import Reading, read
from service.grader.references import question_from_references
from service.grader.signals import (
    Background,
    Embedded,
    Measured,
    PreparedQuestion,
    Tokens,
    Vectors,
    embedded,
    items_of,
    measure,
    prepare,
    question_texts,
)
from service.grader.units import normalise

Floats = NDArray[np.float64]
CHUNK = 512
PAIRS = 2048
SAVE_EVERY = 10
"""Chunks between two writes of the file, so that an interrupted run loses a minute at most."""


class VectorTable:
    """Texts as the encoder sees them, embedded once and kept in a file.

    The file's name tells the encoder revision and the background, on which the tokens depend.
    """

    def __init__(self, encoder: Encoder, background: Background, folder: Path | None) -> None:
        self._encoder = encoder
        self._background = background
        self._rows: dict[str, tuple[Vectors, Tokens]] = {}
        basis = hashlib.sha256(json.dumps(background_to_dict(background)).encode()).hexdigest()[:8]
        self._file = folder / f"vectors-{encoder.revision}-{basis}.npz" if folder else None
        if self._file and self._file.is_file():
            with np.load(self._file) as kept:
                ends = np.cumsum(kept["counts"])
                tokens = np.split(kept["tokens"], ends[:-1])
                pairs = zip(kept["vectors"].astype(np.float32), tokens, strict=True)
                self._rows = dict(zip(kept["keys"].tolist(), pairs, strict=True))

    def learn(self, texts: Iterable[str]) -> None:
        """Embed what is not known yet, with progress, and keep it."""
        new = sorted({text for text in texts if _key(text) not in self._rows}, key=len)
        for start in range(0, len(new), CHUNK):
            part = new[start : start + CHUNK]
            vectors, tokens, _ = self._encoder.encode_tokens(part)
            said = embedded(part, vectors, tokens, self._background)
            pairs = zip(said.vectors, said.tokens, strict=True)
            self._rows.update(zip(map(_key, part), pairs, strict=True))
            done = min(start + CHUNK, len(new))
            print(f"\rembedding {done}/{len(new)}", end="", file=sys.stderr, flush=True)
            if done == len(new) or start % (SAVE_EVERY * CHUNK) == 0:
                self._save()
        if new:
            print(file=sys.stderr)

    def __getitem__(self, texts: Sequence[str]) -> Embedded:
        rows = [self._rows[_key(text)] for text in texts]
        nothing = np.zeros((0, self._encoder.dimension), dtype=np.float32)
        return Embedded(
            background=self._background.identity,
            vectors=np.stack([vector for vector, _ in rows]) if rows else nothing,
            tokens=tuple(tokens for _, tokens in rows),
            token_dimension=self._background.token_basis.shape[1],
        )

    def _save(self) -> None:
        if self._file:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            vectors = np.stack([vector for vector, _ in self._rows.values()]).astype(np.float16)
            tokens = [tokens for _, tokens in self._rows.values()]
            np.savez(
                self._file,
                keys=np.array(list(self._rows)),
                vectors=vectors,
                tokens=np.concatenate(tokens),
                counts=np.array([len(values) for values in tokens]),
            )


class VerdictTable:
    """What the verifier says of pairs of texts, read once and kept in a file."""

    def __init__(self, verifier: Verifier, encoder: Encoder, folder: Path | None) -> None:
        self._verifier = verifier
        self._encoder = encoder
        self._rows: dict[str, tuple[float, float]] = {}
        self._file = folder / f"verdicts-{verifier.revision}.npz" if folder else None
        if self._file and self._file.is_file():
            with np.load(self._file) as kept:
                self._rows = dict(
                    zip(kept["keys"].tolist(), map(tuple, kept["said"].tolist()), strict=True)
                )

    def learn(self, pairs: Iterable[tuple[str, tuple[str, ...]]]) -> None:
        """Read what is not known yet, with progress, and keep it.

        Args:
            pairs: a statement, and the units of an answer's window.
        """
        new = [pair for pair in dict.fromkeys(pairs) if _pair_key(pair) not in self._rows]
        for start in range(0, len(new), PAIRS):
            part = new[start : start + PAIRS]
            texts = sorted({text for one, units in part for text in (one, *units)}, key=len)
            states = dict(zip(texts, self._encoder.encode_tokens(texts)[2], strict=True))
            said = ask(
                self._verifier,
                [(states[one], np.concatenate([states[u] for u in units])) for one, units in part],
            )
            self._rows.update(zip(map(_pair_key, part), map(tuple, said.tolist()), strict=True))
            done = min(start + PAIRS, len(new))
            print(f"\rverifying {done}/{len(new)}", end="", file=sys.stderr, flush=True)
            if done == len(new) or start % (SAVE_EVERY * PAIRS) == 0:
                self._save()
        if new:
            print(file=sys.stderr)

    def __getitem__(self, pairs: Sequence[tuple[str, tuple[str, ...]]]) -> Floats:
        """(n, 2): agreement and contradiction."""
        return np.array([self._rows[_pair_key(pair)] for pair in pairs]).reshape(-1, 2)

    def _save(self) -> None:
        if self._file:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            said = np.array(list(self._rows.values()), dtype=np.float32)
            np.savez(self._file, keys=np.array(list(self._rows)), said=said)


def _pair_key(pair: tuple[str, tuple[str, ...]]) -> str:
    return _key("\0".join([pair[0], *pair[1]]))


def _key(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:24]


@dataclass(frozen=True)
class Case:
    """An answer and the question it is marked on."""

    question: Question
    alternatives: tuple[tuple[str, ...], ...] | None
    answer: str
    target: float
    """Human mark, 0 to 1."""
    contradictory: bool | None
    """None: the source does not say."""
    dataset: str
    group: str
    item: str | None = None
    """Only the point or misconception of this key is asked about; None: all points."""


@dataclass(frozen=True)
class Measurements:
    """Signals of many cases, flat: one line per (case, point)."""

    cases: tuple[Case, ...]
    values: Floats
    """(lines, len(SIGNALS))"""
    case_of: NDArray[np.intp]
    """(lines,) index into `cases`"""
    alternative_of: NDArray[np.intp]
    """(lines,) running number of the alternative, unique over all cases, ascending"""
    share: Floats
    """(lines,) what the point is worth within its alternative"""
    plain: Floats
    """(cases,) best plain cosine of the whole answer and a whole reference"""

    def only(self, use: NDArray[np.bool_]) -> Measurements:
        """These cases alone, (cases,)."""
        lines = use[self.case_of]
        number = np.cumsum(use) - 1
        return Measurements(
            cases=tuple(case for case, used in zip(self.cases, use, strict=True) if used),
            values=self.values[lines],
            case_of=number[self.case_of[lines]],
            alternative_of=np.unique(self.alternative_of[lines], return_inverse=True)[1],
            share=self.share[lines],
            plain=self.plain[use],
        )


@cache
def _question(
    references: tuple[str, ...], prompt: str
) -> tuple[Question, tuple[tuple[str, ...], ...]]:
    """One question object for all answers to it, so that it is prepared once."""
    return question_from_references(references, prompt=prompt)


def case_of_row(row: Row) -> Case:
    """A graded answer as a case marked against its reference answers."""
    question, alternatives = _question(row.references, row.question)
    return Case(
        question=question,
        alternatives=alternatives,
        answer=row.answer,
        target=row.score,
        contradictory=None if row.label is None else row.label == "contradictory",
        dataset=row.dataset,
        group=row.group,
    )


def measure_cases(
    cases: Sequence[Case],
    table: VectorTable,
    background: Background,
    references: Sequence[Sequence[str]] | None = None,
    verdicts: VerdictTable | None = None,
) -> Measurements:
    """Signals of every case.

    Args:
        verdicts: what the verifier says; None: graded without one.
        references: whole reference answers of each case, for the plain cosine; None: not wanted.
    """
    readings = [read(case.answer, tuple(case.question.prompt.values())) for case in cases]
    table.learn(_texts(cases, readings, references))
    values: list[Floats] = []
    case_of: list[int] = []
    alternative_of: list[int] = []
    share: list[float] = []
    prepared_by_question: dict[int, PreparedQuestion] = {}
    number = -1
    last: tuple[int, str] | None = None
    measured: list[Measured] = []
    said_by_case: list[list[Measured]] = []
    for case, reading in zip(cases, readings, strict=True):
        key = id(case.question)
        prepared = prepared_by_question.get(key)
        if prepared is None:
            said = table[question_texts(case.question)]
            prepared = prepare(case.question, said, background, case.alternatives)
            prepared_by_question[key] = prepared
        if (key, case.answer) != last:
            said = table[[reading.units[unit].text for unit in reading.kept]]
            measured = measure(prepared, reading, said, background)
            last = (key, case.answer)
        said_by_case.append(measured)
    prepared_by_case = [prepared_by_question[id(case.question)] for case in cases]
    if verdicts is not None:
        said_by_case = _verified(prepared_by_case, readings, said_by_case, verdicts)
    for index, (case, prepared, measured) in enumerate(
        zip(cases, prepared_by_case, said_by_case, strict=True)
    ):
        for items, worth in _asked(case, prepared):
            number += 1
            values += [measured[item].values for item in items]
            case_of += [index] * len(items)
            alternative_of += [number] * len(items)
            share += worth
    return Measurements(
        cases=tuple(cases),
        values=np.stack(values),
        case_of=np.array(case_of, dtype=np.intp),
        alternative_of=np.array(alternative_of, dtype=np.intp),
        share=np.array(share),
        plain=_plain_cosines(cases, table, references),
    )


def _verified(
    prepared: Sequence[PreparedQuestion],
    readings: Sequence[Reading],
    measured: Sequence[list[Measured]],
    verdicts: VerdictTable,
) -> list[list[Measured]]:
    """The measurements of every case with what the verifier says.

    Cases that ask about several points of one answer share its measurements, before and after.
    """
    once = {
        id(found): (question, reading, found)
        for question, reading, found in zip(prepared, readings, measured, strict=True)
    }
    asked = {key: to_ask(*case) for key, case in once.items()}
    pairs = {
        key: [
            (
                question.phrased[one.statement].text,
                tuple(reading.units[reading.kept[unit]].text for unit in one.units),
            )
            for one in asked[key]
        ]
        for key, (question, reading, _) in once.items()
    }
    verdicts.learn(pair for part in pairs.values() for pair in part)
    after = {
        key: told(found, asked[key], verdicts[pairs[key]]) for key, (_, _, found) in once.items()
    }
    return [after[id(found)] for found in measured]


def _asked(
    case: Case, prepared: PreparedQuestion
) -> Iterator[tuple[Sequence[int], Sequence[float]]]:
    """The items a case is about, with what each is worth; several alternatives if it has them."""
    question = case.question
    if case.item is not None:
        keys = [item.key for item in items_of(question)]
        yield [keys.index(case.item)], [1.0]
        return
    for group in prepared.alternatives:
        yield group, shares([question.points[item] for item in group], question.rule)


def _texts(
    cases: Sequence[Case],
    readings: Sequence[Reading],
    references: Sequence[Sequence[str]] | None,
) -> Iterable[str]:
    for case, reading in zip(cases, readings, strict=True):
        yield from question_texts(case.question)
        yield from (reading.units[unit].text for unit in reading.kept)
        if references is not None:
            yield normalise(case.answer)
    for whole in references or ():
        yield from map(normalise, whole)


def _plain_cosines(
    cases: Sequence[Case], table: VectorTable, references: Sequence[Sequence[str]] | None
) -> Floats:
    if references is None:
        return np.zeros(len(cases))
    found = []
    for case, whole in zip(cases, references, strict=True):
        theirs = table[[normalise(text) for text in whole]].vectors
        found.append(float((theirs @ table[[normalise(case.answer)]].vectors[0]).max()))
    return np.array(found)
