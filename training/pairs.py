"""What the verifier learns from: a point, a stretch of an answer, and how they stand.

No single source will do. Inference pairs teach what "not" does but speak of street scenes; graded
answers are on our kind of question but in English; our own questions are bilingual but few; and
documentation in two languages has no contradictions until some are made by rule. Each source is
balanced so that no length, overlap or negation word tells the label by itself; `baseline.py` checks
that.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.data import Row, load
from evaluation.negate import negate
from service.domain import Language, Question
from service.errors import PointmarkError
from service.grader import lexical
from service.grader.language import detect
from service.grader.references import cut_reference
from service.grader.units import normalise

AGREES, CONTRADICTS, NEITHER = range(3)
LABELS = ("agrees", "contradicts", "neither")
DEFAULT_FOLDER = Path("../shared/train")
LONGEST = 320
"""Characters; longer texts are left out, because they cost time and the grader reads sentences."""

_INFERENCE = {
    "entailment": AGREES,
    "paraphrase": AGREES,
    "contradiction": CONTRADICTS,
    "neutral": NEITHER,
    "not_paraphrase": NEITHER,
}


class PairsMissing(PointmarkError):
    """The training pairs are not where they were looked for."""


@dataclass(frozen=True)
class Pair:
    """One example."""

    point: str
    answer: str
    label: int
    """Index into `LABELS`."""
    source: str
    group: str
    """What must not be in training and testing both: a question."""


def train_folder(given: Path | None = None) -> Path:
    """The folder given, else `POINTMARK_TRAIN`, else beside the project.

    Raises:
        PairsMissing: if there is no such folder.
    """
    folder = given or Path(os.environ.get("POINTMARK_TRAIN") or DEFAULT_FOLDER)
    if not folder.is_dir():
        raise PairsMissing(
            f"no folder of training pairs at {folder}; name one with --pairs or POINTMARK_TRAIN"
        )
    return folder


HELD_OUT = frozenset(
    f"bank/{slug}"
    for slug in (
        "activation-function-properties",
        "common-cnn-models",
        "exploding-gradients",
        "gradient-descent-local-optima",
        "local-connected-conv-face",
    )
)
"""Questions that the hard cases of tests/quality ask about."""


def held_out(group: str) -> bool:
    """Whether a question is kept for testing, by a hash of its name.

    Of the graded answers a third of the questions, of our own a sixth and those of the hard cases.
    """
    parts = 6 if group.startswith("bank/") else 3
    return group in HELD_OUT or hashlib.sha256(group.encode()).digest()[0] % parts == 0


def inference(folder: Path, name: str, count: int, seed: int) -> list[Pair]:
    """Pairs of an inference corpus, as many of each label as there are; `count` at most.

    The premise is what was said, so it takes the place of the answer; the hypothesis is the point.
    """
    by_label: dict[int, list[Pair]] = {label: [] for label in range(len(LABELS))}
    for row in _lines(folder / f"{name}.jsonl.gz"):
        label = _INFERENCE.get(row["label"])
        if label is not None and _usable(row["a"], row["b"]):
            pair = Pair(normalise(row["b"]), normalise(row["a"]), label, name, name)
            by_label[label].append(pair)
    chance = random.Random(f"{name}/{seed}")
    present = [pairs for pairs in by_label.values() if pairs]
    share = -(-count // len(present))
    return [pair for pairs in present for pair in chance.sample(pairs, min(share, len(pairs)))]


def parallel(folder: Path, name: str, count: int, seed: int) -> list[Pair]:
    """Translations, and what rules make of them: agreement and contradiction across languages.

    For a sentence, its translation, and the negations of both there are four pairs, of which two
    agree and two contradict, so that the presence of a negation tells nothing. What stands next
    in the document is on the same subject and says something else.
    """
    rows = [
        (normalise(row["a"]), normalise(row["b"]))
        for row in _lines(folder / f"{name}.jsonl.gz")
        if 25 <= len(row["a"]) <= 200 and len(row["b"]) >= 8 and detect(row["b"]) is Language.ZH
    ]
    chance = random.Random(f"{name}/{seed}")
    order = list(range(len(rows) - 1))
    chance.shuffle(order)
    pairs: list[Pair] = []

    def add(one: str, other: str, label: int) -> None:
        point, answer = (one, other) if chance.random() < 0.5 else (other, one)
        pairs.append(Pair(point, answer, label, name, name))

    for index in order:
        if len(pairs) >= count:
            break
        english, chinese = rows[index]
        not_english, not_chinese = negate(english), negate(chinese)
        if not_english and not_chinese:
            # Of a sentence and its negation in both languages, one pair a kind.
            add(*chance.choice([(english, chinese), (not_english, not_chinese)]), AGREES)
            add(*chance.choice([(english, not_chinese), (not_english, chinese)]), CONTRADICTS)
            if chance.random() < 0.6:
                add(chinese, not_chinese, CONTRADICTS)
                add(not_chinese, _rest(not_chinese, chance), AGREES)
        following = rows[index + 1]
        if chance.random() < 0.7:
            one, other = chance.choice(
                [(chinese, following[1]), (english, following[1]), (following[0], chinese)]
            )
            denied = negate(other)
            add(one, denied if denied and chance.random() < 0.4 else other, NEITHER)
    return pairs[:count]


def _rest(text: str, chance: random.Random) -> str:
    """The text with small talk before it: the same claim, not the same string."""
    lead = chance.choice(
        ["其实", "我觉得", "一般来说，", "据我所知，", "简单说就是", "我的理解是，"]
    )
    return f"{lead}{text}"


def graded(rows: Iterable[Row], seed: int) -> list[Pair]:
    """Answers that people called correct, contradictory or incorrect, with the nearest reference.

    An answer is contradictory or wrong as a whole, so its pair is with a whole reference; to a
    correct one each point of the reference may be put.
    """
    chance = random.Random(f"graded/{seed}")
    labels = {"correct": AGREES, "contradictory": CONTRADICTS, "incorrect": NEITHER}
    pairs = []
    for row in rows:
        if row.label is None or row.dataset == "saf_en" or not _usable(row.answer):
            continue
        answer = normalise(row.answer)
        terms = lexical.terms(answer)
        near = max(row.references, key=lambda text: _overlap(terms, lexical.terms(normalise(text))))
        if len(near) > LONGEST:
            continue
        label = labels[row.label]
        pairs.append(Pair(normalise(near), answer, label, row.dataset, row.group))
        parts = cut_reference(near)
        if len(parts) > 1 and label == AGREES and chance.random() < 0.3:
            part = chance.choice(parts)
            pairs.append(Pair(normalise(part), answer, label, row.dataset, row.group))
    return pairs


def _overlap(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / max(1, len(one | other))


def of_questions(questions: Sequence[Question], seed: int) -> list[Pair]:
    """Pairs from rubrics.

    Wordings of one point agree; a misconception, or a statement negated by rule, contradicts;
    another point of the question is the hardest neither.
    """
    return [pair for question in questions for pair in _of_question(question, seed)]


def _of_question(question: Question, seed: int) -> Iterator[Pair]:
    chance = random.Random(f"{question.slug}/{seed}")
    group = f"bank/{question.slug}"

    def made(ones: Sequence[str], others: Sequence[str], label: int, count: int) -> Iterator[Pair]:
        all_pairs = [(one, other) for one in ones for other in others if one != other]
        for one, other in chance.sample(all_pairs, min(count, len(all_pairs))):
            yield Pair(one, other, label, "bank", group)

    said = {point.key: _wordings(point) for point in question.points}
    for point in question.points:
        ours = said[point.key]
        yield from made(ours, ours, AGREES, 14)
        denied = [text for text in map(negate, ours) if text]
        yield from made(ours, denied, CONTRADICTS, 4)
        yield from made(denied, ours, CONTRADICTS, 2)
        yield from made(denied, denied, AGREES, 4)
        others = [text for key, texts in said.items() if key != point.key for text in texts]
        yield from made(ours, others, NEITHER, 12)
        # A denial of something else: a negation word alone must not mean contradiction.
        yield from made(ours, [text for text in map(negate, others) if text], NEITHER, 3)
    for item in question.misconceptions:
        believed = _wordings(item)
        yield from made(believed, believed, AGREES, 5)
        for key, texts in said.items():
            if key == item.contradicts:
                yield from made(texts, believed, CONTRADICTS, 12)
                yield from made(believed, texts, CONTRADICTS, 6)
            else:
                yield from made(texts, believed, NEITHER, 2)
                yield from made(believed, texts, NEITHER, 1)


def _wordings(item: Any) -> list[str]:
    return [normalise(text) for _, text in item.texts()]


def among_others(pairs: Sequence[Pair], share: float, seed: int) -> list[Pair]:
    """Some pairs with another sentence before or after the answer, as answers have.

    The sentence comes from a pair of the same source and language that is about something else.
    """
    chance = random.Random(f"among/{seed}")
    pool: dict[tuple[str, Language], list[Pair]] = {}
    for pair in pairs:
        pool.setdefault((pair.source, detect(pair.answer)), []).append(pair)
    changed = []
    for pair in pairs:
        other = chance.choice(pool[pair.source, detect(pair.answer)])
        if chance.random() >= share or other.group == pair.group != pair.source:
            changed.append(pair)
            continue
        parts = [pair.answer, other.answer]
        chance.shuffle(parts)
        answer = " ".join(parts)
        if len(answer) > LONGEST:
            changed.append(pair)
        else:
            changed.append(Pair(pair.point, answer, pair.label, pair.source, pair.group))
    return changed


def graded_rows(folder: Path) -> list[Row]:
    """The graded answers one may train on: their split is train, their question not held out."""
    return [row for row in load(folder) if row.split == "train" and not held_out(row.group)]


def _usable(*texts: str) -> bool:
    return all(3 <= len(text) <= LONGEST for text in texts)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Raises: PairsMissing: naming the file."""
    try:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            yield from map(json.loads, lines)
    except FileNotFoundError as fault:
        raise PairsMissing(f"no {path}") from fault
