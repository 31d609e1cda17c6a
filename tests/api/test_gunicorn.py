"""The service as it is run: gunicorn, its worker processes, the real encoder."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from service import usecases
from service.domain import Scope
from service.encoder import BUNDLED
from service.store import Store

READY_LIMIT_S = 120.0


class Running:
    """A gunicorn of a test."""

    def __init__(self, root: Path, folder: Path, settings: Mapping[str, str]) -> None:
        self.port = _free_port()
        self.log = folder / "service.log"
        self.scratch = folder / "scratch"
        self.scratch.mkdir()
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("POINTMARK_", "OTEL_"))
        }
        environment |= {"POINTMARK_PORT": str(self.port), "TMPDIR": str(self.scratch), **settings}
        conf = root / "service" / "gunicorn_conf.py"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "-c", str(conf), "service.wsgi:app"],
                cwd=root,
                env=environment,
                stdout=log,
                stderr=log,
            )

    def call(
        self, path: str, body: object = None, token: str | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data=body if body is None or isinstance(body, Iterator) else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=30) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as refused:
            return refused.code, dict(refused.headers), refused.read()

    def until(self, path: str, status: int) -> None:
        """Wait until `path` answers so."""
        deadline = time.monotonic() + READY_LIMIT_S
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.said()
            with contextlib.suppress(OSError):
                if self.call(path)[0] == status:
                    return
            time.sleep(0.1)
        raise AssertionError(f"{path} did not answer {status}:\n{self.said()}")

    def said(self) -> str:
        """What it wrote."""
        return self.log.read_text(encoding="utf-8")

    def lines(self) -> list[dict[str, Any]]:
        """Its log; gunicorn itself prints a plain line now and then."""
        return [json.loads(line) for line in self.said().splitlines() if line.startswith("{")]

    def end(self) -> int:
        """Ask it to stop; its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(40)
        finally:
            self.process.kill()


Serve = Callable[..., Running]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def serve(root: Path, tmp_path: Path, clean_database_url: str) -> Iterator[Serve]:
    """Start the service on the test database with further settings."""
    started: list[Running] = []

    def start(**settings: str) -> Running:
        folder = tmp_path / str(len(started))
        folder.mkdir()
        running = Running(root, folder, {"DATABASE_URL": clean_database_url, **settings})
        started.append(running)
        return running

    yield start
    for running in started:
        if running.process.poll() is None:
            running.end()


def test_the_service_starts_serves_counts_and_stops(
    serve: Serve, store: Store, published: Callable[..., str]
) -> None:
    published()
    _, token = usecases.create_key(store, name="k", scopes={Scope.ADMIN}, actor=None)
    service = serve(POINTMARK_WORKERS="2")

    service.until("/livez", 200)
    status, headers, body = service.call("/readyz")
    early = service.call("/v1/grade", {"points": [{"statement": "x"}], "answer": "a"}, token)
    service.until("/readyz", 200)
    answer = {"candidate": "c", "answer": "Its gradient stays one, so it does not saturate."}
    made = [service.call("/v1/questions/why-relu/attempts", answer, token) for _ in range(8)]
    metrics = service.call("/metrics")[2].decode()
    flood = service.call("/v1/grade", (b" " * 65_536 for _ in range(20)), token)
    code = service.end()

    # Loading takes seconds, so a process that answers is not ready yet.
    assert status == 503
    assert json.loads(body)["errors"][0]["detail"].endswith(("loaded", "loaded the encoder"))
    assert int(headers["Retry-After"]) >= 1
    assert early[0] == 503
    assert [each[0] for each in made] == [201] * 8
    grades = [json.loads(each[2])["grade"] for each in made]
    assert len({json.dumps(_lasting(grade)) for grade in grades}) == 1
    # Summed over both processes, whichever of them answers.
    assert "pointmark_grading_seconds_count 8.0" in metrics
    assert 'route="/v1/questions/<id>/attempts",status="201"} 8.0' in metrics
    # A body that does not say its length is counted while it is read.
    assert (flood[0], json.loads(flood[2])["code"]) == (413, "body_too_large")
    assert code == 0
    assert list(service.scratch.glob("pointmark-*")) == []
    assert sum(line.get("status") == 201 for line in service.lines()) == 8


def _lasting(grade: dict[str, Any]) -> dict[str, Any]:
    """What is the same in equal grades."""
    return {
        **{name: value for name, value in grade.items() if name not in ("id", "created_at")},
        "provenance": {**grade["provenance"], "elapsed_ms": 0},
    }


def test_a_worker_that_dies_is_replaced_and_the_service_says_when_it_is_whole_again(
    serve: Serve,
) -> None:
    service = serve(POINTMARK_WORKERS="1")
    service.until("/readyz", 200)
    (worker,) = _who_loaded(service)

    os.kill(worker, signal.SIGKILL)
    service.until("/readyz", 503)
    service.until("/readyz", 200)

    assert len(_who_loaded(service)) == 2


