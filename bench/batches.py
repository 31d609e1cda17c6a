"""How fast workers get through a batch, and what a killed one costs.

    python -m bench.batches                 one worker, then two, on answers of 100 words
    python -m bench.batches --kill          kill -9 in the middle of 10,000 answers, and count

Each run has an embedded Postgres of its own that writes to disk. What is timed begins when every
worker has its encoder: a batch before it sees to that.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from bench.answers import QUESTION, answers
from bench.processes import environment
from service import batches
from service.cli.database import prepare
from service.config import Settings
from service.domain import Answer
from service.exchange import Batch, BatchItem
from service.localdb import LocalDatabase
from service.store import Store, migrate

LIMIT_S = 3600.0
_WARM_UP = 4 * batches.CHUNK


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--items", type=int, help="answers of the batch (600; with --kill 10000)")
    parser.add_argument("--rounds", type=int, default=3, help="of one worker and two (3)")
    parser.add_argument("--kill", action="store_true", help="kill workers in the middle")
    given = parser.parse_args()
    with _database() as url:
        if given.kill:
            _kill(url, given.items or batches.MOST_ITEMS)
        else:
            _compare(url, given.items or 600, given.rounds)


@contextlib.contextmanager
def _database() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="pointmark-bench-") as scratch:
        home = Path(scratch)
        home.chmod(0o755)  # As root, the database server's own user has to get in.
        with LocalDatabase(home, say=_say).use() as url:
            migrate(url)
            prepare(Settings(home=home), url)
            yield url


def _compare(url: str, items: int, rounds: int) -> None:
    """Rounds of one worker and two, in turns, so that noise falls on both."""
    texts = answers()
    rates: dict[int, list[float]] = {1: [], 2: []}
    with contextlib.closing(Store(url)) as store:
        for _ in range(rounds):
            for count, found in rates.items():
                with _workers(url, count):
                    _finished(store, _made(store, texts, _WARM_UP * count))
                    begun = time.monotonic()
                    _finished(store, _made(store, texts, items))
                    found.append(items / (time.monotonic() - begun))
                print(f"{count} workers: {found[-1]:.1f} answers/s", flush=True)
    one, two = (sorted(found)[len(found) // 2] for found in rates.values())
    print(f"median: one {one:.1f}, two {two:.1f} answers/s, ratio {two / one:.2f}")


def _kill(url: str, items: int) -> None:
    """Kill both workers three times on the way; nothing may be lost or graded twice."""
    # Every tenth is empty and graded in no time, so that kills fall into all kinds of moments.
    texts = (text if number % 10 else "" for number, text in enumerate(answers()))
    with contextlib.closing(Store(url)) as store:
        made = _made(store, texts, items)
        for quarter in (1, 2, 3):
            with _workers(url, 2) as running:
                _reached(store, made, quarter * items // 4)
                for process in running:
                    os.kill(process.pid, signal.SIGKILL)
                print(f"killed two workers after {_seen(store, made).done} answers", flush=True)
        with _workers(url, 2):
            _finished(store, made)
        ended = _seen(store, made)
        attempts = [each.attempt for each in batches.results(store, made.batch_id)]
        rows = {attempt.metadata["row"] for attempt in attempts if attempt is not None}
        graded_twice = sum(len(each.grades) - 1 for each in attempts if each is not None)
    print(
        f"{ended.status.value}: {ended.done} of {ended.total} graded, {ended.failed} failed, "
        f"{len(rows)} different rows, {graded_twice} graded twice"
    )


def _made(store: Store, texts: Iterable[str], count: int) -> Batch:
    source = iter(texts)
    items = [
        BatchItem(
            question=QUESTION,
            candidate=f"candidate-{number}",
            answer=Answer(text=next(source)),
            metadata={"row": number},
        )
        for number in range(count)
    ]
    return batches.create(store, items, actor=None)


def _seen(store: Store, made: Batch) -> Batch:
    return batches.batch(store, made.batch_id)


def _reached(store: Store, made: Batch, count: int) -> None:
    deadline = time.monotonic() + LIMIT_S
    while (found := _seen(store, made)).done + found.failed < count:
        if time.monotonic() > deadline:
            sys.exit(f"only {found.done} of {count} after {LIMIT_S:.0f} s")
        time.sleep(0.1)


def _finished(store: Store, made: Batch) -> None:
    _reached(store, made, made.total)


@contextlib.contextmanager
def _workers(url: str, count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    command = [sys.executable, "-m", "service", "worker", "--stalled-after", "5"]
    running = [
        subprocess.Popen(command, env=environment(DATABASE_URL=url), stdout=subprocess.DEVNULL)
        for _ in range(count)
    ]
    try:
        yield running
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
