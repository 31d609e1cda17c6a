"""A local run: everything started in order, watched, and stopped in order.

What is started: the embedded Postgres (unless DATABASE_URL names another), then gunicorn and a
worker as children in sessions of their own. Ctrl-C, SIGTERM, a closed terminal and a vanished
parent (`make` killed) all end the same way: gunicorn finishes its requests and the worker its jobs,
then the database stops.

When this process itself is killed, Linux tells the two to stop; elsewhere the next run finds them
by their pid files, makes sure that they are what the files say, and stops them. The database is
then found running and used again.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import IO, TYPE_CHECKING

import click

from service.cli.common import dump, say
from service.cli.samples import Client, Unreachable, show_samples
from service.cli.serving import gunicorn_command
from service.config import SETTINGS, Settings
from service.errors import PointmarkError
from service.localdb import LocalDatabase

if TYPE_CHECKING:
    from service.store import Store

READY_LIMIT_S = 300.0
"""A slow disk may take minutes to bring torch and the model into memory for the first time."""
GRACE_S = 35.0
"""gunicorn gives requests 30 s to finish."""
_WORKER = ("-m", "service", "worker")
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class CannotRun(PointmarkError):
    """The local run cannot start or go on."""


class _Asked(Exception):
    """A signal asked for the end."""


class LocalRun:
    """One run, from start to stop."""

    def __init__(
        self,
        settings: Settings,
        *,
        samples: bool,
        with_parent: bool = False,
        as_json: bool = False,
    ) -> None:
        self._settings = settings
        self._samples = samples
        self._as_json = as_json
        self._home = Path(os.path.abspath(settings.home))
        self._log_path = self._home / "service.log"
        self._pid_file = self._home / "gunicorn.pid"
        self._worker_file = self._home / "worker.pid"
        self._parent = os.getppid() if with_parent else None
        self._database: LocalDatabase | None = None

    @property
    def base(self) -> str:
        """Where the service answers."""
        host = "127.0.0.1" if self._settings.host in {"0.0.0.0", "::"} else self._settings.host
        return f"http://{host}:{self._settings.port}"

    def run(self) -> int:
        """Run until asked to stop; the exit code."""
        _raise_on_signals()
        try:
            self._home.mkdir(parents=True, exist_ok=True)
            with self._alone():
                self._end_leftovers()
                self._check_port()
                with self._database_running() as url:
                    self._serve(url)
        except _Asked:
            say("stopped")
        except OSError as fault:
            raise CannotRun(f"cannot use {self._home}: {fault}") from fault
        return 0

    # ------------------------------------------------------------------ before the start

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the lock that makes this the only local run of its home folder."""
        with open(self._home / "run.lock", "a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise CannotRun(
                    f"a local run of {self._home} is up already ({lock.read().strip()}): stop it "
                    "with Ctrl-C there, or set POINTMARK_HOME and POINTMARK_PORT for another"
                ) from None
            lock.truncate(0)
            lock.write(f"process {os.getpid()}, {self.base}")
            lock.flush()
            yield

    def _end_leftovers(self) -> None:
        """Stop the processes of a killed run, if they are its: a number alone proves nothing."""
        for file, mark in (
            (self._pid_file, str(self._pid_file)),
            (self._worker_file, " ".join(_WORKER)),
        ):
            pid = _read_number(file)
            file.unlink(missing_ok=True)  # gunicorn refuses to start beside a stale one.
            if pid is not None and mark in _command_line(pid):
                say(f"stopping a process of an earlier run that was killed (process {pid})")
                _stop(pid, mark)

    def _check_port(self) -> None:
        """Say at once that the port is taken, not after half a minute of starting."""
        family = socket.AF_INET6 if ":" in self._settings.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self._settings.host, self._settings.port))
            except OSError as fault:
                raise CannotRun(
                    f"port {self._settings.port} on {self._settings.host} cannot be used "
                    f"({fault.strerror}): stop what listens there, or take another with "
                    f"POINTMARK_PORT={self._settings.port + 1}"
                ) from fault

    @contextlib.contextmanager
    def _database_running(self) -> Iterator[str]:
        if self._settings.database_url is not None:
            yield self._settings.database_url
            return
        say("starting the database")
        self._database = LocalDatabase(self._settings.home, say=say)
        with self._database.use() as url:
            try:
                yield url
            finally:
                say("stopping the database")

    # ------------------------------------------------------------------ the service

    def _serve(self, url: str) -> None:
        begun = time.monotonic()
        made = self._prepare(url)
        with open(self._log_path, "ab+") as log:
            log.seek(0, os.SEEK_END)
            said_before = log.tell()
            say("starting the service")
            children = [self._launch([*gunicorn_command(), "--pid", str(self._pid_file)], url, log)]
            try:
                self._await_ready(children[0], said_before)
                # After it, so that the two do not load their models against each other.
                children.append(self._launch([sys.executable, *_WORKER], url, log))
                self._worker_file.write_text(f"{children[1].pid}\n", encoding="ascii")
                self._announce(made, time.monotonic() - begun)
                self._watch(children, log)
            finally:
                self._end(children)

    def _prepare(self, url: str) -> str | None:
        """Bring the database up to date; a new admin key if one had to be made up."""
        from service.cli.database import prepare
        from service.store import Store, migrate

        say("migrating the database, loading the questions")
        migrate(url)
        report, made = prepare(self._settings, url)
        for slug, reason in report.skipped:
            say(f"  {slug} was left alone: {reason}")
        say(f"  {len(report.created) + len(report.updated)} new, {len(report.unchanged)} unchanged")
        if self._samples:
            store = Store(url)
            try:
                self._local_key(store)
            finally:
                store.close()
        return made

    def _local_key(self, store: Store) -> None:
        """Keep a key for this run's own samples, beside the database's own password.

        It may only read questions and make attempts. Made anew when the database does not know
        it any more.
        """
        from service.domain import Scope
        from service.errors import Unauthenticated
        from service.usecases import authenticate, create_key

        with contextlib.suppress(OSError, Unauthenticated):
            token = self.key_file.read_text(encoding="ascii").strip()
            authenticate(store, token, rate_limit=0, rate_window_s=60)
            return
        scopes = [Scope.QUESTIONS_READ, Scope.ATTEMPTS_WRITE, Scope.ATTEMPTS_READ]
        _, token = create_key(store, name="local samples", scopes=scopes, actor=None)
        self.key_file.unlink(missing_ok=True)
        descriptor = os.open(self.key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(token + "\n")

    @property
    def key_file(self) -> Path:
        """Where the key for the samples is kept."""
        return self._home / "local-key"

    def _launch(self, command: list[str], url: str, log: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            env=os.environ | {SETTINGS["database_url"]: url},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # Ctrl-C must reach it through us, once, and as a request to finish its work.
            start_new_session=True,
            preexec_fn=_end_with_parent(),
        )

    def _await_ready(self, child: subprocess.Popen[bytes], said_before: int) -> None:
        client = Client(self.base)
        begun = said = time.monotonic()
        before = ""
        while True:
            self._check_parent()
            if child.poll() is not None:
                raise CannotRun(f"the service did not start:\n{self._said(said_before)}")
            ready, why = client.readiness()
            if ready:
                return
            now = time.monotonic()
            if now - begun > READY_LIMIT_S:
                raise CannotRun(
                    f"the service is not ready after {READY_LIMIT_S:.0f} s ({why}):\n"
                    f"{self._said(said_before)}"
                )
            if now - said > (10 if why == before else 2):
                said, before = now, why
                say(f"  waiting, {now - begun:.0f} s: {why}")
            time.sleep(0.1)

    def _said(self, since: int) -> str:
        """The end of the service's log."""
        with open(self._log_path, "rb") as log:
            log.seek(since)
            return "\n".join(log.read().decode("utf-8", "replace").strip().split("\n")[-15:])

    def _announce(self, made: str | None, seconds: float) -> None:
        if self._as_json:
            click.echo(dump({"url": self.base, "key": made, "log": self._log_path}))
            sys.stdout.flush()
            return
        if self._samples:
            token = self.key_file.read_text(encoding="ascii").strip()
            try:
                show_samples(Client(self.base, token), shown_path(self.key_file))
            except Unreachable as fault:
                say(f"the sample could not be graded: {fault}")
        click.echo(f"\nPointmark is ready on {self.base} after {seconds:.1f} s.")
        click.echo(f"  documentation  {self.base}/docs")
        click.echo(f"  log            {shown_path(self._log_path)}")
        if made is not None:
            click.echo(f"  admin key      {made}")
            click.echo("                 (shown this once; store it now)")
        elif self._settings.admin_key is not None:
            click.echo("  admin key      the one in POINTMARK_ADMIN_KEY")
        else:
            click.echo("  admin key      shown at the first run; make another with")
            click.echo(f"                 {shown_command()} key create NAME --scope admin")
        click.echo("Ctrl-C stops everything.")
        sys.stdout.flush()

    def _watch(self, children: list[subprocess.Popen[bytes]], log: IO[bytes]) -> None:
        """Until asked to stop: keep the database up, and leave when the service or `make` does."""
        looked = time.monotonic()
        while not (ended := [child for child in children if child.poll() is not None]):
            self._check_parent()
            time.sleep(0.25)
            if self._database is not None and time.monotonic() - looked > 2:
                looked = time.monotonic()
                self._database.revive()
        log.seek(0, os.SEEK_END)
        what = "service" if ended[0] is children[0] else "worker"
        raise CannotRun(
            f"the {what} stopped by itself (exit code {ended[0].returncode}):\n"
            f"{self._said(max(0, log.tell() - 4000))}"
        )

    def _check_parent(self) -> None:
        """Whoever called us is gone: nobody is left to press Ctrl-C."""
        if self._parent is not None and os.getppid() != self._parent:
            raise _Asked

    def _end(self, children: list[subprocess.Popen[bytes]]) -> None:
        """Stop them: in order first, by force on a second signal or when it takes too long."""
        if any(child.poll() is None for child in children):
            say("\nstopping the service")
            with contextlib.suppress(subprocess.TimeoutExpired, _Asked):
                for child in children:
                    child.terminate()
                for child in children:
                    child.wait(timeout=GRACE_S)
        for child in children:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                # Their own children too, should any be left: the session is the child's own.
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        for file in (self._pid_file, self._worker_file):
            file.unlink(missing_ok=True)


def _stop(pid: int, mark: str) -> None:
    """Stop a process that is no child of ours, as long as `mark` is in how it was called."""
    for how, limit in ((signal.SIGTERM, GRACE_S), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, how)
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            if mark not in _command_line(pid):
                return
            time.sleep(0.1)


def shown_path(path: Path) -> str:
    """A path as short as it can be shown here."""
    with contextlib.suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)


def shown_command() -> str:
    """How this program is called from here."""
    return f"{shown_path(Path(sys.executable))} -m service"


def _raise_on_signals() -> None:
    """Turn every request to stop into one exception, so that `finally` and `with` do their work."""

    def asked(number: int, frame: FrameType | None) -> None:
        raise _Asked

    for number in _STOPPING:
        # Under nohup the closing of the terminal is to be ignored, and stays so.
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, asked)


def _end_with_parent() -> Callable[[], None] | None:
    """A function for the child, run before exec: have Linux end it when we are killed."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()
    set_death_signal = 1  # PR_SET_PDEATHSIG

    def prepare() -> None:
        libc.prctl(set_death_signal, signal.SIGTERM)
        if os.getppid() != parent:  # We were killed in between.
            os._exit(1)

    return prepare


def _read_number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _command_line(pid: int) -> str:
    """How a process was called; empty when there is none."""
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
        return words.decode("utf-8", "replace")
    if Path("/proc/self").exists():
        return ""
    asked = subprocess.run(
        ["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return asked.stdout.strip()
