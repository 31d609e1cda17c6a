"""`python -m training`: train the verifier, check its data, export it, measure it.

Needs the packages that `make install-dev` installs.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import click

from evaluation.data import data_folder, load
from service.encoder import load_encoder
from service.seeding import read_folder
from service.verifier import bundled_folder, load_verifier
from training import baseline, pairs
from training.export import export
from training.states import StateTable
from training.train import CONFIG, figures, read_config, train, training_pairs

ROOT = Path(__file__).resolve().parent.parent
Given = tuple[tuple[Path, Path, Path], dict[str, Any], Path]


@click.group()
@click.option("--pairs", "pairs_folder", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path))
@click.option("--questions", type=click.Path(path_type=Path), default=ROOT / "seed")
@click.option("--config", type=click.Path(path_type=Path), default=CONFIG)
@click.option("--work", type=click.Path(path_type=Path), default=ROOT / ".pointmark" / "training")
@click.pass_context
def main(
    context: click.Context,
    pairs_folder: Path | None,
    data: Path | None,
    questions: Path,
    config: Path,
    work: Path,
) -> None:
    """Train the verifier."""
    folders = (pairs.train_folder(pairs_folder), data_folder(data), questions)
    context.obj = (folders, read_config(config), work)


@main.command(name="train")
@click.pass_obj
def train_command(given: Given) -> None:
    """Train, going on from the last checkpoint, and write the model folder."""
    folders, config, work = given
    weights = train(folders, work, config)
    groups = {pair.group for pair in training_pairs(config, folders) if "/" in pair.group}
    encoder = load_encoder(None, threads=config["threads"])
    click.echo(f"wrote {export(weights, encoder, sorted(groups))}")


@main.command()
@click.pass_obj
def measure(given: Given) -> None:
    """Accuracy of the model folder on what was held out of training."""
    folders, config, work = given
    encoder = load_encoder(None, threads=config["threads"])
    table = StateTable(encoder, work)
    verifier = load_verifier(bundled_folder(), encoder.revision)
    for name, tests in held_out_pairs(folders, config["seed"]).items():
        table.learn(text for pair in tests for text in (pair.point, pair.answer))
        found = verifier.read([(table[pair.point], table[pair.answer]) for pair in tests])
        click.echo(json.dumps({"set": name, **figures(found, tests)}))


@main.command(name="baseline")
@click.pass_obj
def baseline_command(given: Given) -> None:
    """What words alone tell of the labels: little is good."""
    folders, config, _ = given
    found = baseline.check(training_pairs(config, folders), config["seed"])
    click.echo(json.dumps(found))


def held_out_pairs(folders: tuple[Path, Path, Path], seed: int) -> dict[str, list[pairs.Pair]]:
    """Pairs of questions that training has not seen, by source and language."""
    from service.domain import Language
    from service.grader.language import detect

    _, data, questions = folders
    rows = [row for row in load(data) if pairs.held_out(row.group)]
    found: dict[str, list[pairs.Pair]] = {}
    for pair in pairs.graded(rows, seed):
        found.setdefault(pair.source, []).append(pair)
    ours = [q for q in read_folder(questions) if pairs.held_out(f"bank/{q.slug}")]
    for pair in pairs.of_questions(ours, seed):
        languages = {detect(pair.point), detect(pair.answer)}
        kind = next(iter(languages)) if len(languages) == 1 else "across"
        name = f"{pair.source} {Language(kind).value if kind != 'across' else kind}"
        found.setdefault(name, []).append(pair)
    chance = random.Random(seed)
    return {name: chance.sample(made, min(1000, len(made))) for name, made in found.items()}


if __name__ == "__main__":
    main()
