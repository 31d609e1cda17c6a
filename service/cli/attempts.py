"""`pointmark grade` and `pointmark export`: answers in bulk, one answer explained, attempts out."""

from __future__ import annotations

import contextlib
import csv
import io
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from service.cli.common import as_json, dump, loaded_grader, opened_store, say, show_json, told
from service.config import Settings, read_settings
from service.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from service.domain import Attempt

SEEDS = Path(__file__).resolve().parents[2] / "seed"


@click.command()
@click.option("--input", "source", type=click.Path(path_type=Path), help="JSON lines; - is stdin.")
@click.option("--output", "target", type=click.Path(path_type=Path), help="- is stdout (default).")
@click.option("--question", "-q", help="Slug of a question in seed/, or a question file.")
@click.option("--answer", "-a", help="The answer to mark; - reads it from standard input.")
@click.option("--explain", is_flag=True, help="Show the numbers behind each verdict.")
@as_json
@told
def grade(
    source: Path | None,
    target: Path | None,
    question: str | None,
    answer: str | None,
    explain: bool,
    as_json: bool,
) -> None:
    """Mark answers without storing them; needs no database.

    \b
    Many:  pointmark grade --input answers.jsonl --output grades.jsonl
    One:   pointmark grade --question exploding-gradients --answer "…" --explain

    Each input line is a body of POST /v1/grade. It comes out again, fields of your own included,
    with `grade` added. A bad line is reported, comes out as {"line": n, "error": …}, and makes
    the exit code 1 at the end; the rest is done.
    """
    if source is not None and question is None and answer is None:
        _grade_many(read_settings(), source, target or Path("-"), as_json)
    elif source is None and target is None and question is not None and answer is not None:
        _grade_one(read_settings(), question, answer, explain, as_json)
    else:
        raise click.UsageError("give --input (and --output), or --question and --answer")


def _grade_many(settings: Settings, source: Path, target: Path, as_json: bool) -> None:
    from service.cli.grading import Batch, parse_request
    from service.cli.stream import Stream

    with _reading(source) as incoming, _writing(target, source) as outgoing:
        say("loading the encoder")
        batch = Batch(loaded_grader(settings))
        stream = Stream(
            parse=lambda data: parse_request(data, settings),
            work=batch.grade,
            longest_line=settings.max_body_bytes,
        )
        tally = stream.run(incoming, outgoing)
    rate = tally.done / tally.seconds if tally.seconds else 0.0
    if as_json and str(target) != "-":
        show_json({"graded": tally.done, "failed": tally.failed, "seconds": tally.seconds})
    else:
        say(f"{tally.done:,} graded, {tally.failed:,} bad lines, {rate:,.1f} a second")
    sys.exit(1 if tally.failed else 0)


def _grade_one(settings: Settings, ref: str, text: str, explain: bool, as_json: bool) -> None:
    from service.cli.explain import describe
    from service.cli.grading import grade_answer
    from service.seeding import read_question

    content = read_question(_question_file(ref))
    if text == "-":
        text = sys.stdin.buffer.read().decode("utf-8", "surrogateescape")
    found = grade_answer(loaded_grader(settings), content, text, settings)
    if as_json:
        show_json(found)
        return
    for line in describe(found, explain=explain):
        click.echo(line)
    click.echo(f"\n{found['feedback']}")


def _question_file(ref: str) -> Path:
    """The file of a question that is named by its path, or by its slug among the seeds."""
    for path in (Path(ref), SEEDS / f"{ref}.yaml"):
        if path.is_file():
            return path
    known = ", ".join(sorted(path.stem for path in SEEDS.glob("*.yaml")))
    raise NotFound(f"no question file {ref}, and no such slug in seed/; there are: {known}")


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[IO[bytes]]:
    if str(path) == "-":
        yield sys.stdin.buffer
        return
    try:
        file = open(path, "rb")  # noqa: SIM115 (closed by the with below)
    except OSError as fault:
        raise InvalidInput(f"{path} cannot be read: {fault.strerror}") from fault
    with file:
        yield file


@contextlib.contextmanager
def _writing(path: Path, source: Path) -> Iterator[IO[bytes]]:
    if str(path) == "-":
        yield sys.stdout.buffer
        return
    if path.exists() and source.exists() and path.samefile(source):
        raise InvalidInput("--output is the file of --input; it would be emptied before it is read")
    try:
        file = open(path, "wb")  # noqa: SIM115 (closed by the with below)
    except OSError as fault:
        raise InvalidInput(f"{path} cannot be written: {fault.strerror}") from fault
    with file:
        yield file


@click.command()
@click.option("--questions", is_flag=True, help="All versions of all questions instead.")
@click.option(
    "--format",
    "shape",
    type=click.Choice(["jsonl", "csv", "parquet"]),
    default="jsonl",
    help="jsonl: everything (default). csv, parquet: a row of results for each attempt, without "
    "its text.",
)
@click.option("--output", "target", type=click.Path(path_type=Path), default=Path("-"))
@as_json
@told
def export(questions: bool, shape: str, target: Path, as_json: bool) -> None:
    """Write every attempt with its grades and reviews, newest first, streamed.

    JSON lines with or without --json, unless a table of results is asked for.
    """
    from service.cli.grading import shown_attempt, shown_version
    from service.usecases import export_attempts, export_questions

    if shape == "parquet" and str(target) == "-":
        raise InvalidInput("Parquet is for programs: name a file with --output")
    if questions and shape != "jsonl":
        raise InvalidInput(
            "versions have no table; pointmark question export --format csv writes what is current"
        )
    count = 0
    with opened_store() as store, _writing(target, Path("-")) as outgoing:
        if shape == "csv":
            count = _write_table(export_attempts(store), outgoing)
        elif shape == "parquet":
            from service.cli.parquet import write

            count = write(export_attempts(store), outgoing)
        else:
            shown = (
                map(shown_version, export_questions(store))
                if questions
                else map(shown_attempt, export_attempts(store))
            )
            for line in shown:
                outgoing.write((dump(line) + "\n").encode())
                count += 1
    say(f"{count:,} {'versions' if questions else 'attempts'}")


def _write_table(attempts: Iterable[Attempt], outgoing: IO[bytes]) -> int:
    """Write results as CSV; the number of rows."""
    text = io.TextIOWrapper(outgoing, encoding="utf-8", newline="", write_through=True)
    table = csv.DictWriter(text, COLUMNS)
    table.writeheader()
    count = 0
    for attempt in attempts:
        table.writerow(_row(attempt))
        count += 1
    text.detach()
    return count


COLUMNS = (
    *("attempt", "created_at", "question", "version", "session", "candidate", "language"),
    *("score", "by", "grader_score", "expected_error", "needs_review", "flags", "points"),
)


def _row(attempt: Attempt) -> dict[str, Any]:
    from service.interchange.table import guarded

    grade = attempt.grades[-1].grade
    return {
        "attempt": attempt.attempt_id,
        "created_at": attempt.created_at.isoformat(),
        "question": attempt.question_slug,
        "version": attempt.question_version,
        "session": attempt.session_id or "",
        "candidate": guarded(attempt.candidate),
        "language": attempt.language.value,
        "score": attempt.score,
        "by": "person" if attempt.reviews else "grader",
        "grader_score": grade.score,
        "expected_error": grade.expected_error,
        "needs_review": str(grade.needs_review).lower(),
        "flags": " ".join(flag.code.value for flag in grade.flags),
        "points": " ".join(f"{point.key}={point.verdict.value}" for point in grade.points),
    }
