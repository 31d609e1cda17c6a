"""`pointmark doctor`: is everything here that the service needs, and what to do if not."""

from __future__ import annotations

import os
import platform
import re
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import click

from service.cli.common import as_json, say, show_json, told
from service.config import Settings, read_settings
from service.errors import ConfigurationError, PointmarkError

LOCK = Path(__file__).resolve().parents[2] / "requirements.txt"
OLDEST_POSTGRES = 14
WORKER_MB = 700
"""Memory of one worker process with torch and the bundled model, roughly."""


class State(StrEnum):
    """How one thing was found."""

    OK = "ok"
    WARNING = "warning"
    """Works, but not as well as it could."""
    FAULT = "fault"
    """Does not work."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing looked at."""

    name: str
    state: State
    detail: str
    remedy: str = ""
    """What to do; empty when nothing has to be done."""


@click.command()
@as_json
@told
def doctor(as_json: bool) -> None:
    """Check this machine, the installation, the encoder and the database; print remedies.

    Changes nothing and starts nothing. Exit code 1 if something does not work.
    """
    findings = []
    for found in _examine():
        findings.append(found)
        if not as_json:
            _print(found)
    if as_json:
        show_json([asdict(found) for found in findings])
    sys.exit(1 if any(found.state is State.FAULT for found in findings) else 0)


def _print(found: Finding) -> None:
    mark = {State.OK: "ok  ", State.WARNING: "warn", State.FAULT: "FAIL"}[found.state]
    click.echo(f"{mark}  {found.name:<12} {found.detail}")
    if found.remedy:
        click.echo(f"      {'':<12} -> {found.remedy}")


def _examine() -> Iterator[Finding]:
    """Everything, quick things first. One check that breaks does not hide the others."""
    yield _python()
    try:
        settings = read_settings()
    except ConfigurationError as fault:
        detail = "; ".join(fault.faults)
        yield Finding(
            name="settings",
            state=State.FAULT,
            detail=detail,
            remedy="see the configuration table in docs/operations.md",
        )
        settings = Settings()
    else:
        yield Finding(name="settings", state=State.OK, detail="all can work together")
    checks: list[Callable[[Settings], Finding]] = [
        *(_packages, _torch, _processors, _memory, _disk, _port, _database, _encoder),
    ]
    for check in checks:
        yield _guarded(check, settings)


def _guarded(check: Callable[[Settings], Finding], settings: Settings) -> Finding:
    try:
        return check(settings)
    except PointmarkError as fault:
        detail = str(fault)
    except Exception as fault:
        # The doctor looks at broken installations: anything may be raised there.
        detail = f"{type(fault).__name__}: {fault}"
    return Finding(name=check.__name__.strip("_"), state=State.FAULT, detail=detail)


def _python() -> Finding:
    fits = sys.version_info >= (3, 11)
    return Finding(
        name="python",
        state=State.OK if fits else State.FAULT,
        detail=f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        remedy="" if fits else "install Python 3.11 or newer and make .venv with it",
    )


def _packages(_: Settings) -> Finding:
    """Installed versions against the lock."""
    from importlib.metadata import PackageNotFoundError, version

    wrong = []
    for line in LOCK.read_text(encoding="utf-8").splitlines():
        match = re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;]+)(.*)", line)
        if match is None or "sys_platform ==" in match[3] or "emscripten" in match[3]:
            continue
        try:
            found = version(match[1]).split("+")[0]
        except PackageNotFoundError:
            found = "missing"
        if found != match[2]:
            wrong.append(f"{match[1]} is {found}, locked is {match[2]}")
    return Finding(
        name="packages",
        state=State.WARNING if wrong else State.OK,
        detail="; ".join(wrong) or "as locked",
        remedy="make install" if wrong else "",
    )


def _torch(_: Settings) -> Finding:
    """A CUDA build works, but takes gigabytes for nothing."""
    from importlib.metadata import distributions, version

    cuda = [d.name for d in distributions() if (d.name or "").startswith("nvidia-")]
    return Finding(
        name="torch",
        state=State.WARNING if cuda else State.OK,
        detail=f"{version('torch')}" + (f" with {len(cuda)} CUDA packages" if cuda else ""),
        remedy="make clean install takes the CPU build where one can be had" if cuda else "",
    )