def test_each_worker_sends_its_traces(
    serve: Serve, store: Store, published: Callable[..., str]
) -> None:
    published()
    _, token = usecases.create_key(store, name="k", scopes={Scope.ADMIN}, actor=None)
    with _collector() as (url, received):
        service = serve(POINTMARK_WORKERS="2", OTEL_EXPORTER_OTLP_ENDPOINT=url)
        service.until("/readyz", 200)
        answer = {"candidate": "SECRET", "answer": "SECRET words"}
        made = service.call("/v1/questions/why-relu/attempts", answer, token)
        code = service.end()

    assert (made[0], code) == (201, 0)
    sent = [ExportTraceServiceRequest.FromString(body) for body in received]
    spans = [
        span
        for each in sent
        for resource in each.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    assert {"POST /v1/questions/<id>/attempts", "grade", "embed"} <= {span.name for span in spans}
    assert len({span.trace_id for span in spans if span.name in ("grade", "embed")}) == 1
    assert b"pointmark" in received[0]
    assert "SECRET" not in str(sent)


@contextlib.contextmanager
def _collector() -> Iterator[tuple[str, list[bytes]]]:
    """A collector's address, and what it received."""
    received: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            zipped = self.headers.get("Content-Encoding") == "gzip"
            received.append(gzip.decompress(body) if zipped else body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", received
        server.shutdown()
        thread.join()


def _who_loaded(service: Running) -> set[int]:
    return {line["process"] for line in service.lines() if line["message"] == "encoder loaded"}


def test_stopping_while_the_encoder_loads_is_quick_and_clean(serve: Serve) -> None:
    service = serve(POINTMARK_WORKERS="1")
    service.until("/livez", 200)

    begun = time.monotonic()
    code = service.end()

    assert code == 0
    assert time.monotonic() - begun < 10
    assert "SIGABRT" not in service.said()


# Refusing to start -------------------------------------------------------------------------------


def test_a_missing_encoder_folder_is_refused_with_what_was_looked_for(
    serve: Serve, tmp_path: Path
) -> None:
    missing = tmp_path / "no-such-model"

    service = serve(POINTMARK_ENCODER=str(missing))

    assert service.process.wait(30) == 2
    assert (
        f"pointmark: no sentence-transformers model in {missing}: looked for modules.json, and the "
        "folder itself does not exist\n"
    ) in service.said()


def test_a_wrong_checksum_is_refused_naming_the_file(
    serve: Serve, root: Path, tmp_path: Path
) -> None:
    copy = tmp_path / BUNDLED
    shutil.copytree(root / "models" / BUNDLED, copy)
    with open(copy / "model.onnx", "r+b") as file:
        file.seek(1000)
        file.write(b"\0\0\0\0")

    service = serve(POINTMARK_ENCODER=str(copy))

    assert service.process.wait(30) == 2
    assert f"pointmark: {copy / 'model.onnx'} is not the file that SHA256SUMS there lists" in (
        service.said()
    )


def test_a_calibration_of_another_encoder_is_refused_naming_both(
    serve: Serve, root: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "other-model"
    shutil.copytree(root / "models" / BUNDLED, copy)
    (copy / "SHA256SUMS").unlink()
    config = copy / "onnx_config.json"
    config.write_text(config.read_text(encoding="utf-8") + " ", encoding="utf-8")

    service = serve(POINTMARK_ENCODER=str(copy))

    assert service.process.wait(30) == 2
    assert "was fitted on encoder" in service.said()


def test_an_encoder_that_cannot_be_loaded_ends_the_service_and_is_not_tried_for_ever(
    serve: Serve, root: Path, tmp_path: Path
) -> None:
    # The files pass every check that can be made before loading, but they are no model.
    copy = tmp_path / BUNDLED
    shutil.copytree(root / "models" / BUNDLED, copy)
    (copy / "SHA256SUMS").unlink()
    (copy / "model.onnx").write_bytes(b"no model")
    calibration = _calibration_for(root, copy, tmp_path)

    service = serve(POINTMARK_ENCODER=str(copy), POINTMARK_CALIBRATION=str(calibration))

    assert service.process.wait(READY_LIMIT_S) == 4
    assert "cannot start: looked for the encoder" in service.said()
    assert str(copy) in service.said()


def _calibration_for(root: Path, encoder: Path, folder: Path) -> Path:
    from service.encoder import check_encoder
    from service.grader.calibration import SHIPPED

    data = json.loads(SHIPPED.read_text(encoding="utf-8"))
    data["encoder"]["revision"] = check_encoder(str(encoder))
    path = folder / "calibration.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def test_faults_in_the_settings_are_listed_all_at_once(serve: Serve) -> None:
    service = serve(POINTMARK_WORKERS="none", POINTMARK_TREADS="4")

    assert service.process.wait(30) == 2
    said = service.said()
    assert "POINTMARK_WORKERS: 'none': " in said
    assert "POINTMARK_TREADS: no such setting" in said
    assert "Traceback" not in said


def test_traces_that_cannot_be_sent_are_refused(serve: Serve) -> None:
    service = serve(OTEL_TRACES_EXPORTER="jaeger")

    assert service.process.wait(30) == 2
    assert "OTEL_TRACES_EXPORTER: 'jaeger': must be otlp, console or none" in service.said()


def test_without_a_database_address_the_service_says_so(serve: Serve) -> None:
    service = serve(DATABASE_URL="")

    assert service.process.wait(30) == 2
    assert "DATABASE_URL: must be set to serve HTTP" in service.said()
