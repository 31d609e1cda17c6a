"""Every string has a defined, finite vector, and none is cut off in silence."""

from __future__ import annotations

import numpy as np
import pytest

from service.encoder import SentenceEncoder

ODD = {
    "NUL": "a\x00b",
    "control characters": "\x01\x02\x1b[31m",
    "no-break space": "a\u00a0b",
    "lone surrogate": "a \ud83d b",
    "only a lone surrogate": "\udc00",
    "emoji": "😀👍🏽👨‍👩‍👧",
    "right to left": "مرحبا بالعالم",
    "Cyrillic": "Обучение нейронных сетей",
    "Japanese kana": "ありがとう",
    "rare ideograph": "𠮷𡈽",
    "combining marks": "e" + "\u0301" * 200,
    "private use": "\ue000\uf8ff\U0010ffff",
    "full width": "ＡＢＣ１２３",
    "special tokens": "<s></s><pad><mask><unk>",
    "the prompt itself": "query: ",
    "one endless word": "x" * 5_000,
    "punctuation": "?!。，…" * 300,
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD.keys())
def test_odd_text_has_a_finite_vector_of_unit_length(encoder: SentenceEncoder, text: str) -> None:
    (vector,) = encoder.encode([text])

    assert np.isfinite(vector).all()
    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-5)
    assert 0.0 <= encoder.unknown_share(text) <= 1.0


@pytest.mark.parametrize("text", ["", " ", "\n\t", "\u3000\u2003", "\u200b\ufeff", "\x00\x07"])
def test_text_without_anything_to_read_is_the_zero_vector(
    encoder: SentenceEncoder, text: str
) -> None:
    blank, other = encoder.encode([text, "not blank"])

    assert not blank.any()
    assert np.linalg.norm(other) == pytest.approx(1.0, abs=1e-5)
    assert encoder.unknown_share(text) == 0.0


def test_a_hundred_thousand_characters_have_a_vector(encoder: SentenceEncoder) -> None:
    (vector,) = encoder.encode(["深度学习 deep learning. " * 4_500])

    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-5)


def test_text_beyond_the_limit_still_counts(encoder: SentenceEncoder) -> None:
    start = "Gradient descent moves the weights against the gradient. " * 80
    assert encoder.token_counts([start])[0] > encoder.max_tokens

    plain, changed = encoder.encode([start, start + "植物通过光合作用制造葡萄糖。" * 40])

    assert plain @ changed < 0.99


def test_a_long_text_keeps_the_meaning_of_its_parts(encoder: SentenceEncoder) -> None:
    sentence = "The learning rate was too high. "

    one, many, other = encoder.encode(
        [sentence, sentence * 600, "Water boils at a hundred degrees."]
    )

    assert one @ many > one @ other + 0.05


def test_token_counts_are_those_of_the_model(encoder: SentenceEncoder) -> None:
    # <s> ▁que ry : ▁The ▁cat </s>, and no more than that for nothing: <s> ▁que ry : ▁ </s>
    assert encoder.token_counts(["The cat", ""]) == [7, 6]


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("Gradient descent 梯度下降", 0.0),
        ("機器學習與資料庫", 0.0),
        ("x² + ∇f(θ) ≤ ½ → ∞", 0.0),
        ("naïve café", 0.0),
        ("Привет", 1.0),
        ("abcd Привет", 0.6),  # 6 of 10 visible characters
        ("", 0.0),
    ],
)
def test_the_unknown_share_counts_visible_characters(
    encoder: SentenceEncoder, text: str, share: float
) -> None:
    assert encoder.unknown_share(text) == pytest.approx(share)


def test_token_vectors_average_to_the_vector_of_the_text(encoder: SentenceEncoder) -> None:
    """But for the prompt and the special tokens, which only the text's vector includes."""
    text = "Backpropagation applies the chain rule from the loss back to every weight."
    (vector,), (tokens,), _ = encoder.encode_tokens([text])
    mean = tokens.mean(axis=0)

    assert tokens.shape[1] == encoder.dimension
    assert mean @ vector / np.linalg.norm(mean) > 0.95


def test_tokens_of_a_text_do_not_depend_on_its_neighbours(encoder: SentenceEncoder) -> None:
    texts = ["鞍点", "Saddle points are the trouble.", "", "动量有用。" * 20]

    together = encoder.encode_tokens(texts).tokens
    alone = [encoder.encode_tokens([text]).tokens[0] for text in texts]

    assert [len(tokens) > 0 for tokens in together] == [True, True, False, True]
    for one, other in zip(together, alone, strict=True):
        assert np.array_equal(one, other)


def test_every_token_of_a_long_text_has_a_vector(encoder: SentenceEncoder) -> None:
    text = "Momentum helps. 动量有用。 " * 200
    (counted,) = encoder.token_counts([text])

    (tokens,) = encoder.encode_tokens([text]).tokens

    assert len(tokens) >= counted - encoder.token_counts(["a"])[0]
