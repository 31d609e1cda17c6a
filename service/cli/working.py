"""`pointmark worker`: what is done in the background."""

from __future__ import annotations

import logging.config

import click

from service.cli.common import database, say, told
from service.config import read_settings


@click.command()
@click.option(
    "--stalled-after",
    type=click.FloatRange(1, 3600),
    default=30.0,
    show_default=True,
    help="Seconds of silence after which another worker is taken for dead.",
)
@told
def worker(stalled_after: float) -> None:
    """Do background work, until stopped: batches, regrades, webhooks, retention.

    Any number of workers on any machines may share one database. SIGTERM or Ctrl-C ends it in
    order: jobs at work finish or are handed back, and other workers go on with them. A worker that
    is killed loses nothing; its jobs are taken over.
    """
    from service.api.logs import configuration
    from service.assembly import check_grader
    from service.working import run

    settings = read_settings()
    check_grader(settings)
    logging.config.dictConfig(configuration(settings.log_level))
    with database(settings) as url:
        say("working; Ctrl-C stops")
        run(settings, url, stalled_s=stalled_after)
