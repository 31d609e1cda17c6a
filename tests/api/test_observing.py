"""What every request leaves behind: an id, a line in the log, numbers, headers."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from typing import Any

import pytest

from service.api.logs import JsonFormatter


@pytest.mark.parametrize("given", ["abc-123", "1", "a" * 128, "trace:1/2+3=4@x"])
def test_a_callers_request_id_comes_back(nobody: Any, given: str) -> None:
    assert nobody.get("/livez", headers={"X-Request-Id": given}).headers["X-Request-Id"] == given


@pytest.mark.parametrize("given", ["", " ", "a b", "a" * 129, "é", '"quoted"', "<script>", "-x"])
def test_an_id_that_cannot_stand_in_a_log_is_replaced(nobody: Any, given: str) -> None:
    found = nobody.get("/livez", headers={"X-Request-Id": given}).headers["X-Request-Id"]

    assert re.fullmatch("[0-9a-f]{32}", found)


def test_the_line_in_the_log_has_ids_and_numbers_and_nobodys_words(
    platform: Any, published: Callable[..., str], caplog: pytest.LogCaptureFixture
) -> None:
    published()
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"

    with caplog.at_level(logging.INFO, "pointmark.access"):
        platform.post(
            "/v1/questions/why-relu/attempts?x=SECRET",
            {"candidate": "SECRET-candidate", "answer": "SECRET words"},
            headers={
                "X-Request-Id": "req-1",
                "traceparent": f"00-{trace}-00f067aa0ba902b7-01",
            },
        )

    lines = [JsonFormatter().format(record) for record in caplog.records]
    line = json.loads(lines[-1])
    assert len(lines) == 1
    assert line["request_id"] == "req-1"
    assert line["trace_id"] == trace
    assert (line["method"], line["status"]) == ("POST", 201)
    assert line["route"] == "/v1/questions/<id>/attempts"
    assert line["key"].startswith("key_")
    assert line["ms"] > 0
    assert line["grading_ms"] == 1.5
    assert "SECRET" not in "".join(lines)


@pytest.mark.parametrize(
    "given",
    [
        "",
        "nonsense",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
    ],
)
def test_a_traceparent_that_is_none_is_ignored(
    nobody: Any, caplog: pytest.LogCaptureFixture, given: str
) -> None:
    with caplog.at_level(logging.INFO, "pointmark.access"):
        response = nobody.get("/v1/questions", headers={"traceparent": given})

    assert response.status_code == 401
    assert "trace_id" not in json.loads(JsonFormatter().format(caplog.records[-1]))


def test_questions_of_machines_are_not_logged_at_info(
    nobody: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "pointmark.access"):
        for path in ("/livez", "/readyz", "/metrics"):
            nobody.get(path)

    assert caplog.records == []


def test_an_exception_in_the_log_is_one_line() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError as fault:
        record = logging.LogRecord(
            "x", logging.ERROR, "f", 1, "said %s", ("so",), (type(fault), fault, None)
        )

    text = JsonFormatter().format(record)

    assert "\n" not in text
    assert json.loads(text)["message"] == "said so"
    assert "two\nlines" in json.loads(text)["exception"]


def test_requests_and_grades_are_counted_by_route_template(
    platform: Any, nobody: Any, published: Callable[..., str]
) -> None:
    published()
    platform.post("/v1/questions/why-relu/attempts", {"candidate": "c", "answer": "x"})
    platform.post("/v1/questions/why-relu/attempts", {"candidate": "c", "answer": ""})
    nobody.get("/some/made/up/path")
    nobody.call("BREW", "/livez")

    text = nobody.get("/metrics").get_data(as_text=True)

    for line in (
        'pointmark_requests_total{method="POST",route="/v1/questions/<id>/attempts",'
        'status="201"} 2.0',
        'pointmark_requests_total{method="GET",route="(none)",status="404"} 1.0',
        'pointmark_requests_total{method="other",route="(none)",status="405"} 1.0',
        'pointmark_request_seconds_count{method="POST",route="/v1/questions/<id>/attempts"} 2.0',
        'pointmark_grades_total{needs_review="false"} 1.0',
        'pointmark_grade_flags_total{flag="blank"} 1.0',
        'pointmark_point_verdicts_total{verdict="covered"} 2.0',
        'pointmark_point_verdicts_total{verdict="missing"} 2.0',
        "pointmark_grading_seconds_count 2.0",
        "pointmark_requests_in_work 1.0",
        "pointmark_database_up 1.0",
        'pointmark_jobs{queue="grading",status="todo"} 0.0',
        'pointmark_oldest_job_seconds{queue="webhooks"} 0.0',
        'pointmark_webhook_deliveries{state="failed"} 0.0',
        "pointmark_workers 0.0",
        "pointmark_reviews_waiting 1.0",
    ):
        assert line in text
    assert "/some/made" not in text


def test_a_graded_response_tells_its_times(platform: Any, published: Callable[..., str]) -> None:
    published()

    made = platform.post("/v1/questions/why-relu/attempts", {"candidate": "c", "answer": "x"})

    assert re.fullmatch(r"total;dur=[\d.]+, grade;dur=1\.5", made.headers["Server-Timing"])


@pytest.mark.parametrize("path", ["/livez", "/v1/questions", "/nothing", "/docs", "/openapi.json"])
def test_every_response_is_guarded(nobody: Any, path: str) -> None:
    headers = nobody.get(path, headers={"Origin": "https://elsewhere.example"}).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert not [name for name in headers.keys() if name.startswith("Access-Control")]  # noqa: SIM118


def test_what_a_key_is_shown_is_not_for_shared_caches(platform: Any) -> None:
    assert platform.get("/v1/questions").headers["Cache-Control"] == "private, no-cache"
