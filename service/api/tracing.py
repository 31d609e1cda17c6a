"""Traces for OpenTelemetry: a span for each request, and in it for grading and embedding.

Imported only where traces are wanted (`config.traces_wanted`): the packages are the extra `otel`.
Spans hold routes, numbers and ids. Never paths or texts, in which candidates are named and speak.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from apiflask import APIFlask
from flask import Response, g, request
from opentelemetry import context, propagate, trace
from opentelemetry.sdk.resources import (
    SERVICE_NAME,
    SERVICE_VERSION,
    OTELResourceDetector,
    Resource,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    ConsoleSpanExporter,
    SimpleSpanProcessor,
)

from service import __version__
from service.api.context import state
from service.api.observing import QUIET, UNKNOWN_ROUTE
from service.domain import Answer
from service.grader import Calibration, Encoder, Grader, Kept, Marked, PreparedQuestion
from service.grader.core import Verifier

CONSOLE = "console"


def start(exporter: str) -> Tracing:
    """Tracing to what the variables of OpenTelemetry name; `exporter` is `otlp` or `console`.

    To be called after the fork: the thread that sends does not survive one.
    """
    known = Resource.create({SERVICE_NAME: "pointmark", SERVICE_VERSION: __version__})
    # OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES come last, and win.
    resource = known.merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    if exporter == CONSOLE:
        provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
    else:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Tracing(provider)


class Tracing:
    """Makes spans of one process."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("pointmark", __version__)

    def stop(self) -> None:
        """Send what is left."""
        self._provider.shutdown()

    def observe(self, app: APIFlask) -> None:
        """Make a span for every request of `app`."""
        app.before_request(self._begin)
        app.after_request(_note)
        app.teardown_request(_end)

    def make_grader(
        self, encoder: Encoder, calibration: Calibration, verifier: Verifier | None
    ) -> Grader:
        """A grader with spans."""
        return TracedGrader(self._tracer, encoder, calibration, verifier)

    def _begin(self) -> None:
        if request.path in QUIET:
            return
        route = UNKNOWN_ROUTE if request.url_rule is None else request.url_rule.rule
        span = self._tracer.start_span(
            f"{request.method} {route}",
            context=propagate.extract({name.lower(): value for name, value in request.headers}),
            kind=trace.SpanKind.SERVER,
            attributes={
                "http.request.method": request.method,
                "http.route": route,
                "pointmark.request_id": state().request_id,
            },
        )
        g.span = span
        g.span_token = context.attach(trace.set_span_in_context(span))
        state().trace_id = trace.format_trace_id(span.get_span_context().trace_id)


def _note(response: Response) -> Response:
    if "span" in g:
        g.span.set_attribute("http.response.status_code", response.status_code)
        if response.status_code >= 500:
            g.span.set_status(trace.StatusCode.ERROR)
    return response


def _end(fault: BaseException | None) -> None:
    if "span" in g:
        context.detach(g.pop("span_token"))
        g.pop("span").end()


class TracedGrader(Grader):
    """A grader that makes spans within a request's; loading and warming up are none."""

    def __init__(
        self,
        tracer: trace.Tracer,
        encoder: Encoder,
        calibration: Calibration,
        verifier: Verifier | None,
    ) -> None:
        super().__init__(TracedEncoder(tracer, encoder), calibration, verifier)
        self._tracer = tracer

    def grade_again(
        self, items: Sequence[tuple[PreparedQuestion, Answer, str | None, Kept | None]]
    ) -> list[Marked]:
        """As in `Grader`."""
        if not trace.get_current_span().is_recording():
            return super().grade_again(items)
        with self._tracer.start_as_current_span("grade") as span:
            span.set_attribute("pointmark.answers", len(items))
            return super().grade_again(items)


class TracedEncoder:
    """An encoder that makes spans within a request's."""

    def __init__(self, tracer: trace.Tracer, encoder: Encoder) -> None:
        self._tracer = tracer
        self._encoder = encoder
        self.name = encoder.name
        self.revision = encoder.revision
        self.dimension = encoder.dimension

    def encode_tokens(self, texts: Sequence[str]) -> Any:
        """As the encoder."""
        if not trace.get_current_span().is_recording():
            return self._encoder.encode_tokens(texts)
        with self._tracer.start_as_current_span("embed") as span:
            span.set_attribute("pointmark.texts", len(texts))
            return self._encoder.encode_tokens(texts)

    def unknown_share(self, text: str) -> float:
        """As the encoder."""
        return self._encoder.unknown_share(text)
