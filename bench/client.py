"""A closed loop of clients: each sends its next answer when the last one is answered.

Threads with `http.client` and kept connections. The load comes from this process, on the machine
that is measured, so it has to cost little: a request is one `bytes` prepared beforehand, and of a
reply only the status is looked at.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from service.errors import PointmarkError

REQUEST_LIMIT_S = 120.0
"""The plain app takes seconds for an answer, and sixteen clients queue for it."""


class UnexpectedReply(PointmarkError):
    """A reply that is no grade: what is measured then is not the work that was meant."""


@dataclass(frozen=True)
class Target:
    """Where answers go and in what form."""

    port: int
    path: str
    status: int
    body: Callable[[str, int], object]
    """The JSON for an answer and its number."""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Load:
    """What clients saw."""

    seconds: float = 0.0
    latencies_ms: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies_ms) / self.seconds if self.seconds else 0.0

    def percentile(self, share: float) -> float:
        """The latency that this share of requests stayed within, in milliseconds."""
        ordered = sorted(self.latencies_ms)
        # Nearest rank: always a latency that was measured, also of few.
        return ordered[max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1)]

    def add(self, other: Load) -> None:
        """Put another stretch of the same load after this one."""
        self.seconds += other.seconds
        self.latencies_ms += other.latencies_ms


def load(
    target: Target, texts: Iterator[str], *, clients: int, seconds: float, limit: int = 20_000
) -> Load:
    """Keep `clients` busy for `seconds`, or until `limit` answers are on their way.

    Requests that are under way at the end are waited for and counted, with the time they take.

    Raises:
        UnexpectedReply: a reply was not a grade.
    """
    crowd = _Crowd(target, texts, clients, seconds, limit)
    return crowd.run()


class _Crowd:
    """The clients of one stretch."""

    def __init__(
        self, target: Target, texts: Iterator[str], clients: int, seconds: float, limit: int
    ) -> None:
        self._target, self._texts, self._clients = target, texts, clients
        self._seconds, self._left = seconds, limit
        self._lock = threading.Lock()
        self._number = 0
        self._latencies: list[float] = []
        self._faults: list[Exception] = []
        self._deadline = 0.0

    def run(self) -> Load:
        threads = [
            threading.Thread(target=self._client, name=f"client-{number}", daemon=True)
            for number in range(self._clients)
        ]
        started = time.perf_counter()
        self._deadline = started + self._seconds
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        elapsed = time.perf_counter() - started
        if self._faults:
            raise self._faults[0]
        return Load(seconds=elapsed, latencies_ms=self._latencies)

    def _client(self) -> None:
        connection = http.client.HTTPConnection(
            "127.0.0.1", self._target.port, timeout=REQUEST_LIMIT_S
        )
        try:
            while (body := self._next()) is not None:
                took = self._ask(connection, body)
                with self._lock:
                    self._latencies.append(took)
        except Exception as fault:
            # Shown by the thread that waits; the other clients stop early.
            with self._lock:
                self._faults.append(fault)
        finally:
            connection.close()

    def _next(self) -> bytes | None:
        """The next request's body; None when it is time to end."""
        with self._lock:
            if self._faults or self._left <= 0 or time.perf_counter() >= self._deadline:
                return None
            self._left -= 1
            self._number += 1
            return json.dumps(self._target.body(next(self._texts), self._number)).encode()

    def _ask(self, connection: http.client.HTTPConnection, body: bytes) -> float:
        headers = {"Content-Type": "application/json", **self._target.headers}
        started = time.perf_counter()
        connection.request("POST", self._target.path, body, headers)
        reply = connection.getresponse()
        content = reply.read()
        took = 1000.0 * (time.perf_counter() - started)
        if reply.status != self._target.status:
            raise UnexpectedReply(
                f"status {reply.status}: {content[:500].decode('utf-8', 'replace')}"
            )
        return took
