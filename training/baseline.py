"""What can be told of a label without understanding: a check of the data, not a model.

If words of the answer alone, or the words of both and their overlap, gave the label away, the
verifier would learn them instead of the meaning.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
from sklearn.feature_extraction import FeatureHasher
from sklearn.linear_model import SGDClassifier

from service.grader import lexical
from training.pairs import Pair

FEATURES = 2**18


def check(pairs: Sequence[Pair], seed: int) -> dict[str, float]:
    """Accuracies on a fifth of the pairs, fitted on the rest, and that of the commonest label."""
    mixed = list(pairs)
    random.Random(seed).shuffle(mixed)
    cut = len(mixed) * 4 // 5
    labels = np.array([pair.label for pair in mixed])
    found = {"commonest": float(np.bincount(labels[cut:]).max() / len(labels[cut:]))}
    for name, features in (("answer_only", _answer), ("bag_of_words", _both)):
        table = FeatureHasher(FEATURES, input_type="string").transform(map(features, mixed))
        model = SGDClassifier(loss="log_loss", alpha=1e-5, random_state=seed)
        model.fit(table[:cut], labels[:cut])
        found[name] = float(model.score(table[cut:], labels[cut:]))
    return {name: round(value, 3) for name, value in found.items()}


def _answer(pair: Pair) -> list[str]:
    return lexical.tokens(pair.answer)


def _both(pair: Pair) -> list[str]:
    point, answer = set(lexical.tokens(pair.point)), set(lexical.tokens(pair.answer))
    overlap = len(point & answer) / max(1, len(point | answer))
    return [
        *(f"point {word}" for word in point),
        *(f"answer {word}" for word in answer),
        *(f"only point {word}" for word in point - answer),
        *(f"only answer {word}" for word in answer - point),
        f"overlap {round(overlap, 1)}",
        f"length {round(np.log2(max(1, len(pair.answer)) / max(1, len(pair.point))))}",
    ]
