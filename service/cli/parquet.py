"""Results as Parquet, for analysis: what the CSV holds, with types and without its guards."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import IO, TYPE_CHECKING, Any

from service.errors import ConfigurationError

if TYPE_CHECKING:
    from service.domain import Attempt

ROWS = 1000
"""Written at once; what is held in memory."""


def write(attempts: Iterable[Attempt], outgoing: IO[bytes]) -> int:
    """Write a row for each attempt, in groups; the number of rows.

    Raises:
        ConfigurationError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        from pyarrow.parquet import ParquetWriter
    except ModuleNotFoundError as missing:
        raise ConfigurationError(
            [f"Parquet needs the extra: pip install 'pointmark[parquet]' ({missing})"]
        ) from missing
    point = pa.struct([("key", pa.string()), ("verdict", pa.string()), ("credit", pa.float64())])
    schema = pa.schema(
        [
            ("attempt", pa.string()),
            ("created_at", pa.timestamp("us", tz="UTC")),
            ("question", pa.string()),
            ("version", pa.int32()),
            ("session", pa.string()),
            ("candidate", pa.string()),
            ("language", pa.string()),
            ("score", pa.float64()),
            ("by", pa.string()),
            ("grader_score", pa.float64()),
            ("expected_error", pa.float64()),
            ("needs_review", pa.bool_()),
            ("flags", pa.list_(pa.string())),
            ("points", pa.list_(point)),
        ]
    )
    count = 0
    source = iter(attempts)
    with ParquetWriter(outgoing, schema, compression="zstd") as file:
        while rows := [_row(attempt) for attempt in itertools.islice(source, ROWS)]:
            file.write_table(pa.Table.from_pylist(rows, schema=schema))
            count += len(rows)
    return count


def _row(attempt: Attempt) -> dict[str, Any]:
    grade = attempt.grades[-1].grade
    return {
        "attempt": attempt.attempt_id,
        "created_at": attempt.created_at,
        "question": attempt.question_slug,
        "version": attempt.question_version,
        "session": attempt.session_id,
        "candidate": attempt.candidate or None,
        "language": attempt.language.value,
        "score": attempt.score,
        "by": "person" if attempt.reviews else "grader",
        "grader_score": grade.score,
        "expected_error": grade.expected_error,
        "needs_review": grade.needs_review,
        "flags": [flag.code.value for flag in grade.flags],
        "points": [
            {"key": point.key, "verdict": point.verdict.value, "credit": point.credit}
            for point in grade.points
        ],
    }
