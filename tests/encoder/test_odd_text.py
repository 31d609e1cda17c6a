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


def test_token_vectors_say_where_their_tokens_stand(encoder: SentenceEncoder) -> None:
    text = "Saddle points 鞍点, not minima"

    vectors, spans = encoder.token_vectors(text)

    assert vectors.shape == (len(spans), encoder.dimension)
    assert "".join(text[a:b] for a, b in spans).replace(" ", "") == text.replace(" ", "")


def test_token_vectors_average_to_the_vector_of_the_text(encoder: SentenceEncoder) -> None:
    """But for the prompt and the special tokens, which only the text's vector includes."""
    text = "Backpropagation applies the chain rule from the loss back to every weight."
    vectors, _ = encoder.token_vectors(text)
    mean = vectors.mean(axis=0)

    assert mean @ encoder.encode([text])[0] / np.linalg.norm(mean) > 0.95


def test_token_vectors_of_a_long_text_cover_it_once(encoder: SentenceEncoder) -> None:
    text = "Momentum helps. 动量有用。 " * 200

    _, spans = encoder.token_vectors(text)

    assert [start for start, _ in spans] == sorted(start for start, _ in spans)
    covered = [i for start, end in spans for i in range(start, end) if not text[i].isspace()]
    assert covered == [i for i, character in enumerate(text) if not character.isspace()]
