"""Folders for embedded servers, each gone with everything in it after its test."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.localdb import LocalDatabase, LocalDatabaseError, _processes_in


@pytest.fixture
def home() -> Iterator[Path]:
    """A home folder that every user can reach; pytest's own are closed to others."""
    top = Path(tempfile.mkdtemp(prefix="pointmark-localdb-"))
    top.chmod(0o755)
    yield top / "home"
    _clear(top)


def _clear(top: Path) -> None:
    for data in top.glob("**/PG_VERSION"):
        if data.parent.name != "data":
            continue
        with contextlib.suppress(LocalDatabaseError):
            LocalDatabase(data.parent.parent.parent, durable=False).stop()
        for pid in _processes_in(data.parent):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    shutil.rmtree(top)
