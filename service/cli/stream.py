"""JSON lines in, JSON lines out, with a bounded number of lines in memory.

Knows nothing of grading: `work` turns a window of parsed lines into results. A line that cannot
be read, and an item that `work` refuses, become `{"line": n, "error": {...}}` in their place, and
the rest goes on.
"""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO, Any, Generic, TypeVar

from service.cli.common import dump, error_object, say
from service.errors import InvalidInput, PointmarkError

Item = TypeVar("Item")

WINDOW_LINES = 64
"""Enough for the encoder to fill its batches, few enough to hold in memory at any answer length."""
WINDOW_BYTES = 262_144
"""A window ends early when its lines are long, so that memory stays bounded and output flows."""


@dataclass
class Line(Generic[Item]):
    """One line on its way."""

    number: int
    data: dict[str, Any] = field(default_factory=dict)
    """What the line held; goes out again, with the result."""
    item: Item | None = None
    error: PointmarkError | None = None
    result: dict[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Tally:
    """How it went."""

    done: int
    failed: int
    seconds: float


class Stream(Generic[Item]):
    """One pass over a file."""

    def __init__(
        self,
        *,
        parse: Callable[[dict[str, Any]], Item],
        work: Callable[[Sequence[Item]], Sequence[dict[str, Any]]],
        longest_line: int,
    ) -> None:
        """Say what is done with each line.

        Args:
            parse: the item of one line's object; raises PointmarkError for one that cannot be.
            work: what is added to each line's object, for a window of items.
            longest_line: in bytes; a longer line is an error and is not held in memory.
        """
        self._parse = parse
        self._work = work
        self._longest = longest_line
        self._done = 0
        self._failed = 0

    def run(self, source: IO[bytes], target: IO[bytes]) -> Tally:
        """Read everything, write everything, report on the way."""
        progress = Progress(source)
        for window in self._windows(source):
            self._finish(window)
            for line in window:
                target.write((dump(self._shown(line)) + "\n").encode())
            target.flush()
            progress.tell(self._done, self._failed)
        progress.end()
        return Tally(done=self._done, failed=self._failed, seconds=progress.seconds)

    # ------------------------------------------------------------------ reading

    def _windows(self, source: IO[bytes]) -> Iterator[list[Line[Item]]]:
        window: list[Line[Item]] = []
        held = 0
        for number, raw in self._lines(source):
            window.append(self._read(number, raw))
            held += len(raw or b"")
            if len(window) >= WINDOW_LINES or held >= WINDOW_BYTES:
                yield window
                window, held = [], 0
        if window:
            yield window

    def _lines(self, source: IO[bytes]) -> Iterator[tuple[int, bytes | None]]:
        """Numbered lines without the empty ones; None for one that is too long."""
        number = 0
        while raw := source.readline(self._longest + 1):
            number += 1
            if len(raw) > self._longest and not raw.endswith(b"\n"):
                while (rest := source.readline(65_536)) and not rest.endswith(b"\n"):
                    pass
                yield number, None
            elif raw.strip() not in (b"", b"\xef\xbb\xbf"):
                yield number, raw

    def _read(self, number: int, raw: bytes | None) -> Line[Item]:
        line: Line[Item] = Line(number=number)
        try:
            if raw is None:
                raise InvalidInput(f"The line is longer than {self._longest:,} bytes.")
            line.data = _object(raw)
            line.item = self._parse(line.data)
        except PointmarkError as fault:
            line.error = fault
        return line

    # ------------------------------------------------------------------ work

    def _finish(self, window: Sequence[Line[Item]]) -> None:
        ready = [line for line in window if line.item is not None]
        try:
            self._apply(ready)
        except PointmarkError:
            # One of them is at fault: do each alone to find out which.
            for line in ready:
                try:
                    self._apply([line])
                except PointmarkError as fault:
                    line.error = fault
        for line in window:
            if line.error is None:
                self._done += 1
            else:
                self._failed += 1
                _report(line)

    def _apply(self, lines: Sequence[Line[Item]]) -> None:
        items = [line.item for line in lines if line.item is not None]
        if not items:
            return
        for line, result in zip(lines, self._work(items), strict=True):
            line.result = result

    def _shown(self, line: Line[Item]) -> dict[str, Any]:
        if line.error is not None:
            return {"line": line.number, "error": error_object(line.error)}
        return line.data | (line.result or {})


def _report(line: Line[Any]) -> None:
    """Name the fault of a line on standard error, shortly; the output holds all of it."""
    if line.error is None:
        return
    detail = str(line.error)
    if isinstance(line.error, InvalidInput) and line.error.faults:
        first = line.error.faults[0]
        detail = f"{first.pointer}: {first.detail}"
    say(f"line {line.number}: {detail}")


def _object(raw: bytes) -> dict[str, Any]:
    """The JSON object of one line, read as strictly as a body over HTTP."""
    from service.api.parsing import read_json

    value = read_json(raw)
    if not isinstance(value, dict):
        raise InvalidInput("The line is not a JSON object.")
    return value


class Progress:
    """How far it is, on standard error: in place on a terminal, now and then elsewhere."""

    def __init__(self, source: IO[bytes]) -> None:
        self._begun = self._told = time.monotonic()
        self._terminal = sys.stderr.isatty()
        self._source = source
        self._size = _size(source)

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._begun

    def tell(self, done: int, failed: int) -> None:
        """Say so far, not too often."""
        now = time.monotonic()
        if now - self._told < (0.5 if self._terminal else 10.0):
            return
        self._told = now
        share = f", {100 * self._source.tell() / self._size:.0f} %" if self._size else ""
        bad = f", {failed} bad lines" if failed else ""
        text = f"{done:,} graded, {done / self.seconds:,.1f} a second{share}{bad}"
        if self._terminal:
            sys.stderr.write(f"\r\x1b[K{text}")
            sys.stderr.flush()
        else:
            say(text)

    def end(self) -> None:
        """Leave the terminal on a fresh line."""
        if self._terminal:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def _size(source: IO[bytes]) -> int:
    """The length of a file; 0 for a pipe."""
    try:
        found = os.fstat(source.fileno())
    except (OSError, ValueError):
        return 0
    return found.st_size if stat.S_ISREG(found.st_mode) else 0
