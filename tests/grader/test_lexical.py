"""The words themselves: terms, and which side of a statement they are on."""

from __future__ import annotations

import pytest

from service.grader.lexical import negations, polarity, profile, recall, sides, terms, uses_any


@pytest.mark.parametrize(
    ("point", "answer"),
    [
        ("The function must be non-linear.", "The function must be linear."),
        ("The function must be differentiable.", "The function must not be differentiable."),
        ("激活函数必须是非线性的。", "激活函数必须是线性的。"),
        ("鞍点是训练的主要困难。", "鞍点不是训练的主要困难。"),
        ("The gradients increase exponentially.", "The gradients decrease exponentially."),
        ("权重更新变大。", "权重更新变小。"),
        ("Weights are shared across positions.", "Weights aren't shared across positions."),
    ],
)
def test_a_statement_and_its_denial(point: str, answer: str) -> None:
    found = polarity(profile(point), profile(answer))

    assert found.denial > 0
    assert found.accord == 0


@pytest.mark.parametrize(
    ("point", "answer"),
    [
        ("The function must be non-linear.", "The function must not be linear."),
        ("激活函数必须是非线性的。", "激活函数不能是线性的。"),
        ("The gradients increase exponentially.", "The gradients do not decrease exponentially."),
        ("It is fast.", "It is not only fast."),
        ("它计算简单。", "它不仅计算简单。"),
    ],
)
def test_two_negations_or_none_agree(point: str, answer: str) -> None:
    found = polarity(profile(point), profile(answer))

    assert found.accord > 0
    assert found.denial == 0


def test_a_negation_in_an_unrelated_clause_means_nothing() -> None:
    point = profile("The function must be differentiable almost everywhere.")
    answer = profile("I do not like it, but the function is differentiable almost everywhere.")

    assert polarity(point, answer).denial == 0


@pytest.mark.parametrize(
    ("point", "answer"),
    [
        ("ResNet has shortcut connections.", "There are no shortcut connections in a ResNet."),
        ("残差网络里有捷径连接。", "残差网络里面并没有捷径连接。"),
    ],
)
def test_a_clause_in_other_order_is_on_the_side_that_it_takes(point: str, answer: str) -> None:
    denying, agreeing = sides(profile(point), profile(answer))

    assert denying > agreeing
    assert sides(profile(answer), profile(answer)) == (0.0, 1.0)


def test_what_shares_one_term_is_on_no_side() -> None:
    assert sides(profile("Gradients explode."), profile("Gradients are not labels.")) == (0.0, 0.0)


def test_nothing_in_common_has_no_polarity() -> None:
    found = polarity(profile("gradients explode"), profile("I do not know"))

    assert (found.accord, found.denial) == (0, 0)


@pytest.mark.parametrize(
    ("text", "count"),
    [("is not and never was", 2), ("不仅如此", 0), ("是否", 0), ("没有不对", 2), ("isn't", 1)],
)
def test_counting_negations(text: str, count: int) -> None:
    assert negations(text) == count


def test_terms_ignore_function_words_and_endings() -> None:
    assert terms("The gradients are exploding") == terms("gradient exploded")
    assert terms("的是了") == frozenset()


def test_recall_is_the_share_of_the_points_terms() -> None:
    # terms: gradient, explod, deep; two of three are there
    assert recall(profile("gradients explode deep"), profile("deep gradients")) == 2 / 3


def test_latin_terms_are_whole_words() -> None:
    assert not uses_any("GoogLeNet uses inception", ("LeNet",))
    assert uses_any("the LeNet-5 model", ("LeNet-5",))
    assert uses_any("用残差连接", ("残差",))
