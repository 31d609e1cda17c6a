"""Starting and stopping what is measured, and what it holds of memory.

Everything is a process group of its own, so that one signal ends a server with all its workers,
and is ended on every way out of the block that started it.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from service.errors import PointmarkError

ROOT = Path(__file__).resolve().parent.parent
READY_LIMIT_S = 300.0
_STOP_LIMIT_S = 40.0
_PAUSE_S = 0.02


class CannotMeasure(PointmarkError):
    """Something that is measured did not start; the message holds the end of its log."""


@dataclass(frozen=True)
class Server:
    """A server that is ready."""

    pid: int
    port: int
    ready_s: float
    """From the start of the process to its first answer that it is ready."""

    def workers(self) -> list[int]:
        """Its worker processes."""
        return [int(pid) for pid in _read(f"/proc/{self.pid}/task/{self.pid}/children").split()]


@dataclass(frozen=True)
class Memory:
    """What a process holds, in MiB."""

    resident: float
    proportional: float
    """Resident, shared pages divided by the number of processes that share them."""
    private: float


def environment(**variables: str) -> dict[str, str]:
    """This process's environment without settings of Pointmark, and with `variables`.

    A setting left in the caller's shell would be measured unnoticed.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("POINTMARK_") and name != "DATABASE_URL"
    }
    return {**kept, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", **variables}


def free_port() -> int:
    """A port of the loopback interface that nothing listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def finish(arguments: Sequence[str], env: Mapping[str, str]) -> str:
    """Run a Python module to its end; what it wrote to standard output.

    Raises:
        CannotMeasure: it failed.
    """
    with _running(arguments, env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        said, complained = child.communicate(timeout=READY_LIMIT_S)
        if child.returncode:
            raise CannotMeasure(f"{' '.join(arguments)}: {complained.decode()[-3000:]}")
        return said.decode()


@contextlib.contextmanager
def together(arguments: Sequence[Sequence[str]], env: Mapping[str, str]) -> Iterator[list[Pipe]]:
    """Several Python modules at once, with pipes to talk to them."""
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(_running(each, env, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
            for each in arguments
        ]


@contextlib.contextmanager
def served(
    arguments: Sequence[str], env: Mapping[str, str], *, port: int, path: str, log: Path
) -> Iterator[Server]:
    """Run a server for the length of the block, from when `path` answers 200.

    Raises:
        CannotMeasure: it ended, or was not ready in time.
    """
    started = time.perf_counter()
    with (
        log.open("wb") as output,
        _running(arguments, env, stdout=output, stderr=output) as child,
    ):
        while not _answers(port, path):
            took = time.perf_counter() - started
            if child.poll() is not None or took > READY_LIMIT_S:
                end = log.read_text("utf-8", "replace")[-3000:]
                raise CannotMeasure(
                    f"{' '.join(arguments)} was not ready after {took:.0f} s: {end}"
                )
            time.sleep(_PAUSE_S)
        yield Server(pid=child.pid, port=port, ready_s=time.perf_counter() - started)


def memory(pid: int) -> Memory:
    """What a process holds now."""
    sizes: dict[str, float] = {}
    for line in _read(f"/proc/{pid}/smaps_rollup").splitlines()[1:]:
        name, value, *_ = line.split()
        sizes[name.rstrip(":")] = int(value) / 1024
    return Memory(
        resident=sizes["Rss"],
        proportional=sizes["Pss"],
        private=sizes["Private_Clean"] + sizes["Private_Dirty"],
    )


def processor_seconds(pid: int) -> float:
    """Processor time a process has used."""
    fields = _read(f"/proc/{pid}/stat").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def busy_share(seconds: float = 1.0) -> float:
    """The share of the machine's processors that is in use, by anybody."""
    before = _jiffies()
    time.sleep(seconds)
    after = _jiffies()
    idle, total = (late - early for late, early in zip(after, before, strict=True))
    return 1.0 - idle / max(1, total)


def _jiffies() -> tuple[int, int]:
    """Idle and all processor time since boot."""
    values = [int(value) for value in _read("/proc/stat").splitlines()[0].split()[1:9]]
    return values[3] + values[4], sum(values)


Pipe = subprocess.Popen[bytes]


@contextlib.contextmanager
def _running(
    arguments: Sequence[str],
    env: Mapping[str, str],
    *,
    stdin: int | None = subprocess.DEVNULL,
    stdout: int | IO[bytes] | None = None,
    stderr: int | IO[bytes] | None = None,
) -> Iterator[Pipe]:
    child = subprocess.Popen(
        [sys.executable, *arguments],
        env=dict(env),
        cwd=ROOT,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
    )
    try:
        yield child
    finally:
        _end(child)


def _end(child: Pipe) -> None:
    """End a process and its whole group."""
    with contextlib.suppress(ProcessLookupError):
        if child.poll() is None:
            child.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(_STOP_LIMIT_S)
        # What is left of the group; its number stays taken while anybody is in it.
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    for pipe in (child.stdin, child.stdout, child.stderr):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _read(path: str) -> str:
    return Path(path).read_text("ascii")
