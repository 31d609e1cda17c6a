"""`pointmark bench`: speed, beside the app people would write otherwise and the encoder alone."""

from __future__ import annotations

import click

from service.cli.common import as_json, show_json, told


class _Numbers(click.ParamType[tuple[int, ...]]):
    """Positive whole numbers with commas between."""

    name = "numbers"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """1,4,16 as (1, 4, 16)."""
        try:
            numbers = tuple(int(part) for part in str(value).split(","))
        except ValueError:
            numbers = (0,)
        if min(numbers) < 1:
            self.fail(f"{value!r} is not like 1,4,16", param, ctx)
        return numbers


@click.command()
@click.option("--quick", is_flag=True, help="Short stretches: a minute or two, and noisier.")
@click.option("--clients", type=_Numbers(), default="1,4,16", show_default=True)
@click.option("--seconds", type=click.FloatRange(min=0.1), help="Length of a stretch (10).")
@click.option("--rounds", type=click.IntRange(min=1), help="Stretches for each line (3).")
@click.option("--workers", type=click.IntRange(min=1), default=2, show_default=True)
@click.option(
    "--plain-threads",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Threads of torch in a process of the plain app.",
)
@as_json
@told
def bench(
    quick: bool,
    clients: tuple[int, ...],
    seconds: float | None,
    rounds: int | None,
    workers: int,
    plain_threads: int,
    as_json: bool,
) -> None:
    """Measure attempts graded and stored over HTTP, beside a plain app and the encoder's ceiling.

    Needs a checkout, and Linux; docs/benchmarks.md says how to read it.
    """
    try:
        from bench.run import Plan, measure
    except ModuleNotFoundError as missing:
        raise click.ClickException(
            f"the benchmark is in the repository, not in the installed package ({missing})"
        ) from missing
    plan = Plan(
        clients=clients,
        seconds=seconds or (4.0 if quick else 10.0),
        rounds=rounds or (1 if quick else 3),
        workers=workers,
        plain_threads=plain_threads,
        recorded=32 if quick else 128,
    )
    report = measure(plan)
    if as_json:
        show_json(report.data())
    else:
        click.echo(report.markdown())
