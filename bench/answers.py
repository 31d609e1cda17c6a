"""Answers of 100 words to the question about activation functions, no two the same.

They are made up from sentences with gaps rather than from one text with a number in it: distinct
sentences keep any cache of texts, present or future, from answering instead of the encoder.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterator

QUESTION = "activation-function-properties"
WORDS = 100

_GAPS = {
    "net": ("a network", "a deep model", "a stack of layers", "a perceptron", "the whole model"),
    "fn": ("ReLU", "sigmoid", "tanh", "ELU", "softplus", "GELU", "leaky ReLU", "Swish"),
    "sat": ("sigmoid", "tanh", "a logistic curve", "hard tanh", "softsign"),
    "must": ("must", "has to", "needs to", "should certainly", "ought to"),
    "nice": ("It is nice", "I like it", "It helps", "It is a bonus", "Many people prefer it"),
    "alg": ("backpropagation", "gradient descent", "SGD", "Adam", "any optimiser we use"),
    "size": ("large", "huge", "extreme", "very big", "far away"),
    "n": ("two", "three", "ten", "fifty", "a hundred"),
    "why": ("in my view", "as far as I know", "in practice", "usually", "in most papers"),
    "unit": ("unit", "neuron", "hidden unit", "cell"),
}
_SENTENCES = (
    "An activation function {must} be non-linear, {why}.",
    "Without it {net} of {n} linear layers collapses into one linear layer.",
    "Stacking {n} affine maps gives one affine map, so {net} would gain nothing from depth.",
    "It {must} be differentiable almost everywhere, because {alg} multiplies by its derivative.",
    "{fn} has one point or region where care is needed, but that does no harm {why}.",
    "It {must} be cheap to compute, since every {unit} evaluates it in each step.",
    "{fn} costs little more than a comparison, which makes training {net} faster.",
    "{nice} if it does not saturate, so that gradients do not vanish for {size} inputs.",
    "{sat} flattens for {size} inputs, and then {alg} hardly moves the early weights.",
    "{nice} when the curve is monotonic, since the sign of the gradient stays put.",
    "A bounded output range keeps {net} stable when the inputs are {size}.",
    "Near zero {fn} behaves roughly like the identity, so signals keep their size {why}.",
    "{nice} if the function brings no parameters of its own into {net}.",
    "SELU pulls the outputs of every {unit} towards zero mean and unit variance.",
    "{why}, people start with {fn} and only change it when training stalls.",
    "With {fn} {alg} usually converges in fewer epochs than with {sat}.",
    "The output layer is different, there {sat} or softmax turns scores into probabilities.",
    "A step function would not work, as {alg} gets no slope from it.",
    "Dead {unit}s are a drawback of {fn}, although a small slope mends that.",
    "I would say that {fn} meets {n} of these wishes and {sat} fewer.",
    "Expressive power comes from combining many simple bends, not from a complicated formula.",
    "Zero centred outputs make the updates of the next {unit} less one sided.",
    "So {why} we look at shape, slope and cost together.",
    "Depth only pays when every {unit} bends its input somehow.",
)


def answers(seed: int = 1) -> Iterator[str]:
    """Distinct answers of exactly 100 words, the same ones for the same seed."""
    chance = random.Random(seed)
    seen: set[str] = set()
    while True:
        text = _attempt(chance)
        if text is not None and text not in seen:
            seen.add(text)
            yield text


def take(count: int, seed: int = 1) -> list[str]:
    """The first so many of `answers`."""
    return list(itertools.islice(answers(seed), count))


def _attempt(chance: random.Random) -> str | None:
    """Sentences in random order up to exactly 100 words; None if the words don't add up."""
    written: list[str] = []
    words = 0
    for sentence in chance.sample(_SENTENCES, len(_SENTENCES)):
        filled = re.sub(r"\{(\w+)\}", lambda gap: chance.choice(_GAPS[gap[1]]), sentence)
        written.append(filled[0].upper() + filled[1:])
        words += len(filled.split())
        if words >= WORDS:
            break
    return " ".join(written) if words == WORDS else None
