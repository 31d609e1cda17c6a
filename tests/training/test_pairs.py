"""The verifier's examples: labels are what they say, and nothing held out slips in."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from evaluation.data import Row
from service.domain import Language
from service.grader.language import detect
from service.seeding import read_folder
from training import pairs
from training.pairs import AGREES, CONTRADICTS, NEITHER, Pair


def write(folder: Path, name: str, rows: list[dict[str, str]]) -> None:
    with gzip.open(folder / f"{name}.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def test_what_was_said_takes_the_place_of_the_answer(tmp_path: Path) -> None:
    rows = [
        {"a": f"A dog number {i} sleeps.", "b": f"It number {i} sleeps.", "label": label}
        for i in range(30)
        for label in ("entailment", "contradiction", "neutral", "not_entailment")
    ]
    write(tmp_path, "some", rows)

    found = pairs.inference(tmp_path, "some", 30, seed=0)

    assert Counter(pair.label for pair in found) == {AGREES: 10, CONTRADICTS: 10, NEITHER: 10}
    assert all(p.answer.startswith("A dog") and p.point.startswith("It") for p in found)
    assert found == pairs.inference(tmp_path, "some", 30, seed=0)


def test_a_negation_in_a_translation_tells_nothing_by_itself(tmp_path: Path) -> None:
    rows = [
        {"a": f"The function number {i} is called with a file name.", "b": f"函数 {i} 会被调用。"}
        for i in range(400)
    ]
    write(tmp_path, "docs", rows)

    found = pairs.parallel(tmp_path, "docs", 900, seed=0)
    negated = [p for p in found if " not " in p.answer or "不会" in p.answer]

    labels = Counter(pair.label for pair in found)
    assert labels[AGREES] == pytest.approx(labels[CONTRADICTS], rel=0.1)
    shares = Counter(pair.label for pair in negated)
    assert 0.4 < shares[AGREES] / (shares[AGREES] + shares[CONTRADICTS]) < 0.6
    assert {detect(p.answer) for p in found} == {Language.EN, Language.ZH}


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(pairs.PairsMissing, match="absent"):
        pairs.inference(tmp_path, "absent", 3, seed=0)
    with pytest.raises(pairs.PairsMissing, match="POINTMARK_TRAIN"):
        pairs.train_folder(tmp_path / "nowhere")


def row(label: str, group: str = "1", split: str = "train") -> Row:
    return Row(
        dataset="some",
        question_id=group,
        question="Why?",
        references=("Because the circuit is closed.", "The bulb is on."),
        answer="The circuit is closed then.",
        score=1.0 if label == "correct" else 0.0,
        label=label,
        split=split,
    )


def test_a_graded_answer_is_paired_with_the_nearest_reference() -> None:
    found = pairs.graded([row("correct"), row("contradictory"), row("incorrect")], seed=0)

    assert {pair.label for pair in found} == {AGREES, CONTRADICTS, NEITHER}
    assert {pair.point for pair in found} == {"Because the circuit is closed."}


def test_rubrics_give_every_label_in_both_languages_and_across(root: Path) -> None:
    question = next(q for q in read_folder(root / "seed") if q.slug == "gradient-clipping")

    found = pairs.of_questions([question], seed=0)

    kinds = Counter((p.label, detect(p.point), detect(p.answer)) for p in found)
    assert {
        (label, one, other) for label in range(3) for one in Language for other in Language
    } == (set(kinds))
    assert all(pair.point != pair.answer for pair in found)
    assert {pair.group for pair in found} == {"bank/gradient-clipping"}


def test_company_changes_no_label() -> None:
    plain = [
        Pair(f"Point {i}.", f"Answer {i}.", i % 3, "graded", f"question/{i}") for i in range(200)
    ]

    changed = pairs.among_others(plain, 0.5, seed=0)

    assert [(p.point, p.label) for p in changed] == [(p.point, p.label) for p in plain]
    assert all(old.answer in new.answer for old, new in zip(plain, changed, strict=True))
    assert 60 < sum(old != new for old, new in zip(plain, changed, strict=True)) < 140
    assert pairs.among_others(plain, 0.0, seed=0) == plain


def test_what_the_bundled_verifier_was_taught_is_nothing_that_is_held_out() -> None:
    from service.verifier import bundled_folder, read_config

    groups = read_config(bundled_folder()).trained_on

    assert len(groups) > 100
    assert [group for group in groups if pairs.held_out(group)] == []
    assert not {"saf_en", "ads_zh", "le_zh"} & {group.split("/")[0] for group in groups}
