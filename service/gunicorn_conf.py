"""How gunicorn serves Pointmark; `pointmark serve` names this file, and so may anybody.

The order of things matters here. The environment of the numeric libraries and of Prometheus is set
before either is imported. The encoder's files are checked in the master, which then still has time
to refuse with a clear message; the model itself is loaded in each worker after the fork, because
its thread pools do not survive one.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from service.api.loading import LOADING_THREAD, Roll
from service.api.logs import configuration
from service.config import read_settings, served_database, traces_wanted
from service.errors import PointmarkError


def _refuse(fault: PointmarkError) -> None:
    """Say why there will be no service, in words rather than a traceback, and end."""
    sys.stderr.write(f"pointmark: {fault}\n")
    sys.exit(2)


try:
    _settings = read_settings()
    _traces = traces_wanted(os.environ)
except PointmarkError as _fault:
    _refuse(_fault)

# Idle OpenMP threads that spin instead of sleeping made answers 30 times slower on two processors.
os.environ["OMP_WAIT_POLICY"] = "passive"
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = str(_settings.encoder_threads)
# The tokenizer's own threads deadlock after a fork, and texts here are short.
os.environ["TOKENIZERS_PARALLELISM"] = "false"

# What the workers of this machine tell each other: metrics, and who is ready. New for each start.
_folder = Path(tempfile.mkdtemp(prefix="pointmark-"))
_metrics, _ready = _folder / "metrics", _folder / "ready"
for _made in (_metrics, _ready):
    _made.mkdir()
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_metrics)
_roll = Roll(_ready, _settings.workers)

_host = f"[{_settings.host}]" if ":" in _settings.host else _settings.host
bind = f"{_host}:{_settings.port}"
proc_name = "pointmark"
worker_class = "gthread"
workers = _settings.workers
threads = _settings.threads
preload_app = False
keepalive = 30
timeout = 60
# Shorter than the 35 s of `pointmark up` and the 40 s of the compose file.
graceful_timeout = 30
# The heartbeat is a file that is touched every second: memory, not disk.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
control_socket_disable = True
accesslog = None
logconfig_dict = configuration(_settings.log_level)

_log = logging.getLogger("pointmark")


def on_starting(server: Any) -> None:
    """In the master, before anything else: refuse to start what cannot work."""
    from service.assembly import check_grader

    try:
        served_database(_settings)
        check_grader(_settings)
    except PointmarkError as fault:
        shutil.rmtree(_folder, ignore_errors=True)
        _refuse(fault)


def post_worker_init(worker: Any) -> None:
    """In each worker, once it can answer: load the grader in the background."""
    from service.app import start_loading

    if _traces is None:
        start_loading(worker.wsgi, failed=_halt, roll=_roll)
        return
    from service.api import tracing

    worker.tracing = tracing.start(_traces)
    worker.tracing.observe(worker.wsgi)
    start_loading(worker.wsgi, failed=_halt, roll=_roll, make_grader=worker.tracing.make_grader)


def _halt(fault: Exception) -> None:
    """End the whole service: what kept this worker from loading would keep the next one too."""
    from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped]

    if isinstance(fault, PointmarkError):
        _log.critical("cannot start: %s", fault)
    else:
        _log.critical("the encoder cannot be loaded", exc_info=fault)
    logging.shutdown()
    # This code, from a worker, makes the master stop; a second one while it stops would crash it.
    # From a thread only this call ends a process.
    os._exit(Arbiter.APP_LOAD_ERROR if _first_to_fail() else 0)


def _first_to_fail() -> bool:
    try:
        (_folder / "failed").touch(exist_ok=False)
    except OSError:
        return False
    return True


def worker_exit(server: Any, worker: Any) -> None:
    """In a worker, at its very end: leave at once if the grader's thread is still at work.

    It may be inside the model's native code, which aborts the process, with a core dump, when the
    interpreter is taken down around it. All requests are answered by now.
    """
    if hasattr(worker, "tracing"):
        worker.tracing.stop()
    if any(thread.name == LOADING_THREAD for thread in threading.enumerate()):
        logging.shutdown()
        os._exit(0)


def child_exit(server: Any, worker: Any) -> None:
    """In the master, when a worker is gone."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
    _roll.strike(worker.pid)


def on_exit(server: Any) -> None:
    """In the master, at the very end."""
    shutil.rmtree(_folder, ignore_errors=True)
