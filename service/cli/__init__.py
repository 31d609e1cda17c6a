"""The command `pointmark`. One module a group of commands; this one only gathers them.

Nothing heavy is imported before a command runs: `pointmark --help` answers at once. Results go to
standard output, progress and faults to standard error. Every command takes ``--json``.

Exit codes: 0 done; 1 done in part, or a check found something; 2 wrong usage or settings.
"""

from __future__ import annotations

import click

from service import __version__
from service.cli.agreement import evaluate, fit
from service.cli.attempts import export, grade
from service.cli.checkup import doctor
from service.cli.database import migrate, seed, setup
from service.cli.keys import key
from service.cli.questions import question
from service.cli.regrading import regrade
from service.cli.serving import serve, up
from service.cli.speed import bench
from service.cli.working import worker

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(context_settings=CONTEXT)
@click.version_option(__version__, message="%(version)s")
def main() -> None:
    """Serves interview questions and marks free-text answers point by point.

    Settings are environment variables (docs/operations.md lists them). Without DATABASE_URL the
    commands use the embedded Postgres under POINTMARK_HOME, and start and stop it as needed.
    """


for command in (
    *(up, serve, worker, setup, migrate, seed, grade, question, key, export, regrade),
    *(evaluate, fit, bench, doctor),
):
    main.add_command(command)
