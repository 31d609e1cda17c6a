"""Logs: one JSON object a line, on standard output, for machines to collect and people to grep.

What a candidate or author wrote never gets in: lines are made of ids, route templates and numbers.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

_FIELDS = (
    "request_id",
    "trace_id",
    "key",
    "session",
    "job",
    "candidates",
    "method",
    "route",
    "status",
    "ms",
    "grading_ms",
    "seconds",
)


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "process": record.process,
            "message": record.getMessage(),
        }
        for name in _FIELDS:
            value = getattr(record, name, None)
            if value is not None:
                line[name] = value
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def configuration(level: str) -> dict[str, Any]:
    """For `logging.config` and gunicorn: everything through one handler."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "service.api.logs.JsonFormatter"}},
        "handlers": {
            "out": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stdout",
                "formatter": "json",
            }
        },
        "root": {"level": "WARNING", "handlers": ["out"]},
        "loggers": {
            "pointmark": {"level": level},
            "gunicorn.error": {"level": level},
            "gunicorn.access": {"level": "WARNING"},
            # It warns each time about the prompt that we have it use.
            "sentence_transformers": {"level": "ERROR"},
        },
    }
