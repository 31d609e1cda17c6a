"""Prometheus metrics, one sum over all worker processes of a machine.

Under gunicorn `PROMETHEUS_MULTIPROC_DIR` is set before anything of Prometheus is imported, and each
process then counts into files of its own in that folder; without it everything is in memory.
Labels come from closed sets: route templates, never paths, or a scanner would fill the memory.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from service.domain import Grade
from service.exchange import Backlog, DeliveryState, JobQueue

CONTENT_TYPE = CONTENT_TYPE_LATEST
FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"}
_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class Metrics:
    """What is counted."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "pointmark_requests_total",
            "Requests answered.",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "pointmark_request_seconds",
            "Time from the first byte read to the response made.",
            ["method", "route"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._in_work = Gauge(
            "pointmark_requests_in_work",
            "Requests being worked on.",
            multiprocess_mode="livesum",
            registry=self._registry,
        )
        self._grades = Counter(
            "pointmark_grades_total",
            "Answers graded.",
            ["needs_review"],
            registry=self._registry,
        )
        self._flags = Counter(
            "pointmark_grade_flags_total",
            "Flags raised in grades.",
            ["flag"],
            registry=self._registry,
        )
        self._verdicts = Counter(
            "pointmark_point_verdicts_total",
            "Verdicts on points.",
            ["verdict"],
            registry=self._registry,
        )
        self._grading = Histogram(
            "pointmark_grading_seconds",
            "Time of grading one answer, nearly all of it the encoder's.",
            buckets=_SECONDS,
            registry=self._registry,
        )

    def began(self) -> None:
        """A request came in."""
        self._in_work.inc()

    def ended(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self._in_work.dec()
        method = method if method in _METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def graded(self, grade: Grade) -> None:
        """An answer was graded."""
        self._grades.labels(str(grade.needs_review).lower()).inc()
        self._grading.observe(grade.provenance.elapsed_ms / 1000)
        for flag in grade.flags:
            self._flags.labels(flag.code.value).inc()
        for point in grade.points:
            self._verdicts.labels(point.verdict.value).inc()

    def exposition(self, backlog: Backlog | None) -> bytes:
        """Everything counted, in Prometheus' text format; `backlog`: None if nobody knows."""
        waiting = CollectorRegistry()
        waiting.register(_Waiting(backlog))
        with self._collected() as registry:
            return generate_latest(registry) + generate_latest(waiting)

    @contextmanager
    def _collected(self) -> Iterator[CollectorRegistry]:
        if FOLDER_VARIABLE not in os.environ:
            yield self._registry
            return
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        yield registry


class _Waiting(Collector):
    """What the database knew when it was asked, the same on every machine."""

    def __init__(self, backlog: Backlog | None) -> None:
        self._backlog = backlog

    def collect(self) -> Iterator[Metric]:
        """The gauges; all but the first are missing while the database is away."""
        found = self._backlog
        yield GaugeMetricFamily(
            "pointmark_database_up", "Whether the database answers.", value=float(found is not None)
        )
        if found is None:
            return
        jobs = GaugeMetricFamily(
            "pointmark_jobs",
            "Jobs of workers that wait, are being done, or were given up.",
            labels=["queue", "status"],
        )
        oldest = GaugeMetricFamily(
            "pointmark_oldest_job_seconds",
            "For how long the first job of a queue could have been done.",
            labels=["queue"],
        )
        for queue in JobQueue:
            for status in ("todo", "doing", "failed"):
                jobs.add_metric([queue.value, status], found.jobs.get((queue, status), 0))
            oldest.add_metric([queue.value], found.oldest_s.get(queue, 0.0))
        deliveries = GaugeMetricFamily(
            "pointmark_webhook_deliveries",
            "Webhook messages of the log of deliveries.",
            labels=["state"],
        )
        for state in DeliveryState:
            deliveries.add_metric([state.value], found.deliveries.get(state.value, 0))
        yield jobs
        yield oldest
        yield deliveries
        yield GaugeMetricFamily(
            "pointmark_workers", "Workers heard of within half a minute.", value=found.workers
        )
        yield GaugeMetricFamily(
            "pointmark_reviews_waiting", "Attempts that wait for a person.", value=found.reviews
        )
