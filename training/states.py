"""What the encoder makes of texts: computed once, and kept in a file for the next run."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service.encoder import SentenceEncoder
from service.network import WIDTH, States

CHUNK = 1024


class StateTable:
    """Texts and their states, in half precision: 1.5 kB a token."""

    def __init__(self, encoder: SentenceEncoder, folder: Path | None = None) -> None:
        self._encoder = encoder
        self._rows: dict[str, States] = {}
        self._file = folder / f"states-{encoder.revision}.npz" if folder else None
        if self._file and self._file.is_file():
            with np.load(self._file) as kept:
                parts = np.split(kept["states"], np.cumsum(kept["counts"])[:-1])
                self._rows = dict(zip(kept["texts"].tolist(), parts, strict=True))

    def learn(self, texts: Iterable[str]) -> None:
        """Compute what is not known yet, with progress, and keep it."""
        new = sorted({text for text in texts if text not in self._rows}, key=len)
        for start in range(0, len(new), CHUNK):
            part = new[start : start + CHUNK]
            self._rows.update(zip(part, self._encoder.encode_tokens(part).states, strict=True))
            done = min(start + CHUNK, len(new))
            print(f"\rstates {done}/{len(new)}", end="", file=sys.stderr, flush=True)
        if new:
            print(file=sys.stderr)
            self._save()

    def mean(self) -> NDArray[np.float32]:
        """(WIDTH,): the mean of the encoder's last tokens over all texts known."""
        rows = [states[:, WIDTH:].astype(np.float64) for states in self._rows.values()]
        total = sum(values.sum(axis=0) for values in rows)
        return np.asarray(total / sum(map(len, rows)), dtype=np.float32)

    def __getitem__(self, text: str) -> States:
        return self._rows[text]

    def _save(self) -> None:
        if self._file:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            np.savez(
                self._file,
                texts=np.array(list(self._rows)),
                states=np.concatenate(list(self._rows.values())),
                counts=np.array([len(states) for states in self._rows.values()]),
            )