def _processors(settings: Settings) -> Finding:
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    busy = settings.workers * settings.encoder_threads
    crowded = available is not None and busy > available
    return Finding(
        name="processors",
        state=State.WARNING if crowded else State.OK,
        detail=f"{available} for {settings.workers} workers with {settings.encoder_threads} "
        "encoder threads each",
        remedy="lower POINTMARK_WORKERS or POINTMARK_ENCODER_THREADS" if crowded else "",
    )


def _memory(settings: Settings) -> Finding:
    available = _available_mb()
    needed = settings.workers * WORKER_MB
    short = available is not None and available < needed
    shown = "unknown" if available is None else f"{available:,} MB available"
    return Finding(
        name="memory",
        state=State.WARNING if short else State.OK,
        detail=f"{shown}; {settings.workers} workers take about {needed:,} MB",
        remedy="lower POINTMARK_WORKERS" if short else "",
    )


def _available_mb() -> int | None:
    """Memory that can be had without swapping; None where the system does not say."""
    try:
        text = Path("/proc/meminfo").read_text(encoding="ascii")
    except OSError:
        return None
    match = re.search(r"^MemAvailable:\s+(\d+) kB", text, re.MULTILINE)
    return int(match[1]) // 1024 if match else None


def _disk(settings: Settings) -> Finding:
    folder = Path(os.path.abspath(settings.home))
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free / 1e9
    writable = os.access(folder, os.W_OK)
    remedy = "free some space" if free < 1 else ""
    if not writable:
        remedy = "set POINTMARK_HOME to a folder this user may write"
    return Finding(
        name="disk",
        state=State.FAULT if not writable else State.WARNING if free < 1 else State.OK,
        detail=f"{free:.1f} GB free at {folder}" + ("" if writable else ", not writable"),
        remedy=remedy,
    )


def _port(settings: Settings) -> Finding:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as fault:
            return Finding(
                name="port",
                state=State.WARNING,
                detail=f"{settings.host}:{settings.port}: {fault.strerror}",
                remedy="fine if Pointmark runs there already; else set POINTMARK_PORT",
            )
    return Finding(name="port", state=State.OK, detail=f"{settings.host}:{settings.port} is free")


def _database(settings: Settings) -> Finding:
    from service.localdb import LocalDatabase, check_programs

    if settings.database_url is not None:
        return _database_at(settings.database_url, "DATABASE_URL")
    local = LocalDatabase(settings.home)
    address = local.address()
    if address is not None:
        return _database_at(address, f"embedded, in {local.folder()}")
    return Finding(
        name="database",
        state=State.OK,
        detail=f"embedded Postgres {check_programs()}, not running now, data in {local.folder()}",
    )


def _database_at(url: str, what: str) -> Finding:
    import psycopg

    from service.store import Store

    try:
        with psycopg.connect(url.replace("+psycopg", "", 1), connect_timeout=5) as connection:
            major = connection.info.server_version // 10_000
    except psycopg.OperationalError as fault:
        return Finding(
            name="database",
            state=State.FAULT,
            detail=f"{what}: {str(fault).strip().splitlines()[0]}",
            remedy="start it, or correct DATABASE_URL",
        )
    if major < OLDEST_POSTGRES:
        return Finding(
            name="database",
            state=State.FAULT,
            detail=f"{what}: Postgres {major}",
            remedy=f"Postgres {OLDEST_POSTGRES} or newer is needed",
        )
    store = Store(url)
    pending = store.ready()
    store.close()
    return Finding(
        name="database",
        state=State.FAULT if pending else State.OK,
        detail="; ".join([f"{what}: Postgres {major}", *pending]),
    )


def _encoder(settings: Settings) -> Finding:
    """The real thing: checksums, loading, one text, and whether the calibration belongs to it."""
    from service.cli.common import loaded_grader

    say("      loading the encoder …")
    begun = time.monotonic()
    grader = loaded_grader(settings)
    return Finding(
        name="encoder",
        state=State.OK,
        detail=f"{grader.encoder_name} ({grader.encoder_revision[:12]}) with "
        f"{grader.verifier_name or 'no verifier'} and calibration {grader.calibration_id}, "
        f"loaded in {time.monotonic() - begun:.1f} s",
    )
