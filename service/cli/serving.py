"""`pointmark serve` and `pointmark up`: the service itself."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from service.cli.common import as_json, say, told
from service.config import read_settings

GUNICORN_CONF = Path(__file__).resolve().parent.parent / "gunicorn_conf.py"


def gunicorn_command() -> list[str]:
    """How the service is started; everything else is in its configuration file."""
    return [sys.executable, "-m", "gunicorn", "-c", str(GUNICORN_CONF), "service.wsgi:app"]


@click.command()
@as_json
@told
def serve(as_json: bool) -> None:
    """Serve HTTP with gunicorn, on the database that DATABASE_URL names.

    The database must be migrated (`pointmark migrate`). Becomes gunicorn, so that signals from a
    process manager reach it. Without DATABASE_URL it serves on the embedded Postgres, as
    `pointmark up` does, but with no samples.
    """
    settings = read_settings()
    if settings.database_url is None:
        from service.cli.local import LocalRun

        sys.exit(LocalRun(settings, samples=False, as_json=as_json).run())
    say(f"serving on http://{settings.host}:{settings.port}")
    os.execv(sys.executable, gunicorn_command())


@click.command()
@click.option("--samples/--no-samples", default=True, help="Grade two sample answers on screen.")
@click.option(
    "--stop-with-parent", is_flag=True, help="End when the calling process does; for make."
)
@as_json
@told
def up(samples: bool, stop_with_parent: bool, as_json: bool) -> None:
    """Start everything here: database, migrations, questions, service; `make run` calls this.

    Ctrl-C stops all of it. With --json, one line of JSON says when and where the service is
    ready.
    """
    from service.cli.local import LocalRun

    run = LocalRun(read_settings(), samples=samples, with_parent=stop_with_parent, as_json=as_json)
    sys.exit(run.run())
