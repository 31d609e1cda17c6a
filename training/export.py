"""From trained weights to a model folder."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file

from service.encoder import CHECKSUMS, SentenceEncoder
from service.verifier import CONFIG_FILE, WEIGHTS_FILE, bundled_folder
from training.pairs import LABELS

CARD = Path(__file__).parent / "card"


def export(
    weights: Path,
    encoder: SentenceEncoder,
    trained_on: Sequence[str],
    folder: Path | None = None,
) -> Path:
    """Write the model folder, beside the old one first.

    Args:
        weights: as `train` leaves them.
        trained_on: groups of questions that training has seen.
        folder: None for the bundled one.
    """
    folder = folder or bundled_folder()
    fresh = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    parameters = torch.load(weights, weights_only=True)
    # Half precision halves the file; the network computes in single precision.
    save_file({name: value.half() for name, value in parameters.items()}, fresh / WEIGHTS_FILE)
    config = {
        "encoder": encoder.name,
        "encoder_revision": encoder.revision,
        "classes": list(LABELS),
        "trained_on": sorted(trained_on),
    }
    (fresh / CONFIG_FILE).write_text(json.dumps(config, indent=1) + "\n", "utf-8")
    for path in sorted(CARD.iterdir()):
        shutil.copyfile(path, fresh / path.name)
    files = sorted(path for path in fresh.iterdir() if path.is_file())
    lines = [f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.name}\n" for p in files]
    (fresh / CHECKSUMS).write_text("".join(lines), "utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    return fresh.rename(folder)
