"""`pointmark question`: checking files, showing what is stored, files from and for elsewhere."""

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
    say,
    show_json,
    told,
)
from service.config import read_settings
from service.errors import InvalidInput

if TYPE_CHECKING:
    from service.domain import Question
    from service.grader import Grader
    from service.store import Store

FORMATS = ("yaml", "csv", "moodle-xml", "gift", "qti")
WRITTEN = ("yaml", "csv", "moodle-xml", "qti")
_BY_SUFFIX = {
    ".yaml": "yaml",
    ".yml": "yaml",
    ".csv": "csv",
    ".gift": "gift",
    ".zip": "qti",
}


@click.group()
def question() -> None:
    """Check question files, show stored questions, import and export them."""


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
    from service.interchange.yaml_text import dump_all

    click.echo("".join(f"# {name}: {value}\n" for name, value in about.items()), nl=False)
    click.echo(dump_all([content]), nl=False)


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


@question.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "shape",
    type=click.Choice(FORMATS),
    help="Default: by the end of the file's name; XML has to be named.",
)
@click.option("--commit", is_flag=True, help="Store them; without it nothing is stored.")
@click.option("--skip-invalid", is_flag=True, help="Pass over items with faults.")
@as_json
@told
def import_file(
    file: Path, shape: str | None, commit: bool, skip_invalid: bool, as_json: bool
) -> None:
    """Import questions from FILE (- is standard input) as drafts, all or none.

    Without --commit it shows what each item would become, what is lost on the way, and what keeps
    it from being accepted. Exit code 1 if something does.
    """
    from service.api.views import import_preview, import_report
    from service.assembly import limits_of
    from service.importing import Action, preview, run

    settings = read_settings()
    limits = limits_of(settings)
    form, data = shape or _form_of(file), _read(file)
    with opened_store(settings) as store:
        if commit:
            plan = run(store, form, data, actor=None, skip_invalid=skip_invalid, limits=limits)
            report = import_report(plan)
        else:
            plan = preview(store, form, data, limits=limits)
            report = import_preview(plan)
    if as_json:
        show_json(report)
    else:
        for item in report["items"]:
            _print_item(item)
        say("stored as drafts" if commit else "nothing was stored; --commit stores them")
    sys.exit(1 if any(each.action is Action.REFUSE for each in plan) else 0)


def _form_of(file: Path) -> str:
    form = _BY_SUFFIX.get(file.suffix.lower())
    if form is None:
        raise InvalidInput(f"the format of {file} cannot be told by its name; name it: --format")
    return form


def _read(file: Path) -> bytes:
    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as fault:
        raise InvalidInput(f"{file} cannot be read: {fault.strerror}") from fault


def _print_item(item: dict[str, Any]) -> None:
    click.echo(f"{item['item']:>4}  {item['action']:<9}  {item['slug'] or item['title']}")
    for fault in item["faults"]:
        click.echo(f"      fault  {fault['pointer']}: {fault['detail']}")
    for note in [item["reason"], *item["notes"]]:
        if note is not None:
            click.echo(f"      note   {note}")


@question.command("export")
@click.argument("refs", nargs=-1, metavar="[REF…]")
@click.option("--format", "shape", type=click.Choice(WRITTEN), default="yaml", show_default=True)
@click.option("--output", "target", type=click.Path(path_type=Path), default=Path("-"))
@click.option("--published", is_flag=True, help="What is served, instead of drafts.")
@as_json
@told
def export_file(
    refs: tuple[str, ...], shape: str, target: Path, published: bool, as_json: bool
) -> None:
    """Write questions, all or those named by id or slug, as a file for other systems.

    The newest version of each; `pointmark export --questions` writes every version.
    """
    from service import interchange

    with opened_store() as store:
        found = _chosen(store, refs, published)
    written = interchange.write(shape, found)
    if str(target) == "-":
        sys.stdout.buffer.write(written)
        sys.stdout.buffer.flush()
    else:
        try:
            target.write_bytes(written)
        except OSError as fault:
            raise InvalidInput(f"{target} cannot be written: {fault.strerror}") from fault
    if as_json and str(target) != "-":
        show_json({"questions": len(found), "output": target})
    else:
        say(f"{len(found):,} questions")


def _chosen(store: Store, refs: tuple[str, ...], published: bool) -> list[Question]:
    from service import usecases
    from service.exchange import QuestionFilter

    if refs:
        read = usecases.published if published else usecases.latest
        return [read(store, ref).content for ref in refs]
    found: list[Question] = []
    cursor: str | None = None
    while True:
        page = usecases.list_questions(
            store, QuestionFilter(), cursor=cursor, limit=100, author=not published
        )
        found += [version.content for version in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return found
