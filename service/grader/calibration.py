"""The fitted part of the grader: from signals to probabilities, and from those to verdicts.

A calibration is a small readable file. It belongs to one encoder revision, because its weights
are measured in that encoder's cosines.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.domain import Language, Signal
from service.errors import EncoderMismatch
from service.grader.signals import SIGNALS, Background, Vectors

SHIPPED = Path(__file__).parent / "calibration.json"
SHIPPED_WITH_VERIFIER = Path(__file__).parent / "calibration-with-verifier.json"
FORMAT = 3
_SIMILARITY = list(SIGNALS).index("similarity")


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Where probabilities become verdicts; chosen on held-out human marks by `pointmark fit`."""

    partial: float
    """Credit begins here; a point below it is missing."""
    covered: float
    """Full credit from here on."""
    contradicted: float
    """Probability of contradiction from which a point is called contradicted."""
    misconception: float
    """Probability from which a misconception is reported."""
    related: float
    """Similarity signal that the best point or misconception must reach, or the answer is off the
    topic and earns nothing: nearly all answers that people gave full marks lie above."""
    review: float
    """Expected error, in score points, from which a person should look."""


@dataclass(frozen=True, kw_only=True)
class Logistic:
    """log-odds = bias + weights · (signals - centre)."""

    bias: float
    weights: Mapping[str, float]

    @cached_property
    def row(self) -> NDArray[np.float64]:
        """Weights in the order of `SIGNALS`."""
        return np.array([self.weights.get(name, 0.0) for name in SIGNALS])


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Everything fitted."""

    encoder: str
    encoder_revision: str
    verifier_revision: str | None
    """None: fitted to grade without a verifier."""
    background: Background
    centre: Mapping[str, float]
    """Mean of each signal over the fitting data: an effect is counted from an average answer."""
    scale: Mapping[str, float]
    """Standard deviation of each signal there: what a fit to other marks measures its steps in."""
    credit: Logistic
    """That a human marker credits the point."""
    contradiction: Logistic
    """That a point which is not credited is contradicted."""
    thresholds: Thresholds
    error_floor: float
    """Expected error of an answer the grader is certain about, in score points."""
    error_slope: float
    """Score points of error per score point of predicted spread."""
    identity: str
    """Hash of all of the above; named in each grade."""
    questions: Mapping[str, Calibration] = field(default_factory=dict)
    """By slug, for questions that have their own."""

    @cached_property
    def _centre_row(self) -> NDArray[np.float64]:
        return np.array([self.centre.get(name, 0.0) for name in SIGNALS])

    def credit_probability(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """P(credit) for signals (n, len(SIGNALS))."""
        return self._probability(self.credit, values)

    def is_related(self, values: NDArray[np.float64]) -> bool:
        """Whether an answer with these signals for its question's items is on the topic at all."""
        return bool(values[:, _SIMILARITY].max(initial=-1.0) >= self.thresholds.related)

    def contradiction_probability(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """P(contradicted), which is P(not credited) x P(contradicted, given not credited)."""
        return (1.0 - self.credit_probability(values)) * self.contradiction_given(values)

    def contradiction_given(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """P(contradicted, given not credited)."""
        return self._probability(self.contradiction, values)

    def of(self, slug: str) -> Calibration:
        """The calibration for a question: its own, if it was fitted to marks of its answers."""
        return self.questions.get(slug, self)

    def _probability(self, model: Logistic, values: NDArray[np.float64]) -> NDArray[np.float64]:
        odds = model.bias + (values - self._centre_row) @ model.row
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(odds, -30.0, 30.0))))

    def effects(self, values: NDArray[np.float64]) -> tuple[Signal, ...]:
        """What each signal added to the log-odds of credit, the strongest first.

        Those that added nothing are left out, but for the similarity, which people ask for.
        """
        moved = (values - self._centre_row) * self.credit.row
        signals = [
            Signal(name=name, value=round(float(value), 4), effect=round(float(effect), 3))
            for name, value, effect in zip(SIGNALS, values, moved, strict=True)
            if abs(effect) >= 0.0005 or name == "similarity"
        ]
        return tuple(sorted(signals, key=lambda signal: -abs(signal.effect)))

    def require_encoder(self, name: str, revision: str) -> None:
        """Refuse an encoder this calibration was not fitted on.

        Raises:
            EncoderMismatch: naming both.
        """
        if revision != self.encoder_revision:
            raise EncoderMismatch(
                f"the calibration {self.identity} was fitted on encoder {self.encoder} "
                f"({self.encoder_revision}), but the encoder loaded is {name} ({revision}); "
                "fit one for it with `pointmark fit` and name it in POINTMARK_CALIBRATION"
            )

    def require_verifier(self, revision: str | None) -> None:
        """Refuse a verifier this calibration was not fitted with, or the lack of one.

        Raises:
            EncoderMismatch: naming both.
        """
        if revision != self.verifier_revision:
            raise EncoderMismatch(
                f"the calibration {self.identity} was fitted with "
                f"{_verifier(self.verifier_revision)}, but {_verifier(revision)} is loaded; set "
                "POINTMARK_VERIFIER to go with it, or fit one with `pointmark fit`"
            )


