"""Settings: read once from the environment, frozen, every fault listed at once.

The table `SETTINGS` below is the only list of them; `docs/operations.md` is tested against it.
"""

from __future__ import annotations

import importlib.util
import ipaddress
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from service.errors import ConfigurationError


def _positive(raw: str) -> int:
    value = int(raw)
    if value < 1:
        raise ValueError("must be 1 or more")
    return value


def _not_negative(raw: str) -> int:
    value = int(raw)
    if value < 0:
        raise ValueError("must be 0 or more")
    return value


def _share(raw: str) -> float:
    value = float(raw)
    if not 0.0 <= value <= 1.0:
        raise ValueError("must be from 0 to 1")
    return value


def _switch(raw: str) -> bool:
    if raw.strip() not in {"0", "1"}:
        raise ValueError("must be 0 or 1")
    return raw.strip() == "1"


def _port(raw: str) -> int:
    value = int(raw)
    if not 1 <= value <= 65535:
        raise ValueError("must be between 1 and 65535")
    return value


def _text(raw: str) -> str:
    if not raw.strip():
        raise ValueError("must not be empty")
    return raw.strip()


def _path(raw: str) -> Path:
    return Path(_text(raw)).expanduser()


def _level(raw: str) -> str:
    value = raw.strip().upper()
    if value not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
        raise ValueError("must be DEBUG, INFO, WARNING or ERROR")
    return value


def _practice(raw: str) -> str:
    value = raw.strip().lower()
    if value not in {"auto", "on", "off"}:
        raise ValueError("must be auto, on or off")
    return value


def _database_url(raw: str) -> str:
    if not raw.startswith(("postgresql://", "postgresql+psycopg://", "postgres://")):
        raise ValueError("must be a postgresql:// address")
    # SQLAlchemy 2.1 takes postgresql:// to mean psycopg 3; libpq's short form is not known to it.
    return raw.replace("postgres://", "postgresql://", 1) if raw.startswith("postgres://") else raw


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that can be set from outside."""

    database_url: str | None = None
    """None: the embedded Postgres under `home`."""
    home: Path = Path(".pointmark")
    """Folder of the embedded database and of what a local run keeps."""
    host: str = "127.0.0.1"
    port: int = 8000
    admin_key: str | None = None
    """If set, the first admin key; else one is made and printed once."""
    encoder: str | None = None
    """Hugging Face id or local folder; None: the bundled model."""
    verifier: str | None = None
    """Folder of a verifier, or "bundled"; None: the encoder alone."""
    calibration: Path | None = None
    """Calibration file; None: the shipped one for the bundled models."""
    workers: int = 2
    threads: int = 4
    """Request threads of each worker."""
    encoder_threads: int = 1
    """Inference threads of each worker."""
    max_body_bytes: int = 1_048_576
    max_batch_bytes: int = 67_108_864
    """Of the body of a batch, which may hold 10,000 answers."""
    max_answer_chars: int = 20_000
    max_points: int = 64
    max_phrasings: int = 16
    rate_limit: int = 600
    """Requests an API key may make in `rate_window_s`; 0: no limit."""
    rate_window_s: int = 60
    idempotency_hours: int = 24
    retention_days: int = 0
    """Candidates of whom nothing is younger are erased by a worker; 0: they are kept."""
    review_sample: float = 0.02
    """Share of attempts that go to the review queue by chance, beside the doubtful ones."""
    webhook_private_addresses: bool = False
    """Whether webhooks may go to addresses of private networks, and over plain HTTP."""
    practice: str = "auto"
    """Pages to practise on: "on", "off", or "auto", on where only this machine is served."""
    log_level: str = "INFO"

    @property
    def has_practice(self) -> bool:
        """Whether the pages to practise on are served."""
        if self.practice == "auto":
            return _is_loopback(self.host)
        return self.practice == "on"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def served_database(settings: Settings) -> str:
    """The database to serve on; whoever serves on the embedded one names its address too.

    Raises:
        ConfigurationError: none is named.
    """
    if settings.database_url is None:
        raise ConfigurationError([f"{SETTINGS['database_url']}: must be set to serve HTTP"])
    return settings.database_url


def traces_wanted(environ: Mapping[str, str]) -> str | None:
    """Where OpenTelemetry's own variables send traces: `otlp`, `console`, or None for nowhere.

    Raises:
        ConfigurationError: they ask for what is not here.
    """
    wanted = environ.get("OTEL_TRACES_EXPORTER")
    if not wanted:
        there = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
        wanted = "otlp" if any(environ.get(name) for name in there) else "none"
    if wanted == "none":
        return None
    faults = []
    if wanted not in ("otlp", "console"):
        faults.append(f"OTEL_TRACES_EXPORTER: {wanted!r}: must be otlp, console or none")
    protocols = "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"
    faults += [
        f"{name}: {environ[name]!r}: only http/protobuf is here"
        for name in protocols
        if environ.get(name, "http/protobuf") != "http/protobuf"
    ]
    if not all(map(_is_installed, ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http"))):
        faults.append("traces are asked for (OTEL_…), which needs: pip install 'pointmark[otel]'")
    if faults:
        raise ConfigurationError(faults)
    return wanted


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


_PARSERS: Mapping[str, Callable[[str], Any]] = {
    "database_url": _database_url,
    "home": _path,
    "host": _text,
    "port": _port,
    "admin_key": _text,
    "encoder": _text,
    "verifier": _text,
    "calibration": _path,
    "workers": _positive,
    "threads": _positive,
    "encoder_threads": _positive,
    "max_body_bytes": _positive,
    "max_batch_bytes": _positive,
    "max_answer_chars": _positive,
    "max_points": _positive,
    "max_phrasings": _positive,
    "rate_limit": _not_negative,
    "rate_window_s": _positive,
    "idempotency_hours": _positive,
    "retention_days": _not_negative,
    "review_sample": _share,
    "webhook_private_addresses": _switch,
    "practice": _practice,
    "log_level": _level,
}

SETTINGS: Mapping[str, str] = {
    f.name: "DATABASE_URL" if f.name == "database_url" else f"POINTMARK_{f.name.upper()}"
    for f in fields(Settings)
}
"""Field name to the name of its environment variable."""


# Read elsewhere, not settings of the service: where evaluation finds the human-graded answers.
_OTHER_VARIABLES = {"POINTMARK_DATA", "POINTMARK_TRAIN"}


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment.

    An empty variable counts as unset, because compose files pass unset ones as empty.

    Raises:
        ConfigurationError: with one line for each variable that cannot work, unknown
            ``POINTMARK_`` names included, so that a typo is not silently ignored.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    faults: list[str] = []
    for name, variable in SETTINGS.items():
        raw = environ.get(variable, "")
        if raw == "":
            continue
        try:
            values[name] = _PARSERS[name](raw)
        except ValueError as fault:
            shown = "(not shown)" if name in {"admin_key", "database_url"} else repr(raw)
            faults.append(f"{variable}: {shown}: {fault}")
    known = set(SETTINGS.values()) | _OTHER_VARIABLES
    faults += [
        f"{variable}: no such setting"
        for variable in sorted(environ)
        if variable.startswith("POINTMARK_") and variable not in known
    ]
    if faults:
        raise ConfigurationError(faults)
    return Settings(**values)
