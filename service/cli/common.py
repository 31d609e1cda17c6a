"""What the commands share: settings, the database, output, and faults turned into words."""

from __future__ import annotations

import contextlib
import functools
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

from service.config import Settings, read_settings
from service.errors import ConfigurationError, InvalidInput, PointmarkError

if TYPE_CHECKING:
    from service.grader import Grader
    from service.store import Store

P = ParamSpec("P")
R = TypeVar("R")

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs to read.")


def say(text: str) -> None:
    """Progress, on standard error, so that it never mixes with results.

    A terminal that was closed is no reason to stop halfway through putting things in order.
    """
    with contextlib.suppress(OSError):
        click.echo(text, err=True)


def show_json(value: object) -> None:
    """One JSON document on standard output, readable text kept as it is."""
    click.echo(dump(value, indent=2))


def dump(value: object, indent: int | None = None) -> str:
    """JSON text; half surrogates, which no file can hold, come out escaped."""
    text = json.dumps(value, ensure_ascii=False, indent=indent, default=_plain)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, indent=indent, default=_plain)
    return text


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, set | frozenset | tuple):
        return sorted(value) if isinstance(value, set | frozenset) else list(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def told(command: Callable[P, R]) -> Callable[P, R]:
    """Print our own errors as a message instead of a traceback.

    As JSON where the command was given ``--json``: `{"error": {"message": ..., "errors": [...]}}`.
    """

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except PointmarkError as fault:
            _tell(fault, structured=bool(kwargs.get("as_json")))
            sys.exit(2 if isinstance(fault, ConfigurationError) else 1)

    return wrapped


def _tell(fault: PointmarkError, *, structured: bool) -> None:
    if structured:
        show_json({"error": error_object(fault)})
        return
    say(f"error: {fault}")
    if isinstance(fault, InvalidInput):
        for field in fault.faults:
            if field.detail not in str(fault):
                say(f"  {field.pointer}: {field.detail}")


def error_object(fault: PointmarkError) -> dict[str, Any]:
    """A fault as data: the message, and the fields concerned if it has any."""
    shown: dict[str, Any] = {"message": str(fault)}
    if isinstance(fault, InvalidInput) and fault.faults:
        shown["errors"] = [
            {"detail": field.detail, "pointer": field.pointer} for field in fault.faults
        ]
    if isinstance(fault, ConfigurationError):
        shown["errors"] = [{"detail": detail} for detail in fault.faults]
    return shown


@contextlib.contextmanager
def database(settings: Settings) -> Iterator[str]:
    """The address of the database: the one set, or the embedded one, running for the block."""
    if settings.database_url is not None:
        yield settings.database_url
        return
    from service.localdb import LocalDatabase

    with LocalDatabase(settings.home, say=say).use() as url:
        yield url


@contextlib.contextmanager
def opened_store(settings: Settings | None = None) -> Iterator[Store]:
    """A store on the database, closed afterwards."""
    from service.store import Store

    with database(settings or read_settings()) as url:
        store = Store(url)
        try:
            yield store
        finally:
            store.close()


def loaded_grader(settings: Settings) -> Grader:
    """The encoder and the calibration that the settings name."""
    from service.assembly import load_grader

    return load_grader(settings)
