"""The embedded Postgres survives whatever is done to it. Real servers, real signals."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from service.localdb import (
    LocalDatabase,
    LocalDatabaseError,
    _processes_in,
    _read_pid_file,
)

HOLD = """
import sys, time
from pathlib import Path
from service.localdb import LocalDatabase
with LocalDatabase(Path(sys.argv[1]), durable=False).use() as url:
    print(url, flush=True)
    sys.stdin.read()
"""

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root changes users")
needs_proc = pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")


def database(home: Path, said: list[str] | None = None) -> LocalDatabase:
    return LocalDatabase(home, durable=False, say=said.append if said is not None else print)


def ask(url: str, query: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(query).fetchone()
        assert row is not None
        return row[0]


def do(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def server_pid(home: Path) -> int:
    claim = _read_pid_file(database(home).folder() / "data")
    assert claim is not None
    return claim.pid


@contextlib.contextmanager
def another_process(home: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A second process that uses the database until its input closes or it is killed."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    try:
        yield holder, holder.stdout.readline().strip()
    finally:
        holder.stdin.close()
        holder.wait(timeout=60)
        holder.stdout.close()


def await_gone(pid: int) -> None:
    deadline = time.monotonic() + 20
    while Path(f"/proc/{pid}/cwd").is_symlink() and time.monotonic() < deadline:
        try:
            os.readlink(f"/proc/{pid}/cwd")
        except OSError:
            return
        time.sleep(0.02)


def test_a_used_database_answers_and_keeps_what_was_written(home: Path) -> None:
    with database(home).use() as url:
        do(url, "CREATE TABLE kept AS SELECT '答案'::text AS said")

    with database(home).use() as url:
        assert ask(url, "SELECT said FROM kept") == "答案"


def test_nothing_runs_after_the_last_use(home: Path) -> None:
    with database(home).use():
        pid = server_pid(home)

    assert database(home).address() is None
    assert _processes_in(home / "postgres" / "data") == set()
    assert not Path(f"/proc/{pid}/cwd").exists()


def test_the_database_is_utf8_and_knows_unicode_whatever_the_locale(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANG", "xx_XX.nonsense")
    monkeypatch.setenv("LC_ALL", "xx_XX.nonsense")
    monkeypatch.setenv("PGOPTIONS", "-c nonsense=1")
    monkeypatch.setenv("PGDATA", "/nonexistent")
    monkeypatch.setenv("PGPORT", "1")
    made = database(home)
    monkeypatch.delenv("PGOPTIONS")  # libpq itself would obey it; the server must not see it

    with made.use() as url:
        assert ask(url, "SHOW server_encoding") == "UTF8"
        assert ask(url, "SELECT lower('ÄÖÜ')") == "äöü"


def test_the_password_is_readable_by_its_owner_only(home: Path) -> None:
    with database(home).use() as url:
        place = database(home).folder()

        assert stat.S_IMODE((place / "password").stat().st_mode) == 0o600
        assert stat.S_IMODE((place / "data").stat().st_mode) == 0o700
        assert list((place / "log").glob("password*")) == []
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(url.replace("pointmark:", "pointmark:x", 1))


def test_the_server_of_a_killed_process_is_used_again_and_then_stopped(home: Path) -> None:
    with another_process(home) as (holder, url):
        do(url, "CREATE TABLE kept AS SELECT 1 AS one")
        pid = server_pid(home)
        holder.kill()
        holder.wait()

    said: list[str] = []
    with database(home, said).use() as url:
        assert server_pid(home) == pid
        assert ask(url, "SELECT one FROM kept") == 1

    assert "earlier run" in said[0]
    assert database(home).address() is None


@needs_proc
def test_a_killed_server_recovers_with_every_committed_row(home: Path) -> None:
    durable = LocalDatabase(home)
    with durable.use() as url:
        do(url, "CREATE TABLE kept (one int)")
        do(url, "INSERT INTO kept SELECT generate_series(1, 1000)")
        pid = server_pid(home)
        os.kill(pid, signal.SIGKILL)
        await_gone(pid)

        with LocalDatabase(home).use() as again:
            assert server_pid(home) != pid
            assert ask(again, "SELECT count(*) FROM kept") == 1000


def test_a_stale_lock_file_that_names_a_living_stranger_is_cleared_and_he_is_left_alone(
    home: Path,
) -> None:
    with database(home).use() as url:
        do(url, "CREATE TABLE kept AS SELECT 1 AS one")
        lines = (home / "postgres/data/postmaster.pid").read_text().split("\n")
    # Owned by the server's own user, so that Postgres itself would refuse to start beside it.
    owner = (home / "postgres/data").stat().st_uid
    identity = {"user": owner} if os.geteuid() == 0 else {}
    stranger = subprocess.Popen(["sleep", "60"], **identity)
    try:
        lines[0] = str(stranger.pid)
        (home / "postgres/data/postmaster.pid").write_text("\n".join(lines))

        said: list[str] = []
        with database(home, said).use() as url:
            assert ask(url, "SELECT one FROM kept") == 1
            assert server_pid(home) != stranger.pid

        assert stranger.poll() is None
        assert any("stale" in line for line in said)
    finally:
        stranger.kill()
        stranger.wait()


@needs_proc
def test_a_stranger_who_happens_to_work_in_the_folder_is_no_server(home: Path) -> None:
    with database(home).use():
        pass
    data = home / "postgres/data"
    stranger = subprocess.Popen(["sleep", "60"], cwd=data)
    try:
        (data / "postmaster.pid").write_text(f"{stranger.pid}\n{data}\n0\n5432\n\n\n\nready\n")

        with database(home).use() as url:
            assert ask(url, "SELECT 1") == 1
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_port_taken_at_the_last_moment_is_given_up_for_another(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from service import localdb

    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        taken = squatter.getsockname()[1]
        choose = localdb._free_port
        choices = iter([taken])
        monkeypatch.setattr(localdb, "_free_port", lambda port: next(choices, 0) or choose(None))

        with database(home).use() as url:
            assert f":{taken}/" not in url
            assert ask(url, "SELECT 1") == 1


def test_a_server_that_dies_in_use_is_revived_on_the_same_port(home: Path) -> None:
    watched = LocalDatabase(home)
    with watched.use() as url:
        do(url, "CREATE TABLE kept AS SELECT 1 AS one")
        pid = server_pid(home)
        watched.revive()
        assert server_pid(home) == pid

        os.kill(pid, signal.SIGKILL)
        await_gone(pid)
        watched.revive()

        assert ask(url, "SELECT one FROM kept") == 1


def test_stopping_with_a_stale_lock_file_signals_nobody(home: Path) -> None:
    with database(home).use():
        pass
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        (home / "postgres/data/postmaster.pid").write_text(f"{stranger.pid}\n")

        assert database(home).stop() is False
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


@needs_proc
def test_a_copied_folder_does_not_take_the_original_server_for_its_own(home: Path) -> None:
    with database(home).use() as url:
        do(url, "CREATE TABLE kept AS SELECT 'original' AS said")
        do(url, "CHECKPOINT")
        copy = home.parent / "copy"
        shutil.copytree(home, copy)
        if os.geteuid() == 0:
            owner = (home / "postgres/data").stat()
            for path in [copy / "postgres/data", *(copy / "postgres/data").rglob("*")]:
                os.chown(path, owner.st_uid, owner.st_gid)
            os.chown(copy / "postgres/log", owner.st_uid, owner.st_gid)
            os.chown(copy / "postgres/log/postgres.log", owner.st_uid, owner.st_gid)
        original = server_pid(home)

        with database(copy).use() as other:
            do(other, "UPDATE kept SET said = 'copy'")
            assert server_pid(copy) != original

        assert server_pid(home) == original
        assert ask(url, "SELECT said FROM kept") == "original"


def test_one_server_serves_processes_that_start_at_the_same_moment(home: Path) -> None:
    with contextlib.ExitStack() as stack:
        waiting = [
            subprocess.Popen(
                [sys.executable, "-c", HOLD, str(home)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(4)
        ]
        for process in waiting:
            assert process.stdin is not None
            assert process.stdout is not None
            stack.callback(process.stdout.close)
            stack.callback(process.wait, timeout=60)
            stack.callback(process.stdin.close)
        urls = {process.stdout.readline().strip() for process in waiting if process.stdout}

        assert len(urls) == 1
        assert ask(urls.pop(), "SELECT 1") == 1

    assert database(home).address() is None


def test_the_server_stays_while_anyone_uses_it(home: Path) -> None:
    with another_process(home) as (_, url):
        with database(home).use() as mine:
            assert mine == url
        assert ask(url, "SELECT 1") == 1

    assert database(home).address() is None


def test_threads_of_one_process_share_the_server(home: Path) -> None:
    answers: list[object] = []

    def work() -> None:
        with database(home).use() as url:
            answers.append(ask(url, "SELECT 1"))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [1, 1, 1, 1]
    assert database(home).address() is None


def test_a_first_start_killed_halfway_is_made_anew(home: Path) -> None:
    (home / "postgres" / "data.new-dead").mkdir(parents=True)
    (home / "postgres" / "data.new-dead" / "PG_VERSION").write_text("18\n")

    with database(home).use() as url:
        assert ask(url, "SELECT 1") == 1

    assert list((home / "postgres").glob("data.new*")) == []


def test_another_port_is_taken_when_the_last_one_is_in_use(home: Path) -> None:
    with database(home).use():
        port = int((home / "postgres" / "port").read_text())
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("127.0.0.1", port))
        squatter.listen()

        with database(home).use() as url:
            assert f":{port}/" not in url
            assert ask(url, "SELECT 1") == 1


def test_the_port_stays_the_same_from_run_to_run(home: Path) -> None:
    with database(home).use() as first:
        pass
    with database(home).use() as second:
        assert second == first


def test_data_of_another_postgres_is_refused_with_the_way_out(home: Path) -> None:
    with database(home).use():
        pass
    (home / "postgres/data/PG_VERSION").write_text("13\n")

    with pytest.raises(LocalDatabaseError, match=r"Postgres 13.*Upgrade"), database(home).use():
        pass


def test_a_server_that_cannot_start_shows_its_own_words(home: Path) -> None:
    with database(home).use():
        pass
    with open(home / "postgres/data/postgresql.conf", "a") as file:
        file.write("shared_buffers = nonsense\n")

    with pytest.raises(LocalDatabaseError, match="shared_buffers"), database(home).use():
        pass


@needs_root
def test_root_runs_the_server_as_somebody_else(home: Path) -> None:
    with database(home).use():
        owner = Path(f"/proc/{server_pid(home)}").stat().st_uid

    assert pwd.getpwuid(owner).pw_name in {"postgres", "nobody"}


@needs_root
def test_a_home_closed_to_others_is_left_as_it_is_and_the_data_goes_elsewhere(home: Path) -> None:
    closed = home.parent / "closed"
    closed.mkdir(mode=0o700)
    said: list[str] = []
    made = database(closed / "home", said)
    try:
        with made.use() as url:
            assert ask(url, "SELECT 1") == 1
            assert made.folder().parent == Path("/var/lib")

        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
        assert str(made.folder()) in "".join(said)
        assert str(made.folder()) in (closed / "home" / "database-folder.txt").read_text()
        with database(closed / "home", said).use() as url:
            assert ask(url, "SELECT 1") == 1
    finally:
        made.stop()
        if made.folder().parent == Path("/var/lib"):
            shutil.rmtree(made.folder())


@needs_root
def test_data_that_the_server_user_can_no_longer_reach_is_reported_and_not_replaced(
    home: Path,
) -> None:
    with database(home).use():
        pass
    home.chmod(0o700)

    with pytest.raises(LocalDatabaseError, match="can no longer reach"), database(home).use():
        pass


@needs_root
def test_programs_the_server_user_cannot_reach_are_copied(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = home.parent / "site-packages"
    closed.mkdir(mode=0o700)
    from service import localdb

    installed = localdb._wheel()
    for folder in (installed, installed.with_name(f"{installed.name}.libs")):
        shutil.copytree(folder, closed / folder.name, symlinks=True)
    monkeypatch.setattr(localdb, "_wheel", lambda: closed / installed.name)

    with database(home).use() as url:
        assert ask(url, "SELECT 1") == 1
        copied = list((home / "postgres").glob("programs-*"))
        assert len(copied) == 1
