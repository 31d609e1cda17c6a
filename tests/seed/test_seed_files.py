"""The seed questions keep to their schema and to the rules in seed/README.md."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

SEED = Path(__file__).resolve().parents[2] / "seed"
FILES = sorted(SEED.glob("*.yaml"))
LANGUAGES = ("en", "zh")
LEVELS = ("excellent", "good", "weak", "wrong")
SCHEMA: dict[str, Any] = json.loads((SEED / "question.schema.json").read_text("utf-8"))
HAN = re.compile(r"[\u4e00-\u9fff]")

Question = dict[str, Any]


class StrictLoader(yaml.SafeLoader):
    """Plain YAML would let the second of two equal keys silently win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        repeated = {key for key in keys if keys.count(key) > 1}
        if repeated:
            raise yaml.YAMLError(f"repeated keys {repeated} at {node.start_mark}")
        return super().construct_mapping(node, deep)


def load(path: Path) -> Question:
    question: Question = yaml.load(path.read_text("utf-8"), Loader=StrictLoader)
    return question


def rubric_texts(question: Question) -> Iterator[tuple[str, str, str]]:
    """Every text of points and misconceptions as (where, language, text)."""
    for item in question["points"] + question["misconceptions"]:
        for language in LANGUAGES:
            yield f"{item['key']}/statement", language, item["statement"][language]
            for text in item["phrasings"][language]:
                yield f"{item['key']}/phrasings", language, text
            for field in ("hint", "feedback"):
                if field in item:
                    yield f"{item['key']}/{field}", language, item[field][language]


def matchable(question: Question) -> list[str]:
    """The statements and phrasings, which are what an answer is compared with."""
    return [
        text
        for where, _, text in rubric_texts(question)
        if where.endswith(("/statement", "/phrasings"))
    ]


def errors(question: Question) -> list[str]:
    return [e.json_path for e in Draft202012Validator(SCHEMA).iter_errors(question)]


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


@pytest.fixture
def question(path: Path) -> Question:
    return load(path)


def test_the_five_questions_are_there() -> None:
    assert {path.stem for path in FILES} >= {
        "activation-function-properties",
        "common-cnn-models",
        "exploding-gradients",
        "gradient-descent-local-optima",
        "local-connected-conv-face",
    }


def test_the_schema_is_itself_valid() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_the_schema_describes_every_field_and_allows_no_others() -> None:
    def objects(node: Any, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
        if isinstance(node, dict):
            if node.get("type") == "object":
                yield where, node
            for key, child in node.items():
                yield from objects(child, f"{where}/{key}")
        elif isinstance(node, list):
            for index, child in enumerate(node):
                yield from objects(child, f"{where}/{index}")

    found = list(objects(SCHEMA, "#"))

    assert len(found) >= 7
    for where, node in found:
        assert node["additionalProperties"] is False, where
        for name, field in node["properties"].items():
            assert field.get("description"), f"{where}: {name}"


def test_every_file_fits_the_schema(question: Question) -> None:
    assert errors(question) == []


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda q: q.update(colour="red"), "$"),
        (lambda q: q.update(slug="Two Words"), "$.slug"),
        (lambda q: q.update(difficulty=6), "$.difficulty"),
        (lambda q: q.update(rule={"any_of": 0}), "$.rule"),
        (lambda q: q.update(rule="best"), "$.rule"),
        (lambda q: q["prompt"].pop("zh"), "$.prompt"),
        (lambda q: q["points"][0].update(weight=0), "$.points[0].weight"),
        (lambda q: q["points"][0].update(kind="bonus"), "$.points[0].kind"),
        (lambda q: q["points"][0]["statement"].update(en="  "), "$.points[0].statement.en"),
        (
            lambda q: q["points"][0]["phrasings"].update(zh=["一", "二"]),
            "$.points[0].phrasings.zh",
        ),
        (
            lambda q: q["misconceptions"][0]["phrasings"].update(en=["one"]),
            "$.misconceptions[0].phrasings.en",
        ),
        (lambda q: q["samples"][0].update(score=101), "$.samples[0].score"),
    ],
)
def test_the_schema_refuses(change: Any, where: str) -> None:
    question = load(FILES[0])

    change(question)

    assert errors(question) == [where]


