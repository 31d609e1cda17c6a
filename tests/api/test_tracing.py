"""Spans: what is in them, how they hang together, and what asks for them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from service.api.tracing import Tracing
from service.config import traces_wanted
from service.domain import Scope
from service.errors import ConfigurationError
from service.grader import load_calibration

if TYPE_CHECKING:
    from service.encoder import SentenceEncoder

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
ATTEMPTS = "/v1/questions/why-relu/attempts"


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def traced(
    make_app: Any,
    caller: Callable[..., Any],
    encoder: SentenceEncoder,
    exporter: InMemorySpanExporter,
) -> Any:
    """A caller of an application that is traced, with the real grader."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing = Tracing(provider)
    app = make_app(grader=tracing.make_grader(encoder, load_calibration(), None))
    tracing.observe(app)
    return caller(Scope.ADMIN, of=app)


def test_a_request_its_grading_and_its_embedding_are_one_trace(
    traced: Any, published: Callable[..., str], exporter: InMemorySpanExporter
) -> None:
    published()

    response = traced.post(
        ATTEMPTS,
        {"candidate": "SECRET-candidate", "answer": "SECRET: its gradient stays one."},
        headers={"traceparent": f"00-{TRACE}-{PARENT}-01", "X-Request-Id": "req-1"},
    )

    assert response.status_code == 201
    spans = exporter.get_finished_spans()
    by_name = {span.name: span for span in spans}
    request, grade = by_name["POST /v1/questions/<id>/attempts"], by_name["grade"]
    assert {format(span.context.trace_id, "032x") for span in spans} == {TRACE}
    assert request.parent is not None
    assert format(request.parent.span_id, "016x") == PARENT
    assert grade.parent == request.context
    assert request.context in [span.parent for span in spans if span.name == "embed"]
    assert grade.context in [span.parent for span in spans if span.name == "embed"]
    assert dict(request.attributes or {}) == {
        "http.request.method": "POST",
        "http.route": "/v1/questions/<id>/attempts",
        "http.response.status_code": 201,
        "pointmark.request_id": "req-1",
    }
    assert dict(grade.attributes or {}) == {"pointmark.answers": 1}
    assert "SECRET" not in "".join(span.to_json() for span in spans)


def test_each_request_is_a_trace_of_its_own_and_in_the_log(
    traced: Any, exporter: InMemorySpanExporter, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "pointmark.access"):
        for path in ("/v1/questions", "/v1/nothing", "/v1/candidates/SECRET"):
            traced.get(path)

    spans = exporter.get_finished_spans()
    assert [span.name for span in spans] == [
        "GET /v1/questions",
        "GET (none)",
        "GET /v1/candidates/<path:external_id>",
    ]
    traces = [format(span.context.trace_id, "032x") for span in spans]
    assert len(set(traces)) == 3
    assert [getattr(record, "trace_id", None) for record in caplog.records] == traces
    assert "SECRET" not in "".join(span.to_json() for span in spans)


def test_a_failure_of_the_service_is_an_error_and_a_refusal_is_none(
    traced: Any, exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("service.usecases.list_questions", broken)
    assert traced.get("/v1/questions").status_code == 500
    assert traced.get("/v1/attempts/att_unknown").status_code == 404

    failed, refused = exporter.get_finished_spans()
    assert failed.status.status_code is StatusCode.ERROR
    assert refused.status.status_code is StatusCode.UNSET
    assert "broken" not in json.dumps(failed.to_json())


def test_health_is_not_traced(traced: Any, exporter: InMemorySpanExporter) -> None:
    for path in ("/livez", "/readyz", "/metrics"):
        traced.get(path)

    assert exporter.get_finished_spans() == ()


def test_what_is_not_sampled_has_no_spans(
    traced: Any, published: Callable[..., str], exporter: InMemorySpanExporter
) -> None:
    published()

    traced.post(
        ATTEMPTS,
        {"candidate": "c", "answer": "It is cheap."},
        headers={"traceparent": f"00-{TRACE}-{PARENT}-00"},
    )

    assert exporter.get_finished_spans() == ()


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({}, None),
        ({"OTEL_TRACES_EXPORTER": ""}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, "otlp"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x"}, "otlp"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_TRACES_EXPORTER": "none"}, None),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, "otlp"),
        ({"OTEL_TRACES_EXPORTER": "console"}, "console"),
    ],
)
def test_opentelemetrys_own_variables_ask_for_traces(
    environ: dict[str, str], wanted: str | None
) -> None:
    assert traces_wanted(environ) == wanted


def test_every_fault_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk", None)

    with pytest.raises(ConfigurationError) as refused:
        traces_wanted({"OTEL_TRACES_EXPORTER": "jaeger", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})

    assert refused.value.faults == (
        "OTEL_TRACES_EXPORTER: 'jaeger': must be otlp, console or none",
        "OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc': only http/protobuf is here",
        "traces are asked for (OTEL_…), which needs: pip install 'pointmark[otel]'",
    )


def test_nobody_needs_the_packages_who_wants_no_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk", None)

    assert traces_wanted({}) is None
