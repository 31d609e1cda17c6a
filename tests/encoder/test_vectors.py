"""The bundled model: how near to the original it is, and what a vector depends on."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from service.encoder import SentenceEncoder, load_encoder

HERE = Path(__file__).resolve().parent
SENTENCES = (HERE / "sentences.txt").read_text("utf-8").splitlines()


def test_vectors_are_near_those_of_the_full_precision_model(encoder: SentenceEncoder) -> None:
    reference = np.load(HERE / "reference_vectors.npz")["vectors"].astype(np.float32)
    assert len(SENTENCES) == len(reference) >= 120

    cosines = np.sum(encoder.encode(SENTENCES) * reference, axis=1)

    assert {s: c for s, c in zip(SENTENCES, cosines, strict=True) if c < 0.99} == {}
    assert cosines.mean() > 0.999


def test_a_vector_does_not_depend_on_its_neighbours(encoder: SentenceEncoder) -> None:
    long = " ".join(SENTENCES[:40])
    texts = [*SENTENCES, long, long[:2000], "a", "。"]
    alone = np.concatenate([encoder.encode([text]) for text in texts])

    for seed in range(3):
        order = random.Random(seed).sample(range(len(texts)), len(texts))
        together = encoder.encode([texts[i] for i in order])

        assert np.abs(together - alone[order]).max() < 1e-4


def test_a_vector_does_not_depend_on_the_number_of_threads(encoder: SentenceEncoder) -> None:
    two = load_encoder(None, threads=2)

    assert np.abs(two.encode(SENTENCES) - encoder.encode(SENTENCES)).max() < 1e-4
    assert (two.name, two.revision) == (encoder.name, encoder.revision)


def test_many_threads_may_encode_at_once(encoder: SentenceEncoder) -> None:
    expected = encoder.encode(SENTENCES)

    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(encoder.encode, [SENTENCES[i:] for i in range(12)]))

    for start, vectors in enumerate(results):
        assert np.abs(vectors - expected[start:]).max() < 1e-4


def test_vectors_are_one_row_a_text_of_unit_length(encoder: SentenceEncoder) -> None:
    vectors = encoder.encode(SENTENCES[:5])

    assert vectors.shape == (5, encoder.dimension) == (5, 384)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)


def test_equal_texts_in_a_call_get_equal_rows(encoder: SentenceEncoder) -> None:
    vectors = encoder.encode(["鞍点", "saddle point", "鞍点"])

    assert np.array_equal(vectors[0], vectors[2])
    assert not np.array_equal(vectors[0], vectors[1])


def test_a_translation_is_nearer_than_another_sentence(encoder: SentenceEncoder) -> None:
    english, chinese, other = encoder.encode(
        [
            "Saddle points are far more common than local minima in high dimensions.",
            "在高维空间中，鞍点远比局部极小值常见。",
            "运输合同分为客运合同和货运合同。",
        ]
    )

    assert english @ chinese > english @ other + 0.05


def test_no_texts_make_an_empty_array(encoder: SentenceEncoder) -> None:
    assert encoder.encode([]).shape == (0, encoder.dimension)
