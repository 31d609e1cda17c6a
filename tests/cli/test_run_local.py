"""`pointmark up`, which `make run` is: real processes, started, used, stopped and killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.localdb import LocalDatabase

UP_LIMIT_S = 240.0
"""Importing torch on a busy machine takes its time."""
needs_proc = pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Up:
    """A running `pointmark up`."""

    def __init__(self, home: Path, port: int, *arguments: str, root: Path, shell: bool = False):
        self.home = home
        self.port = port
        command = [sys.executable, "-m", "service", "up", *arguments]
        if shell:
            # As make does it: our parent is not the one who looks at us.
            line = " ".join([*command, "--stop-with-parent"])
            command = ["/bin/sh", "-c", f"{line}; exit $?"]
        self.output = home.parent / f"out-{time.monotonic_ns()}"
        out = self.output.open("wb")
        self.process = subprocess.Popen(
            command,
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            # As from a terminal, even if the tests themselves run under nohup.
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
            cwd=root,
            env=os.environ
            | {
                "POINTMARK_HOME": str(home),
                "POINTMARK_PORT": str(port),
                "POINTMARK_WORKERS": "1",
                "PYTHONUNBUFFERED": "1",
            },
        )
        out.close()

    def said(self) -> str:
        return self.output.read_text(encoding="utf-8", errors="replace")

    def await_text(self, text: str, limit: float = UP_LIMIT_S) -> str:
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            said = self.said()
            if text in said:
                return said
            assert self.process.poll() is None, said
            time.sleep(0.05)
        raise AssertionError(f"no {text!r} in:\n{self.said()}")

    def service_pid(self) -> int:
        return int((self.home / "gunicorn.pid").read_text())


@contextlib.contextmanager
def up(home: Path, port: int, *arguments: str, root: Path, shell: bool = False) -> Iterator[Up]:
    running = Up(home, port, *arguments, root=root, shell=shell)
    try:
        yield running
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.process.pid, signal.SIGTERM)
        try:
            running.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(running.process.pid, signal.SIGKILL)
            running.process.wait()


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def await_gone(pid: int, limit: float = 60) -> None:
    deadline = time.monotonic() + limit
    while alive(pid):
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.05)


def answers(port: int) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}/livez", timeout=5) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


@needs_proc
def test_a_run_grades_its_samples_on_screen_and_ctrl_c_leaves_nothing(
    home: Path, port: int, root: Path
) -> None:
    with up(home, port, root=root) as first:
        said = first.await_text("Ctrl-C stops everything.")
        service = first.service_pid()
        workers = children_of(service)

        assert "admin key      pm_" in said
        assert "gradient-descent-local-optima" in said
        assert "激活函数" in said
        assert said.count("of 100, give or take") == 2
        assert "“" in said, "evidence is quoted"
        assert f"curl -s http://127.0.0.1:{port}/v1/questions/" in said
        assert workers

        first.process.send_signal(signal.SIGINT)
        assert first.process.wait(timeout=60) == 0

    for pid in [service, *workers]:
        assert not alive(pid)
    assert not answers(port)
    assert LocalDatabase(home).address() is None
    assert not (home / "gunicorn.pid").exists()

    with up(home, port, root=root) as second:
        said = second.await_text("Ctrl-C stops everything.")

        assert "admin key      pm_" not in said
        assert "key create" in said
        assert said.count("of 100, give or take") == 2


@needs_proc
def test_after_kill_9_the_service_ends_by_itself_and_the_next_run_starts(
    home: Path, port: int, root: Path
) -> None:
    with up(home, port, "--no-samples", "--json", root=root) as first:
        first.await_text('"url"')
        service = first.service_pid()
        first.process.kill()
        first.process.wait()
        if sys.platform.startswith("linux"):
            await_gone(service)

    with up(home, port, "--no-samples", "--json", root=root) as second:
        said = second.await_text('"url"')

        assert "earlier run" in said, "the database was left running and is used again"
        assert answers(port)
        # The key belongs to the first run, which printed it.
        assert json.loads(said[said.index('{"url"') :])["key"] is None

        # The database dies under it and comes back.
        killed = int((LocalDatabase(home).folder() / "data/postmaster.pid").read_text().split()[0])
        os.kill(killed, signal.SIGKILL)
        second.await_text("the database is not running: starting it")

    assert LocalDatabase(home).address() is None


@needs_proc
@pytest.mark.parametrize("how", ["SIGTERM", "SIGHUP", "make killed"])
def test_every_other_end_stops_everything_too(how: str, home: Path, port: int, root: Path) -> None:
    with up(home, port, "--no-samples", "--json", root=root, shell=how == "make killed") as run:
        run.await_text('"url"')
        service = run.service_pid()

        if how == "make killed":
            run.process.kill()
        else:
            run.process.send_signal(getattr(signal, how))
        run.process.wait(timeout=60)
        await_gone(service)

        deadline = time.monotonic() + 60
        while LocalDatabase(home).address() is not None and time.monotonic() < deadline:
            time.sleep(0.1)
    assert LocalDatabase(home).address() is None


def test_a_taken_port_is_said_at_once_and_nothing_is_started(
    home: Path, port: int, root: Path
) -> None:
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("127.0.0.1", port))
        squatter.listen()
        with up(home, port, root=root) as run:
            assert run.process.wait(timeout=60) == 1

            assert f"port {port}" in run.said()
            assert f"POINTMARK_PORT={port + 1}" in run.said()
    assert not (home / "postgres").exists()


@needs_proc
def test_what_is_left_of_the_service_is_stopped_and_a_stranger_is_not(
    home: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from service.cli.local import LocalRun
    from service.config import Settings

    home.mkdir()
    run = LocalRun(Settings(home=home, port=port), samples=False)
    pid_file = home / "gunicorn.pid"
    script = "import time; time.sleep(60)"
    leftover = subprocess.Popen([sys.executable, "-c", script, "--pid", str(pid_file)])
    stranger = subprocess.Popen([sys.executable, "-c", script])
    try:
        pid_file.write_text(str(stranger.pid))
        run._end_leftovers()
        assert stranger.poll() is None
        assert not pid_file.exists()

        pid_file.write_text(str(leftover.pid))
        run._end_leftovers()
        assert leftover.wait(timeout=10) == -signal.SIGTERM
    finally:
        for process in (leftover, stranger):
            process.kill()
            process.wait()


@needs_proc
def test_a_second_run_of_the_same_folder_says_that_one_is_up(
    home: Path, port: int, root: Path
) -> None:
    import fcntl

    home.mkdir()
    with open(home / "run.lock", "w") as lock:
        lock.write("process 1, http://127.0.0.1:1")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        with up(home, port, root=root) as run:
            assert run.process.wait(timeout=60) == 1

            assert "is up already (process 1, http://127.0.0.1:1)" in run.said()


def children_of(pid: int) -> list[int]:
    task = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in task.read_text().split()]