def test_the_file_is_named_after_its_slug(path: Path, question: Question) -> None:
    assert path.stem == question["slug"]


def test_the_first_line_points_editors_to_the_schema(path: Path) -> None:
    first = path.read_text("utf-8").splitlines()[0]

    assert first == "# yaml-language-server: $schema=question.schema.json"


def test_keys_are_unique(question: Question) -> None:
    keys = [item["key"] for item in question["points"] + question["misconceptions"]]

    assert len(keys) == len(set(keys))


def test_contradicts_names_a_point(question: Question) -> None:
    points = {point["key"] for point in question["points"]}

    for misconception in question["misconceptions"]:
        assert misconception.get("contradicts") in points | {None}, misconception["key"]


def test_points_have_three_to_sixteen_phrasings_in_both_languages(question: Question) -> None:
    for point in question["points"]:
        counts = [len(point["phrasings"][language]) for language in LANGUAGES]
        assert min(counts) >= 3, point["key"]
        assert sum(counts) <= 16, point["key"]


def test_there_are_three_misconceptions_with_two_phrasings_each(question: Question) -> None:
    assert len(question["misconceptions"]) >= 3

    for misconception in question["misconceptions"]:
        counts = [len(misconception["phrasings"][language]) for language in LANGUAGES]
        assert min(counts) >= 2, misconception["key"]
        assert sum(counts) <= 16, misconception["key"]


def test_any_of_asks_for_no_more_points_than_there_are(question: Question) -> None:
    if question["rule"] != "weighted":
        assert question["rule"]["any_of"] <= len(question["points"])


def test_no_text_is_said_twice(question: Question) -> None:
    texts = [text.casefold() for text in matchable(question)]

    assert sorted(texts) == sorted(set(texts))


def test_each_text_is_in_the_language_it_claims(question: Question) -> None:
    texts = [("prompt", language, question["prompt"][language]) for language in LANGUAGES]
    texts += rubric_texts(question)
    texts += [("sample", s["language"], s["answer"]) for s in question["samples"]]

    for where, language, text in texts:
        assert bool(HAN.search(text)) == (language == "zh"), f"{where}: {text}"


def test_chinese_texts_use_chinese_punctuation(question: Question) -> None:
    texts = [(where, text) for where, language, text in rubric_texts(question) if language == "zh"]
    texts += [("sample", s["answer"]) for s in question["samples"] if s["language"] == "zh"]

    for where, text in texts:
        assert not re.search(r"[\u4e00-\u9fff] ?[,;:?!.]|[,;:?!] ?[\u4e00-\u9fff]", text), where


def uses(text: str, term: str) -> bool:
    """Latin terms are whole words: "LeNet" is not in "GoogLeNet"."""
    if not term.isascii():
        return term.casefold() in text.casefold()
    word = rf"(?<![a-z0-9]){re.escape(term.casefold())}(?![a-z0-9])"
    return re.search(word, text.casefold()) is not None


def test_each_statement_uses_a_term_of_its_point(question: Question) -> None:
    for point in question["points"]:
        for language in LANGUAGES:
            text = point["statement"][language]
            terms = point.get("terms")
            assert terms is None or any(uses(text, term) for term in terms), text


def test_samples_cover_every_level_in_both_languages(question: Question) -> None:
    found = {(sample["language"], sample["level"]) for sample in question["samples"]}

    assert found == {(language, level) for language in LANGUAGES for level in LEVELS}


def test_better_samples_have_higher_scores(question: Question) -> None:
    for language in LANGUAGES:
        best = {s["level"]: s["score"] for s in question["samples"] if s["language"] == language}
        scores = [best[level] for level in LEVELS]
        assert scores == sorted(scores, reverse=True)
        assert len(set(scores)) == len(scores)


def test_samples_do_not_repeat_the_rubric(question: Question) -> None:
    # Short phrasings such as "It has to be non-linear" may turn up by chance in any good answer.
    long = [text.rstrip(".。").casefold() for text in matchable(question) if len(text) >= 12]

    for sample in question["samples"]:
        answer = sample["answer"].casefold()
        assert [text for text in long if text in answer] == [], sample["level"]
