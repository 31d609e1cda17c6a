"""`pointmark question`: checking question files and showing what is stored."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from service.cli.common import (
    as_json,
    dump,
    error_object,
    loaded_grader,
    opened_store,
    show_json,
    told,
)
from service.config import read_settings
from service.errors import InvalidInput

if TYPE_CHECKING:
    from service.grader import Grader


@click.group()
def question() -> None:
    """Check question files, show stored questions."""


@question.command()
@click.argument(
    "paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path), metavar="FILE…"
)
@click.option(
    "--no-encoder", is_flag=True, help="Skip the warnings that need the encoder; takes no time."
)
@click.option("--strict", is_flag=True, help="Count warnings as faults.")
@as_json
@told
def lint(paths: tuple[Path, ...], no_encoder: bool, strict: bool, as_json: bool) -> None:
    """Check question files, or all files of a folder.

    Faults: what the schema or the service would refuse. Warnings, from the encoder: two points
    too close to be told apart, a point too close to the prompt. Exit code 1 if there are faults.
    """
    grader = None if no_encoder else loaded_grader(read_settings())
    results = [_lint_file(path, grader) for path in _files(paths)]
    if as_json:
        show_json(results)
    else:
        for result in results:
            _print(result)
    bad = [r for r in results if r["faults"] or (strict and r["warnings"])]
    sys.exit(1 if bad or not results else 0)


def _files(paths: tuple[Path, ...]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted([*path.glob("*.yaml"), *path.glob("*.yml")])
        else:
            yield path


def _lint_file(path: Path, grader: Grader | None) -> dict[str, Any]:
    from service.seeding import read_question

    result: dict[str, Any] = {"file": str(path), "faults": [], "warnings": []}
    try:
        content = read_question(path)
    except InvalidInput as fault:
        shown = error_object(fault)
        result["faults"] = shown.get("errors") or [{"detail": shown["message"], "pointer": "#"}]
        return result
    if grader is not None:
        from service.grader import lint_question

        result["warnings"] = [
            {"code": found.code, "pointer": found.pointer, "detail": found.message}
            for found in lint_question(content, grader)
        ]
    return result


def _print(result: dict[str, Any]) -> None:
    state = "faults" if result["faults"] else "warnings" if result["warnings"] else "ok"
    click.echo(f"{result['file']}: {state}")
    for fault in result["faults"]:
        click.echo(f"  fault    {fault['pointer']}: {fault['detail']}")
    for warning in result["warnings"]:
        click.echo(f"  warning  {warning['pointer']}: {warning['detail']}")


@question.command()
@click.argument("ref")
@click.option("--version", "number", type=int, help="Its number; default: the draft or the newest.")
@as_json
@told
def show(ref: str, number: int | None, as_json: bool) -> None:
    """Show a stored question, by id or slug, with its points: the author's view, as YAML."""
    from service.content import content_to_dict
    from service.usecases import latest

    with opened_store() as store:
        version = latest(store, ref, number)
    content = content_to_dict(version.content)
    about = {
        "id": version.question_id,
        "version": version.number,
        "version_id": version.version_id,
        "status": version.status.value,
        "etag": version.etag,
    }
    if as_json:
        show_json(about | {"content": content})
        return
    import yaml

    click.echo("".join(f"# {name}: {value}\n" for name, value in about.items()), nl=False)
    click.echo(yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=100), nl=False)


@question.command("list")
@as_json
@told
def listing(as_json: bool) -> None:
    """List the stored questions, drafts too."""
    from service.exchange import QuestionFilter
    from service.usecases import list_questions

    cursor: str | None = None
    with opened_store() as store:
        while True:
            page = list_questions(store, QuestionFilter(), cursor=cursor, limit=100, author=True)
            for version in page.items:
                found = {
                    "id": version.question_id,
                    "slug": version.content.slug,
                    "version": version.number,
                    "status": version.status.value,
                }
                line = "{id}  v{version} {status:<9}  {slug}".format(**found)
                click.echo(dump(found) if as_json else line)
            cursor = page.next_cursor
            if cursor is None:
                return
