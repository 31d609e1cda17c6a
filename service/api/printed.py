"""The report of a session as one page to print: whole in itself, for a platform to show."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any

from flask import Response, request
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from service.api.views import Data, attempt, moment, report
from service.domain import Language, Reveal
from service.sessions import QuestionReport, Report
from service.texts import text, topic_name

HTML = "text/html"
_FOLDER = Path(__file__).resolve().parent / "templates"
_STYLE = (_FOLDER / "report.css").read_text(encoding="utf-8")
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; frame-ancestors 'none'; base-uri 'none'"
_TEMPLATES = Environment(
    loader=FileSystemLoader(_FOLDER),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ICONS = {"covered": "✓", "partial": "~", "missing": "–", "contradicted": "✗"}


def is_wanted() -> bool:
    """Whether the caller prefers a page to JSON."""
    return request.accept_mimetypes.best_match(["application/json", HTML]) == HTML


def report_page(found: Report, now: datetime, *, to_candidate: bool) -> Response:
    """The report as a page; `to_candidate`: without what candidates may not see of points."""
    language = found.session.language or Language(
        request.accept_languages.best_match([each.value for each in Language]) or Language.EN
    )
    data = report(found, now)

    def t(key: str, **values: object) -> str:
        return text(key, language, **values)

    html = _TEMPLATES.get_template("report.html").render(
        t=t,
        named=lambda topic: topic_name(topic, language),
        style=_STYLE,
        language=language.value,
        made=_shown(moment(now)),
        started=_shown(data["session"]["started_at"]),
        finished=_shown(data["session"]["finished_at"]),
        report=data,
        questions=[
            _question(shown, each, language, to_candidate)
            for shown, each in zip(data["questions"], found.questions, strict=True)
        ],
        icons=_ICONS,
    )
    return Response(html, headers={"Content-Security-Policy": _POLICY}, mimetype=HTML)


def _question(
    shown: Data, found: QuestionReport, language: Language, to_candidate: bool
) -> dict[str, Any]:
    prompt = found.question.content.prompt
    last = found.attempts[-1] if found.attempts else None
    return shown | {
        "prompt": prompt.get(language) or next(iter(prompt.values())),
        "answer": None if last is None else last.answer,
        "expected_error": None if last is None else last.grades[-1].grade.expected_error,
        "points": [] if last is None else _points(found, language, to_candidate),
    }


def _points(found: QuestionReport, language: Language, to_candidate: bool) -> list[Data]:
    last = found.attempts[-1]
    hidden = to_candidate and last.reveal is Reveal.NEVER
    data = attempt(last, to_candidate=to_candidate)
    judged = data["reviews"][-1]["verdicts"] if data["reviews"] else {}
    statements = {
        point.key: point.statement.get(language) or next(iter(point.statement.values()))
        for point in found.question.content.points
    }
    return [
        {
            "verdict": judged.get(graded["key"], graded["verdict"]),
            "statement": None if hidden else statements[graded["key"]],
        }
        for graded in data["grade"]["points"]
    ]


def _shown(at: str | None) -> str | None:
    """A time to the minute, for people."""
    return None if at is None else f"{at[:10]} {at[11:16]} UTC"
