"""The verifier: reads a point and a stretch of an answer together, and says how they stand.

A vector says what a text is about; whether it says so or denies it is hardly in it. The verifier is
a small network (`service.network`) that aligns and compares the token vectors of both texts, which
the encoder makes on its way to a vector. How it is trained stands in training/.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service.encoder import folder_revision
from service.errors import EncoderMismatch, EncoderNotFound

BUNDLED = "pointmark-verifier-zh-en"
WEIGHTS_FILE = "model.safetensors"
CONFIG_FILE = "config.json"
AGREES, CONTRADICTS, NEITHER = range(3)

# A batch holds this many tokens at most, padding included.
_BATCH_TOKENS = 1024

States = NDArray[np.float16]
"""(tokens, 2 * width): tokens of a text, as the encoder gives them."""


@dataclass(frozen=True)
class VerifierConfig:
    """What the folder says about the model."""

    encoder_revision: str
    """The encoder whose tokens it reads."""
    trained_on: tuple[str, ...]
    """Groups of questions that training has seen: agreement measured on them would flatter."""


class Verifier:
    """Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        """Raises: EncoderMismatch if the folder's files are not those of its checksum list."""
        from safetensors.torch import load_file

        from service.network import PairNetwork

        self.name = folder.resolve().name
        self.revision = folder_revision(folder)
        self.config = read_config(folder)
        self._network = PairNetwork()
        weights = load_file(folder / WEIGHTS_FILE)
        self._network.load_state_dict({name: value.float() for name, value in weights.items()})
        self._network.eval()

    def read(self, pairs: Sequence[tuple[States, States]]) -> NDArray[np.float64]:
        """How each answer stands to its point.

        Args:
            pairs: states of a point and of a stretch of an answer, as the encoder gave them.

        Returns:
            (len(pairs), 3): probabilities that the answer agrees with the point, contradicts it,
            or does neither; a row depends on its own pair only.
        """
        import torch

        from service.network import collate

        found = np.zeros((len(pairs), 3), dtype=np.float64)
        with torch.inference_mode():
            for batch in _batches([len(point) + len(answer) for point, answer in pairs]):
                odds = self._network(*collate([pairs[index] for index in batch])).numpy()
                # Rounding takes away what the order of a sum may leave in the last bits.
                found[batch] = np.round(odds.astype(np.float64), 2)
        found = np.exp(found - found.max(axis=1, keepdims=True, initial=-np.inf))
        return np.asarray(found / found.sum(axis=1, keepdims=True))


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Indices by length, in batches of `_BATCH_TOKENS` at most."""
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        if batch and (len(batch) + 1) * lengths[index] > _BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def bundled_folder() -> Path:
    """Where the bundled verifier is: beside the package in a checkout."""
    return Path(__file__).resolve().parent.parent / "models" / BUNDLED


def read_config(folder: Path) -> VerifierConfig:
    """Raises: EncoderNotFound if there is no verifier in the folder."""
    try:
        data = json.loads((folder / CONFIG_FILE).read_text("utf-8"))
        return VerifierConfig(
            encoder_revision=data["encoder_revision"],
            trained_on=tuple(data["trained_on"]),
        )
    except (OSError, KeyError, ValueError) as fault:
        raise EncoderNotFound(f"no verifier in {folder}: {fault!r}") from fault


def load_verifier(folder: Path, encoder_revision: str) -> Verifier:
    """Load a verifier for an encoder.

    Raises:
        EncoderNotFound: none is in the folder.
        EncoderMismatch: it was trained for another encoder, or its files are not those listed.
    """
    wanted = read_config(folder).encoder_revision
    if wanted != encoder_revision:
        raise EncoderMismatch(
            f"the verifier in {folder} reads tokens of encoder revision {wanted}, but the encoder "
            f"loaded is {encoder_revision}"
        )
    return Verifier(folder)
