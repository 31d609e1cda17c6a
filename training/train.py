"""The training loop: plain torch, because the network starts from token vectors and not from texts.

sentence-transformers' trainers tokenize and run a whole transformer for each pair; here the encoder
reads each text once for all epochs, and two processor cores are enough.
"""

from __future__ import annotations

import json
import random
import sys
import time
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from service.encoder import load_encoder
from service.network import PairNetwork, collate
from service.seeding import read_folder
from training import pairs as sources
from training.pairs import AGREES, CONTRADICTS, LABELS, Pair
from training.states import StateTable

CONFIG = Path(__file__).parent / "verifier.toml"
EVERY = 100
"""Steps between two lines of the log and between two checkpoints."""
FORWARD_TOKENS = 3000
WEIGHTS = "verifier.pt"


def read_config(path: Path = CONFIG) -> dict[str, Any]:
    """The recipe."""
    return tomllib.loads(path.read_text("utf-8"))


def training_pairs(config: Mapping[str, Any], folders: tuple[Path, Path, Path]) -> list[Pair]:
    """What is learned from.

    Args:
        folders: of training pairs, of graded answers, and of our questions.
    """
    train, data, questions = folders
    seed = config["seed"]
    made: list[Pair] = []
    for name, count in config["inference"].items():
        made += sources.inference(train, name, count, seed)
    for name, count in config["parallel"].items():
        made += sources.parallel(train, name, count, seed)
    made += sources.graded(sources.graded_rows(data), seed) * config["graded"]
    taught = [q for q in read_folder(questions) if not sources.held_out(f"bank/{q.slug}")]
    made += sources.of_questions(taught, seed) * config["questions"]
    return sources.among_others(made, config["among_others"], seed)


def train(folders: tuple[Path, Path, Path], work: Path, config: Mapping[str, Any]) -> Path:
    """Train; an interrupted run goes on from its last checkpoint.

    Returns:
        The file of the weights. Beside it, ``log.jsonl`` has the curves.
    """
    torch.set_num_threads(config["threads"])
    torch.manual_seed(config["seed"])
    work.mkdir(parents=True, exist_ok=True)
    table = StateTable(load_encoder(None, threads=config["threads"]), work)
    model = PairNetwork()
    pairs = training_pairs(config, folders)
    table.learn(text for pair in pairs for text in (pair.point, pair.answer))
    model.mean.copy_(torch.from_numpy(table.mean()))
    run(model, table, pairs, config, work)
    torch.save(model.state_dict(), work / WEIGHTS)
    return work / WEIGHTS


def run(
    model: PairNetwork,
    table: StateTable,
    pairs: Sequence[Pair],
    config: Mapping[str, Any],
    work: Path,
) -> None:
    """Train on pairs, writing curves to ``log.jsonl`` and a checkpoint now and then."""
    chance = random.Random(config["seed"])
    batches = [
        batch
        for _ in range(config["epochs"])
        for batch in batches_of(pairs, table, config["tokens"], chance)
    ]
    steps = len(batches)
    matrices = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": config["decay"]},
            {"params": others, "weight_decay": 0.0},
        ],
        lr=config["rate"],
        betas=(0.9, 0.98),
    )
    warm, last = config["warmup"] * steps, config["last"]
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1.0, (step + 1) / warm) * max(last, 1 - step / steps)
    )
    checkpoint = work / "checkpoint.pt"
    first = _resume(checkpoint, model, optimiser, schedule)
    model.train()
    losses: list[float] = []
    right = seen = 0
    begun = time.monotonic()
    for step in range(first, steps):
        batch = [pairs[index] for index in batches[step]]
        labels = torch.tensor([pair.label for pair in batch])
        odds = model(*collate([(table[pair.point], table[pair.answer]) for pair in batch]))
        loss = functional.cross_entropy(odds, labels, label_smoothing=config["smoothing"])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
        right += int((odds.argmax(1) == labels).sum())
        seen += len(batch)
        if (step + 1) % EVERY == 0 or step + 1 == steps:
            line = {
                "step": step + 1,
                "of": steps,
                "loss": round(float(np.mean(losses)), 4),
                "accuracy": round(right / seen, 4),
                "pairs": seen,
                "seconds": round(time.monotonic() - begun, 1),
            }
            with (work / "log.jsonl").open("a", encoding="utf-8") as log:
                log.write(json.dumps(line) + "\n")
            print(json.dumps(line), file=sys.stderr, flush=True)
            _save(checkpoint, model, optimiser, schedule, step + 1)
            losses, right, seen, begun = [], 0, 0, time.monotonic()
    checkpoint.unlink(missing_ok=True)


def _save(
    path: Path,
    model: PairNetwork,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LambdaLR,
    step: int,
) -> None:
    fresh = path.with_suffix(".new")
    torch.save(
        {
            "model": model.state_dict(),
            "optimiser": optimiser.state_dict(),
            "schedule": schedule.state_dict(),
            "step": step,
            "random": torch.get_rng_state(),
        },
        fresh,
    )
    fresh.rename(path)


def _resume(
    path: Path,
    model: PairNetwork,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LambdaLR,
) -> int:
    """Take up a checkpoint; the step to go on with."""
    if not path.is_file():
        return 0
    kept = torch.load(path, weights_only=True)
    model.load_state_dict(kept["model"])
    optimiser.load_state_dict(kept["optimiser"])
    schedule.load_state_dict(kept["schedule"])
    torch.set_rng_state(kept["random"])
    return int(kept["step"])


def batches_of(
    pairs: Sequence[Pair], table: StateTable, tokens: int, chance: random.Random | None
) -> list[list[int]]:
    """Indices in batches of like length, `tokens` each at most; shuffled if there is chance."""
    lengths = [len(table[pair.point]) + len(table[pair.answer]) for pair in pairs]
    jitter = [chance.random() * 6 if chance else 0.0 for _ in pairs]
    order = sorted(range(len(pairs)), key=lambda index: lengths[index] + jitter[index])
    batches: list[list[int]] = [[]]
    longest = 0
    for index in order:
        longest = max(longest, lengths[index])
        if batches[-1] and (len(batches[-1]) + 1) * longest > tokens:
            batches.append([])
            longest = lengths[index]
        batches[-1].append(index)
    if chance:
        chance.shuffle(batches)
    return batches


def predict(model: PairNetwork, table: StateTable, pairs: Sequence[Pair]) -> NDArray[np.float64]:
    """(len(pairs), classes): probabilities."""
    found = np.zeros((len(pairs), len(LABELS)))
    model.eval()
    with torch.inference_mode():
        for batch in batches_of(pairs, table, FORWARD_TOKENS, None):
            states = [(table[pairs[i].point], table[pairs[i].answer]) for i in batch]
            found[batch] = torch.softmax(model(*collate(states)), 1).numpy()
    return found


def figures(found: NDArray[np.float64], pairs: Sequence[Pair]) -> dict[str, float]:
    """Accuracy, macro-F1, and the area under the curve of agreeing against contradicting."""
    from evaluation.metrics import auc, macro_f1

    truth = np.array([pair.label for pair in pairs])
    said = found.argmax(axis=1)
    margin = np.log(found[:, AGREES] + 1e-6) - np.log(found[:, CONTRADICTS] + 1e-6)
    return {
        "pairs": len(pairs),
        "accuracy": float((said == truth).mean()),
        "macro_f1": macro_f1([LABELS[i] for i in truth], [LABELS[i] for i in said], LABELS),
        "auc": auc(margin[truth == AGREES], margin[truth == CONTRADICTS]),
    }