def _verifier(revision: str | None) -> str:
    return f"verifier {revision}" if revision else "no verifier"


def load_calibration(path: Path | None = None) -> Calibration:
    """Read a calibration file; None reads the shipped one.

    Raises:
        EncoderMismatch: if the file is missing, of another format, or lacks a part.
    """
    path = SHIPPED if path is None else path
    try:
        return calibration_from_dict(json.loads(path.read_text("utf-8")))
    except FileNotFoundError as cause:
        raise EncoderMismatch(f"no calibration file at {path}") from cause
    except (KeyError, TypeError, ValueError) as cause:
        raise EncoderMismatch(
            f"{path} is not a calibration file of format {FORMAT}: {cause}"
        ) from cause


def calibration_from_dict(data: Mapping[str, Any]) -> Calibration:
    """A calibration from its file's content."""
    if data["format"] != FORMAT:
        raise ValueError(f"format {data['format']}")
    whole = {key: value for key, value in data.items() if key != "questions"}
    return replace(
        _one_from_dict(whole),
        questions={
            slug: _one_from_dict(whole | own) for slug, own in data.get("questions", {}).items()
        },
    )


def _one_from_dict(data: Mapping[str, Any]) -> Calibration:
    unknown = sorted(set(data["credit"]["weights"]) - set(SIGNALS))
    if unknown:
        raise ValueError(f"unknown signals {', '.join(unknown)}")
    return Calibration(
        encoder=data["encoder"]["name"],
        encoder_revision=data["encoder"]["revision"],
        verifier_revision=data["verifier"]["revision"] if data["verifier"] else None,
        background=background_from_dict(data["background"]),
        centre=data["centre"],
        scale=data["scale"],
        credit=Logistic(**data["credit"]),
        contradiction=Logistic(**data["contradiction"]),
        thresholds=Thresholds(**data["thresholds"]),
        error_floor=data["expected_error"]["floor"],
        error_slope=data["expected_error"]["slope"],
        identity=identity(data),
    )


def background_to_dict(background: Background) -> dict[str, Any]:
    """The content of `background` in a calibration file: packed, because nobody reads it."""
    return {
        "mean": {str(name): _pack(mean) for name, mean in background.mean.items()},
        "token_mean": {str(name): _pack(mean) for name, mean in background.token_mean.items()},
        "token_basis": _pack(background.token_basis),
        "token_dimension": background.token_basis.shape[1],
    }


def background_from_dict(data: Mapping[str, Any]) -> Background:
    """The inverse."""
    return Background(
        mean={Language(name): _unpack(packed) for name, packed in data["mean"].items()},
        token_mean={Language(name): _unpack(packed) for name, packed in data["token_mean"].items()},
        token_basis=_unpack(data["token_basis"]).reshape(-1, data["token_dimension"]),
    )


def _pack(values: Vectors) -> str:
    """Little-endian half-precision floats in base64."""
    return base64.b64encode(values.astype("<f2").tobytes()).decode("ascii")


def _unpack(packed: str) -> Vectors:
    return np.frombuffer(base64.b64decode(packed), dtype="<f2").astype(np.float32)


def identity(data: Mapping[str, Any]) -> str:
    """Short hash of what a calibration file decides; notes on how it was fitted do not count."""
    decides = {key: value for key, value in data.items() if key != "fitted"}
    canonical = json.dumps(decides, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]
