"""The training loop, small: it learns, and an interrupted run ends where a whole one does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from service.encoder import SentenceEncoder
from service.network import PairNetwork, collate
from service.verifier import load_verifier
from training import train
from training.export import export
from training.pairs import AGREES, CONTRADICTS, Pair
from training.states import StateTable

CONFIG: dict[str, Any] = {
    "seed": 0,
    "epochs": 8,
    "tokens": 200,
    "rate": 1e-3,
    "warmup": 0.1,
    "last": 0.1,
    "smoothing": 0.05,
    "decay": 0.01,
}
PAIRS = [
    Pair(f"The {thing} is {one}.", f"It is {other}, the {thing}.", label, "made", "made")
    for thing in ("lamp", "river", "engine", "cable", "kernel", "table", "field", "bus")
    for one in ("large", "small")
    for other, label in ((one, AGREES), ("large" if one == "small" else "small", CONTRADICTS))
]


@pytest.fixture(scope="module")
def table(encoder: SentenceEncoder) -> StateTable:
    found = StateTable(encoder)
    found.learn(text for pair in PAIRS for text in (pair.point, pair.answer))
    return found


def trained(table: StateTable, work: Path) -> PairNetwork:
    work.mkdir(exist_ok=True)
    torch.manual_seed(0)
    model = PairNetwork(width=32, layers=1)
    model.mean.copy_(torch.from_numpy(table.mean()))
    train.run(model, table, PAIRS, CONFIG, work)
    return model.eval()


def probabilities(model: PairNetwork, table: StateTable) -> np.ndarray[Any, np.dtype[np.float64]]:
    states = [(table[pair.point], table[pair.answer]) for pair in PAIRS]
    with torch.inference_mode():
        return np.asarray(torch.softmax(model(*collate(states)), 1), dtype=np.float64)


def test_it_learns(table: StateTable, tmp_path: Path) -> None:
    model = trained(table, tmp_path)

    assert train.figures(probabilities(model, table), PAIRS)["auc"] > 0.9
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert lines[-1]["step"] == lines[-1]["of"]
    assert not list(tmp_path.glob("checkpoint*"))


def test_an_interrupted_run_goes_on(
    table: StateTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = trained(table, tmp_path / "whole")
    monkeypatch.setattr(train, "EVERY", 3)
    kept = train._save

    def interrupted(path: Path, *rest: Any) -> None:
        kept(path, *rest)
        raise KeyboardInterrupt

    monkeypatch.setattr(train, "_save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        trained(table, tmp_path / "twice")
    monkeypatch.setattr(train, "_save", kept)
    resumed = trained(table, tmp_path / "twice")

    for one, other in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_the_folder_says_what_was_trained(
    table: StateTable, encoder: SentenceEncoder, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    model = PairNetwork().eval()
    torch.save(model.state_dict(), tmp_path / "weights.pt")

    folder = export(tmp_path / "weights.pt", encoder, ["b/2", "a/1"], tmp_path / "verifier")

    verifier = load_verifier(folder, encoder.revision)
    said = verifier.read([(table[pair.point], table[pair.answer]) for pair in PAIRS])
    assert np.abs(said - probabilities(model, table)).max() < 0.01
    assert verifier.config.trained_on == ("a/1", "b/2")


def test_states_are_kept_for_the_next_run(encoder: SentenceEncoder, tmp_path: Path) -> None:
    first = StateTable(encoder, tmp_path)
    first.learn(["One.", "二。"])

    second = StateTable(encoder, tmp_path)

    assert np.array_equal(first["二。"], second["二。"])
    assert second["One."].shape[1] == 2 * encoder.dimension
