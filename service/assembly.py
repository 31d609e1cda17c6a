"""Encoder, verifier and calibration that belong together, found from the settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from service.config import Settings
from service.content import Limits
from service.grader.calibration import SHIPPED, SHIPPED_WITH_VERIFIER, Calibration

if TYPE_CHECKING:
    from service.encoder import SentenceEncoder
    from service.grader import Grader
    from service.verifier import Verifier

MakeGrader = Callable[["SentenceEncoder", Calibration, "Verifier | None"], "Grader"]

BUNDLED = "bundled"
"""Value of POINTMARK_VERIFIER that means the verifier in models/."""


def load_grader(settings: Settings, make: MakeGrader | None = None) -> Grader:
    """What the settings name, loaded; takes seconds. `make` puts it together in its own way.

    Raises:
        EncoderNotFound, EncoderMismatch: saying what was looked for, or what does not belong
            together.
    """
    from service.encoder import load_encoder
    from service.grader import Grader

    encoder = load_encoder(settings.encoder, threads=settings.encoder_threads)
    verifier = load_verifier_for(settings, encoder)
    return (make or Grader)(encoder, calibration_of(settings), verifier)


def check_grader(settings: Settings) -> None:
    """Find out in a moment, without loading it, whether the grader can be loaded.

    Raises:
        EncoderNotFound, EncoderMismatch: as `load_grader`.
    """
    from service.encoder import BUNDLED as BUNDLED_ENCODER
    from service.encoder import check_encoder

    revision = check_encoder(settings.encoder)
    calibration = calibration_of(settings)
    if revision is not None:
        calibration.require_encoder(settings.encoder or BUNDLED_ENCODER, revision)


def limits_of(settings: Settings) -> Limits:
    """How much content and answers may hold."""
    return Limits(
        max_points=settings.max_points,
        max_phrasings=settings.max_phrasings,
        max_answer_chars=settings.max_answer_chars,
    )


def load_verifier_for(settings: Settings, encoder: SentenceEncoder) -> Verifier | None:
    """The verifier that is set; None if none is.

    Raises:
        EncoderNotFound, EncoderMismatch: it is not there, or belongs to another encoder.
    """
    from service.verifier import bundled_folder, load_verifier

    if settings.verifier is None:
        return None
    given = settings.verifier
    folder = bundled_folder() if given == BUNDLED else Path(given).expanduser()
    return load_verifier(folder, encoder.revision)


def calibration_of(settings: Settings) -> Calibration:
    """The calibration set, or the shipped one for what is set.

    Raises:
        EncoderMismatch: it cannot be read.
    """
    from service.grader import load_calibration

    return load_calibration(calibration_path(settings))


def calibration_path(settings: Settings) -> Path:
    """Its file."""
    if settings.calibration is not None:
        return settings.calibration
    return SHIPPED_WITH_VERIFIER if settings.verifier else SHIPPED
