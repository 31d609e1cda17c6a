"""The grader of a process: loaded in the background, so that the process answers meanwhile.

Loading takes seconds (the encoder's library alone), and a model that was loaded before a fork
deadlocks in the children; so each worker process loads its own, after the fork, while /livez
answers and /readyz says what it waits for.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from service.errors import PointmarkError

if TYPE_CHECKING:
    from service.grader import Grader

LOADING_THREAD = "load-grader"

log = logging.getLogger("pointmark")


class NotReady(PointmarkError):
    """The service cannot do its work yet; `reasons` says why."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__("Not ready: " + "; ".join(reasons) + ".")
        self.reasons = reasons


class LoadingGrader:
    """A grader that may still be on its way. Safe between threads."""

    def __init__(self, grader: Grader | None = None) -> None:
        self._grader = grader

    def get(self) -> Grader:
        """The grader.

        Raises:
            NotReady: it is being loaded.
        """
        if self._grader is None:
            raise NotReady(["the encoder is being loaded"])
        return self._grader

    def start(
        self,
        load: Callable[[], Grader],
        *,
        loaded: Callable[[], None],
        failed: Callable[[Exception], None],
    ) -> threading.Thread:
        """Load in the background, then call one of the two."""

        def work() -> None:
            begun = time.monotonic()
            try:
                grader = load()
                warm(grader)
            except Exception as fault:
                failed(fault)
                return
            self._grader = grader
            log.info("encoder loaded", extra={"seconds": round(time.monotonic() - begun, 2)})
            loaded()

        thread = threading.Thread(target=work, name=LOADING_THREAD, daemon=True)
        thread.start()
        return thread


def warm(grader: Grader) -> None:
    """Grade something small and something long: the first call of a model is slow, and allocates
    its buffers by the longest text seen."""
    from service.domain import Answer, Language, Point, Question

    points = tuple(
        Point(key=f"point-{number}", statement={Language.EN: f"Statement number {number}."})
        for number in range(1, 9)
    )
    question = Question(slug="warm-up", topic="none", difficulty=1, prompt={}, points=points)
    prepared = grader.prepare(question)
    for text in ("A short one.", "A sentence of some length stands here, and then another. " * 20):
        grader.grade(prepared, Answer(text=text))


class Roll:
    """Which worker processes of this machine are ready, as files named by process id.

    A request goes to any worker, so the machine is ready when all of them are.
    """

    def __init__(self, folder: Path, workers: int) -> None:
        self._folder = folder
        self._workers = workers

    def sign(self) -> None:
        """This process is ready."""
        (self._folder / str(os.getpid())).touch()

    def strike(self, pid: int) -> None:
        """That process is gone."""
        (self._folder / str(pid)).unlink(missing_ok=True)

    def missing(self) -> list[str]:
        """Why not all are ready; empty when they are."""
        ready = len(list(self._folder.iterdir()))
        if ready >= self._workers:
            return []
        return [f"{ready} of {self._workers} worker processes have loaded the encoder"]
