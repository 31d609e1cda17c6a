"""JSON lines in and out, whatever is in them."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

import pytest

from service.cli.stream import WINDOW_LINES, Stream, Tally
from service.errors import FieldFault, InvalidInput


class Doubler:
    """Work that doubles numbers, refuses 13, and remembers the windows it got."""

    def __init__(self) -> None:
        self.windows: list[int] = []

    def parse(self, data: dict[str, Any]) -> int:
        if not isinstance(data.get("n"), int):
            fault = FieldFault(pointer="#/n", detail="must be a number")
            raise InvalidInput("Bad line.", [fault])
        return int(data["n"])

    def work(self, items: Sequence[int]) -> list[dict[str, Any]]:
        self.windows.append(len(items))
        if 13 in items:
            raise InvalidInput("13 is not doubled here")
        return [{"double": 2 * item} for item in items]


def run(raw: bytes, longest: int = 1000) -> tuple[list[Any], Tally, Doubler]:
    doubler = Doubler()
    target = io.BytesIO()
    stream = Stream(parse=doubler.parse, work=doubler.work, longest_line=longest)
    tally = stream.run(io.BytesIO(raw), target)
    return [json.loads(line) for line in target.getvalue().splitlines()], tally, doubler


def test_each_line_comes_out_in_its_place_with_the_result_added() -> None:
    lines, tally, _ = run(b'{"n": 1, "mine": "a"}\n{"n": 2, "mine": "b"}\n')

    assert lines == [{"n": 1, "mine": "a", "double": 2}, {"n": 2, "mine": "b", "double": 4}]
    assert (tally.done, tally.failed) == (2, 0)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (b"{", "not JSON"),
        (b"[1]", "not a JSON object"),
        (b"7", "not a JSON object"),
        (b'{"n": 1, "n": 2}', "twice"),
        (rb'{"n": 1, "mine": "\u0000"}', "cannot be stored"),
        (rb'{"n": 1, "mine": "\ud800"}', "cannot be stored"),
        (b'{"n": NaN}', "NaN"),
        (b'{"n": "1"}', "Bad line."),
        (b'{"n": 13}', "13 is not doubled here"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[" * 100_000, "longer than"),
        (b'{"n": 1, "x": "' + b"x" * 1000 + b'"}', "longer than 1,000 bytes"),
    ],
)
def test_a_bad_line_is_reported_in_its_place_and_the_rest_goes_on(bad: bytes, said: str) -> None:
    lines, tally, _ = run(b'{"n": 1}\n' + bad + b'\n{"n": 3}\n')

    assert [line.get("double") for line in lines] == [2, None, 6]
    assert lines[1]["line"] == 2
    assert said in lines[1]["error"]["message"]
    assert (tally.done, tally.failed) == (2, 1)


def test_a_bad_field_is_named_with_its_pointer(capsys: pytest.CaptureFixture[str]) -> None:
    lines, _, _ = run(b'{"n": null}\n')

    assert lines[0]["error"]["errors"] == [{"detail": "must be a number", "pointer": "#/n"}]
    assert "line 1: #/n: must be a number" in capsys.readouterr().err


def test_deep_nesting_is_an_error_of_its_line() -> None:
    deep = b'{"n": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"

    lines, _, _ = run(deep + b'\n{"n": 3}\n', longest=1_000_000)

    assert lines[0]["line"] == 1
    assert lines[1]["double"] == 6


def test_empty_lines_are_left_out_but_counted() -> None:
    lines, _, _ = run(b'\xef\xbb\xbf{"n": 1}\n\n   \n{\n')

    assert lines[0]["double"] == 2
    assert lines[1]["line"] == 4


def test_the_last_line_needs_no_line_feed() -> None:
    lines, _, _ = run(b'{"n": 1}\r\n{"n": 2}')

    assert [line["double"] for line in lines] == [2, 4]


def test_windows_are_bounded_in_lines_and_in_bytes() -> None:
    many = b"".join(b'{"n": 1}\n' for _ in range(3 * WINDOW_LINES + 1))
    long = b"".join(b'{"n": 1, "x": "' + b"x" * 100_000 + b'"}\n' for _ in range(4))

    _, tally, by_count = run(many)
    _, _, by_size = run(long, longest=200_000)

    assert by_count.windows == [WINDOW_LINES] * 3 + [1]
    assert tally.done == 3 * WINDOW_LINES + 1
    assert by_size.windows == [3, 1]


def test_output_is_written_as_it_goes() -> None:
    doubler = Doubler()
    target = io.BytesIO()
    seen: list[int] = []

    class Watching(io.BytesIO):
        def readline(self, size: int | None = -1, /) -> bytes:
            seen.append(len(target.getvalue()))
            return super().readline(-1 if size is None else size)

    source = Watching(b"".join(b'{"n": 1}\n' for _ in range(2 * WINDOW_LINES)))
    Stream(parse=doubler.parse, work=doubler.work, longest_line=100).run(source, target)

    assert seen[WINDOW_LINES - 1] == 0
    assert seen[-1] > 0
