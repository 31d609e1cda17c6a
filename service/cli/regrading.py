"""`pointmark regrade`: what another rubric or calibration would change, and the change itself."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from service.cli.common import as_json, loaded_grader, opened_store, say, show_json, told
from service.config import read_settings

if TYPE_CHECKING:
    from service.domain import QuestionVersion
    from service.regrading import Movements

_BAR = 40


@click.command()
@click.argument("question")
@click.option("--commit", is_flag=True, help="Keep the new grades; without it nothing is written.")
@click.option(
    "--pass-mark",
    type=click.FloatRange(0, 100),
    help="Count who would pass it, and who would no longer.",
)
@as_json
@told
def regrade(question: str, commit: bool, pass_mark: float | None, as_json: bool) -> None:
    """Mark the stored answers to a QUESTION again, by its published version.

    First without --commit: it shows how many scores change, by how much, and who would cross a pass
    mark. With it, each attempt gets one more grade; earlier grades stay, and reviews still win. A
    run that was interrupted is run again and goes on where it stopped.
    """
    from service.api.views import movements
    from service.regrading import regrade as run
    from service.usecases import QuestionCache

    settings = read_settings()
    say("loading the encoder")
    grader = loaded_grader(settings)
    with opened_store(settings) as store:
        version, found = run(
            store,
            grader,
            QuestionCache(),
            question,
            commit=commit,
            pass_mark=pass_mark,
            told=_progress if sys.stderr.isatty() else None,
        )
    if as_json:
        named = {"question": version.content.slug, "version": version.number}
        show_json(named | movements(found))
    else:
        _print(version, found, commit=commit)


def _progress(found: Movements) -> None:
    click.echo(f"\r{found.attempts} attempts, {found.changed} change", err=True, nl=False)


def _print(version: QuestionVersion, found: Movements, *, commit: bool) -> None:
    from service.regrading import BIN

    click.echo(
        f"{version.content.slug}, version {version.number}: {found.attempts} attempts, "
        f"{found.up_to_date} up to date, {found.changed} scores change, by {found.mean:+.1f} on "
        "average"
    )
    if found.reviewed:
        click.echo(f"{found.reviewed} of these have a review, which still wins")
    most = max(found.histogram.values(), default=1)
    for edge, count in sorted(found.histogram.items()):
        bar = "#" * max(1, round(_BAR * count / most))
        click.echo(f"{edge:+5d} to {edge + BIN:+4d}  {bar} {count}")
    if found.pass_mark is not None:
        click.echo(
            f"pass mark {found.pass_mark:g}: {found.risen_above} rise above, "
            f"{found.fallen_below} fall below"
        )
    for move in found.movers:
        click.echo(f"  {move.attempt_id}  {move.before:.1f} to {move.after:.1f}")
    if commit:
        click.echo(f"{found.written} grades written")
    elif found.changed:
        click.echo("nothing was written; --commit keeps the new grades")
