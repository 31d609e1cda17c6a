"""What must hold of every grade, on the real encoder, the shipped calibration and our questions."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evaluation.negate import negate
from service.domain import Answer, FlagCode, Grade, Language, Question, Verdict
from service.grader import Grader, PreparedQuestion

SLUGS = (
    "activation-function-properties",
    "common-cnn-models",
    "exploding-gradients",
    "gradient-descent-local-optima",
    "local-connected-conv-face",
)
OFF_TOPIC = (
    "The weather in Lisbon is lovely in May and the trams are old.",
    "I would like a table for four at eight o'clock, please.",
    "My favourite football team won the cup last year after a penalty shoot-out.",
    "Photosynthesis turns light into sugar in the leaves of plants.",
    "今天天气很好，我们去公园散步吧。",
    "请给我一杯不加糖的咖啡。",
    "长城是世界上最著名的古代建筑之一。",
    "他每天早上六点起床跑步，然后吃早饭。",
)
PADDING = (
    "That is a very good question and I am happy to answer it.",
    "In my opinion this is really very important, as everybody knows.",
    "Thank you for the question, let me think about it for a moment.",
    "这是一个非常好的问题，我很高兴来回答。",
    "总之，这个问题非常重要，大家都知道。",
    "下面我来谈谈我的看法。",
)
# A score is rounded to one decimal; padding next to a sentence changes the windows that hold both
# and may move a borderline credit by a hair, which is no reward for padding.
HAIR = 1.0

Prepared = Mapping[str, PreparedQuestion]


def grade(grader: Grader, prepared: PreparedQuestion, text: str) -> Grade:
    return grader.grade(prepared, Answer(text=text)).grade


def timeless(grade: Grade) -> Grade:
    return replace(grade, provenance=replace(grade.provenance, elapsed_ms=0.0))


def statements(question: Question, language: Language) -> list[str]:
    return [point.statement[language] for point in question.points]


@pytest.mark.parametrize("slug", SLUGS)
def test_the_same_answer_gets_the_same_grade_whatever_else_is_in_the_batch(
    grader: Grader, prepared: Prepared, slug: str
) -> None:
    samples = prepared[slug].question.samples
    items = [(prepared[slug], Answer(text=sample.answer), None) for sample in samples]
    odd = [(prepared[slug], Answer(text=text), None) for text in (*OFF_TOPIC, "", "😀" * 900)]

    alone = [timeless(grader.grade(p, a).grade) for p, a, _ in items]
    together = [timeless(marked.grade) for marked in grader.grade_many([*odd, *items])]

    assert together[len(odd) :] == alone


def test_the_same_answer_gets_the_same_grade_on_any_thread(
    grader: Grader, prepared: Prepared
) -> None:
    question = prepared[SLUGS[0]]
    texts = [sample.answer for sample in question.question.samples] * 3

    one_by_one = [timeless(grade(grader, question, text)) for text in texts]
    with ThreadPoolExecutor(4) as pool:
        at_once = list(pool.map(lambda text: timeless(grade(grader, question, text)), texts))

    assert at_once == one_by_one


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("language", Language)
def test_the_reference_statements_score_100(
    grader: Grader, prepared: Prepared, slug: str, language: Language
) -> None:
    question = prepared[slug].question
    answer = "\n".join(statements(question, language))

    result = grade(grader, prepared[slug], answer)

    assert result.score == 100.0
    assert [point.key for point in result.points if point.verdict is not Verdict.COVERED] == []
    assert result.misconceptions == ()


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("language", Language)
def test_the_negation_of_every_point_scores_near_0(
    grader: Grader, prepared: Prepared, slug: str, language: Language
) -> None:
    denied = [negate(text) for text in statements(prepared[slug].question, language)]
    answer = "\n".join(text for text in denied if text)

    assert grade(grader, prepared[slug], answer).score <= 20.0


@pytest.mark.parametrize("text", ["", "   \n\t ", "。。。!!!", "—— …… ***", "\u3000\u200b"])
def test_a_blank_answer_scores_0(grader: Grader, prepared: Prepared, text: str) -> None:
    result = grade(grader, prepared[SLUGS[0]], text)

    assert result.score == 0.0
    assert all(point.credit == 0 and not point.evidence for point in result.points)
    assert (FlagCode.BLANK in {flag.code for flag in result.flags}) == (not text.strip())


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("text", OFF_TOPIC)
def test_an_off_topic_answer_scores_0(
    grader: Grader, prepared: Prepared, slug: str, text: str
) -> None:
    result = grade(grader, prepared[slug], text)

    assert result.score == 0.0
    assert result.flags


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("language", Language)
def test_a_copied_prompt_earns_nothing(
    grader: Grader, prepared: Prepared, slug: str, language: Language
) -> None:
    result = grade(grader, prepared[slug], prepared[slug].question.prompt[language])

    assert result.score == 0.0
    assert FlagCode.COPIED_PROMPT in {flag.code for flag in result.flags}


@pytest.mark.parametrize("slug", SLUGS)
def test_repeating_sentences_changes_no_score(
    grader: Grader, prepared: Prepared, slug: str
) -> None:
    for sample in prepared[slug].question.samples:
        once = grade(grader, prepared[slug], sample.answer)
        thrice = grade(grader, prepared[slug], "\n".join([sample.answer] * 3))

        assert thrice.score == once.score
        assert FlagCode.REPEATED_TEXT in {flag.code for flag in thrice.flags}


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    slug=st.sampled_from(SLUGS),
    number=st.integers(min_value=0, max_value=7),
    padding=st.lists(st.sampled_from(PADDING), min_size=1, max_size=4),
    before=st.booleans(),
)
def test_padding_does_not_raise_a_score(
    grader: Grader, prepared: Prepared, slug: str, number: int, padding: list[str], before: bool
) -> None:
    question = prepared[slug]
    sample = question.question.samples[number]
    parts = [*padding, sample.answer] if before else [sample.answer, *padding]

    plain = grade(grader, question, sample.answer)
    padded = grade(grader, question, "\n".join(parts))

    assert padded.score <= plain.score + HAIR


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("language", Language)
def test_a_point_said_again_in_other_words_does_not_count_twice(
    grader: Grader, prepared: Prepared, slug: str, language: Language
) -> None:
    for point in prepared[slug].question.points:
        once = grade(grader, prepared[slug], point.statement[language])
        again = grade(
            grader,
            prepared[slug],
            "\n".join([point.statement[language], *point.phrasings[language]]),
        )
        credit = {p.key: p.credit for p in again.points}

        assert credit[point.key] == 1.0
        assert once.score <= 100.0
        assert sum(p.key == point.key for p in again.points) == 1


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.text(max_size=300), slug=st.sampled_from(SLUGS))
def test_any_text_gets_a_sound_grade(
    grader: Grader, prepared: Prepared, text: str, slug: str
) -> None:
    result = grade(grader, prepared[slug], text)

    assert 0.0 <= result.score <= 100.0
    assert result.expected_error >= 0.0
    assert [point.key for point in result.points] == [
        point.key for point in prepared[slug].question.points
    ]
    for point in result.points:
        assert 0.0 <= point.credit <= 1.0
        assert 0.0 <= point.probability <= 1.0
        assert -1.0 <= point.similarity <= 1.0001
        for found in (*point.evidence, *(e for m in result.misconceptions for e in m.evidence)):
            assert text[found.start : found.end] == found.text
    assert result.feedback
