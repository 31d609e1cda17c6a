"""The benchmark: Pointmark, the plain app and the encoder's ceiling, side by side in one run.

All three are up at the same time and take turns, stretch by stretch: what else happens on the
machine then falls on all of them alike, and the ratios say more than the figures. Who waits for its
turn uses no processor time.

Linux only: memory and processes are read from ``/proc``.
"""

from __future__ import annotations

import contextlib
import datetime
import itertools
import json
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from bench import ceiling
from bench.answers import QUESTION, answers, take
from bench.client import Load, Target, load
from bench.processes import (
    CannotMeasure,
    Memory,
    Pipe,
    Server,
    busy_share,
    environment,
    finish,
    free_port,
    memory,
    served,
    together,
)
from bench.report import Report, Row, Start

_WARM_UP = 8
"""Answers per worker before anything is timed: the first one also embeds the question."""
_KEPT_POOL = 1500


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to measure and for how long."""

    clients: tuple[int, ...] = (1, 4, 16)
    seconds: float = 10.0
    """Of one stretch."""
    rounds: int = 3
    workers: int = 2
    plain_threads: int = 1
    recorded: int = 128
    """Answers whose batches make the ceiling."""


def measure(plan: Plan) -> Report:
    """Start everything, measure, stop everything.

    Raises:
        CannotMeasure: something did not start, ended, or replied what it should not.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    busy = busy_share()
    with tempfile.TemporaryDirectory(prefix="pointmark-bench-") as scratch:
        folder = Path(scratch)
        folder.chmod(0o755)  # As root, the database server's own user has to get in.
        _say("preparing the same weights for torch, and the token batches")
        finish(["-m", "bench.weights", str(folder / "weights")], environment())
        batches = folder / "batches.npz"
        finish(["-m", "bench.ceiling", "record", str(batches), str(plan.recorded)], environment())
        with contextlib.ExitStack() as stack:
            stage = _Stage(plan, folder, stack)
            rows = stage.rows()
            starts = stage.starts()
        return Report(
            date=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
            machine={**_machine(), "busy_before": round(busy, 2)},
            settings={
                "workers": plan.workers,
                "plain_threads": plan.plain_threads,
                "rounds": plan.rounds,
                "seconds": plan.seconds,
            },
            answer=ceiling.shape(ceiling.read(batches)),
            rows=rows,
            starts=starts,
        )


class _Stage:
    """Everything that is measured, up and warm."""

    def __init__(self, plan: Plan, folder: Path, stack: contextlib.ExitStack) -> None:
        self._plan = plan
        self._texts: Iterator[str] = itertools.chain(take(_KEPT_POOL), answers(seed=2))
        # One after the other: a start is timed.
        _say("starting the database and Pointmark")
        self._service, token = stack.enter_context(_service(plan, folder))
        _say(f"  ready after {self._service.ready_s:.1f} s; starting the plain app")
        self._plain = stack.enter_context(_plain_app(plan, folder))
        _say(f"  ready after {self._plain.ready_s:.1f} s")
        self._targets = {
            "pointmark": _service_target(self._service.port, token),
            "plain": _plain_target(self._plain.port, "all"),
            "lean": _plain_target(self._plain.port, "statements"),
        }
        command = ["-m", "bench.ceiling", "run", str(folder / "batches.npz")]
        self._ceiling = stack.enter_context(together([command] * plan.workers, environment()))
        for process in self._ceiling:
            _line(process)
        for target in self._targets.values():
            count = _WARM_UP * plan.workers
            load(target, self._texts, clients=count, seconds=60.0, limit=count)

    def rows(self) -> list[Row]:
        rows = [Row(clients=clients) for clients in self._plan.clients]
        for number, row in itertools.product(range(self._plan.rounds), rows):
            _say(f"stretch {number + 1} of {self._plan.rounds}, clients: {row.clients}")
            for name, target in self._targets.items():
                found = load(target, self._texts, clients=row.clients, seconds=self._plan.seconds)
                row.loads.setdefault(name, Load()).add(found)
                if name == "pointmark":  # Next to what it is compared with.
                    row.ceilings.append(self._ceiling_rate(row.clients))
        return rows

    def starts(self) -> dict[str, Start]:
        return {
            name: Start(ready_s=server.ready_s, workers=_memories(server))
            for name, server in (("pointmark", self._service), ("plain", self._plain))
        }

    def _ceiling_rate(self, clients: int) -> float:
        """Answers a second of as many processes as so many clients can keep busy."""
        used = self._ceiling[:clients]
        for process in used:
            assert process.stdin is not None
            process.stdin.write(f"{self._plan.seconds}\n".encode())
            process.stdin.flush()
        found = [json.loads(_line(process)) for process in used]
        return float(sum(each["answers"] / each["seconds"] for each in found))


@contextlib.contextmanager
def _service(plan: Plan, folder: Path) -> Iterator[tuple[Server, str]]:
    """Pointmark on a database of its own, as `serve` starts it; with an admin key.

    The database is a durable one: an attempt counts when it is on disk.
    """
    from service.localdb import LocalDatabase

    port = free_port()
    with LocalDatabase(folder / "home").use() as url:
        env = environment(
            DATABASE_URL=url,
            POINTMARK_PORT=str(port),
            POINTMARK_WORKERS=str(plan.workers),
            POINTMARK_RATE_LIMIT="0",
        )
        made = json.loads(finish(["-m", "service", "setup", "--json"], env))
        command = ["-m", "service", "serve"]
        with served(command, env, port=port, path="/readyz", log=folder / "service.log") as server:
            yield server, str(made["key"])


@contextlib.contextmanager
def _plain_app(plan: Plan, folder: Path) -> Iterator[Server]:
    """The plain app under the same server with the same number of processes and threads."""
    port = free_port()
    command = [
        *("-m", "gunicorn", "bench.plain_app:app", "--bind", f"127.0.0.1:{port}"),
        *("--workers", str(plan.workers), "--worker-class", "gthread", "--threads", "4"),
        *("--timeout", "120", "--keep-alive", "30", "--no-control-socket"),
    ]
    env = environment(
        BENCH_MODEL=str(folder / "weights" / "model"),
        BENCH_THREADS=str(plan.plain_threads),
        OMP_NUM_THREADS=str(plan.plain_threads),
        OMP_WAIT_POLICY="passive",
    )
    with served(command, env, port=port, path="/ready", log=folder / "plain.log") as server:
        yield server


def _service_target(port: int, token: str) -> Target:
    return Target(
        port=port,
        path=f"/v1/questions/{QUESTION}/attempts",
        status=201,
        body=lambda text, number: {"candidate": f"candidate-{number}", "answer": text},
        headers={"Authorization": f"Bearer {token}"},
    )


def _plain_target(port: int, references: str) -> Target:
    return Target(
        port=port,
        path="/grade",
        status=200,
        body=lambda text, _: {"answer": text, "references": references},
    )


def _memories(server: Server) -> list[Memory]:
    return [memory(pid) for pid in server.workers()]


def _line(process: Pipe) -> str:
    assert process.stdout is not None
    line = process.stdout.readline().decode()
    if not line:
        raise CannotMeasure("a process of the ceiling ended")
    return line


def _machine() -> dict[str, object]:
    models = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        if line.startswith("model name")
    ]
    return {
        "processors": len(os.sched_getaffinity(0)),
        "model": models[0] if models else "unknown",
    }


def _leave(number: int, _: FrameType | None) -> None:
    """Turn a signal into an exception, so that everything started is stopped."""
    sys.exit(128 + number)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
