"""Candidates never see points before the question allows it, on any route.

Each text of the rubric is a marker that can be found wherever it might leak to. A sweep then calls
every route with a candidate-facing key and looks for markers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from apiflask import APIFlask
from werkzeug.test import Client

from service import usecases
from service.domain import (
    Language,
    Misconception,
    Point,
    Question,
    Reveal,
    Sample,
    Scope,
    Source,
)

EN, ZH = Language.EN, Language.ZH
EVERYTHING_A_CANDIDATE_KEY_MAY = (
    Scope.QUESTIONS_READ,
    Scope.ATTEMPTS_WRITE,
    Scope.ATTEMPTS_READ,
)

RUBRIC = Question(
    slug="masked",
    topic="topic",
    difficulty=1,
    prompt={EN: "What is asked?"},
    points=(
        Point(
            key="marker-point-key",
            statement={EN: "MARKER statement one.", ZH: "MARKER 陈述一。"},
            phrasings={EN: ("MARKER phrasing.",), ZH: ("MARKER 说法。",)},
            hint={EN: "MARKER hint."},
            terms=("MARKER term",),
        ),
    ),
    misconceptions=(
        Misconception(
            key="marker-misconception-key",
            statement={EN: "MARKER wrong."},
            phrasings={EN: ("MARKER wrong phrasing.",)},
            contradicts="marker-point-key",
            feedback={EN: "MARKER correction."},
        ),
    ),
    sources=(Source(title="MARKER source"),),
    samples=(Sample(language=EN, level="good", score=50, answer="MARKER sample"),),
)


class Leaky:
    """A grader that would tell everything: the keys, and the names of misconceptions in signals.

    Feedback is made as the real one makes it, by the question's own rule.
    """

    encoder_revision = "leaky"

    def __init__(self, stand_in: Any) -> None:
        self._stand_in = stand_in

    def keep(self, question: Question, kept: object = None) -> None:
        """Nothing is worth keeping."""

    def prepare(
        self, question: Question, alternatives: object = None, kept: object = None
    ) -> Question:
        return question

    def grade(self, prepared: Question, answer: Any, *, version_id: str | None = None) -> Any:
        from service.grader.feedback import write_feedback

        marked = self._stand_in.grade(prepared, answer, version_id=version_id)
        if prepared.slug != RUBRIC.slug:
            return marked
        wrong = replace(marked.grade.misconceptions[0], key="marker-misconception-key")
        points = tuple(
            replace(point, signals=(replace(point.signals[0], name="MARKER signal"),))
            for point in marked.grade.points
        )
        said = write_feedback(
            prepared, points, (wrong,), language=Language.EN, blank=not answer.text.strip()
        )
        grade = replace(marked.grade, points=points, misconceptions=(wrong,), feedback=said)
        return replace(marked, grade=grade)


@pytest.fixture
def app(make_app: Callable[..., APIFlask], stand_ins: Any) -> APIFlask:
    """The application with the grader that tells everything."""
    return make_app(Leaky(stand_ins.StandInGrader()))


def _stored(store: Any, reveal: Reveal) -> str:
    made = usecases.create_question(store, replace(RUBRIC, reveal=reveal), actor=None)
    usecases.publish(store, made.question_id, if_match=made.etag, actor=None)
    # A draft beside it, which tells as much.
    usecases.save_draft(
        store, made.question_id, replace(RUBRIC, reveal=reveal), if_match="*", actor=None
    )
    return made.question_id


def _sweep(app: APIFlask, key: Any, question_id: str) -> Iterator[tuple[str, str]]:
    """The body of every GET and POST that the application has, called with real ids."""
    attempt = key.post(
        f"/v1/questions/{question_id}/attempts",
        {"candidate": "c", "answer": "An answer."},
        headers={"Idempotency-Key": "same"},
    )
    assert attempt.status_code == 201
    yield "submit", attempt.get_data(as_text=True)
    bodies = {
        "/v1/questions/<id>/attempts": {"candidate": "c", "answer": "An answer."},
        "/v1/questions": {"slug": "masked"},
        "/v1/grade": {"answer": "a", "points": [{"statement": "x"}], "question": "masked"},
    }
    for rule in app.url_map.iter_rules():
        # A question where a question is meant, an attempt where an attempt is.
        id = attempt.json["id"] if "attempts/<id>" in rule.rule else question_id
        path = (
            rule.rule.replace("<id>", id)
            .replace("<int(max=2147483647):number>", "1")
            .replace("<path:name>", "docs.html")
            .replace("<code>", "not_found")
            .replace("<path:external_id>", "c")
            .replace("<delivery_id>", "msg_0")
            .replace("<name>", "pages.js")
            .replace("<slug>", RUBRIC.slug)
            .replace("<attempt_id>", attempt.json["id"])
        )
        assert "<" not in path, rule.rule
        for query in ("", "?view=author", "?view=author&status=draft", "?status=draft"):
            for method in sorted({"GET", "POST"} & (rule.methods or set())):
                body = bodies.get(rule.rule, {}) if method == "POST" else None
                again = {"Idempotency-Key": "same"} if rule.rule.endswith("attempts") else {}
                response = key.call(method, path + query, body, headers=again)
                assert response.status_code != 500, rule.rule
                yield f"{method} {path}{query}", response.get_data(as_text=True)


def test_a_question_that_reveals_nothing_reveals_nothing_anywhere(
    app: APIFlask, store: Any, caller: Callable[..., Any]
) -> None:
    question_id = _stored(store, Reveal.NEVER)

    swept = list(_sweep(app, caller(*EVERYTHING_A_CANDIDATE_KEY_MAY), question_id))

    assert len(swept) > 40
    assert [where for where, body in swept if "marker" in body.lower()] == []


def test_a_question_that_reveals_after_an_attempt_reveals_in_the_grade_alone(
    app: APIFlask, store: Any, caller: Callable[..., Any]
) -> None:
    question_id = _stored(store, Reveal.AFTER_ATTEMPT)

    swept = list(_sweep(app, caller(*EVERYTHING_A_CANDIDATE_KEY_MAY), question_id))

    telling = {where for where, body in swept if "marker" in body.lower()}
    assert telling
    assert {where for where in telling if "attempts" not in where} == {"submit"}
    for where, body in swept:
        if where in telling:
            _forget_grades(body)


def _forget_grades(body: str) -> None:
    """Nothing but grades tells: without them no marker is left."""
    document = json.loads(body)
    for attempt in document.get("data", [document]):
        del attempt["grade"]
        attempt.pop("grades", None)
    assert "marker" not in json.dumps(document).lower()


def test_after_an_attempt_keys_and_statements_are_told_but_no_phrasings(
    app: APIFlask, store: Any, caller: Callable[..., Any]
) -> None:
    _stored(store, Reveal.AFTER_ATTEMPT)

    made = caller(*EVERYTHING_A_CANDIDATE_KEY_MAY).post(
        "/v1/questions/masked/attempts", {"candidate": "c", "answer": "An answer."}
    )

    grade = made.json["grade"]
    assert grade["points"][0]["key"] == "marker-point-key"
    assert "MARKER statement one" in grade["feedback"]
    assert "phrasing" not in made.get_data(as_text=True)


def test_masked_keys_are_numbers_and_the_rest_of_the_grade_stays(
    app: APIFlask, store: Any, caller: Callable[..., Any]
) -> None:
    _stored(store, Reveal.NEVER)
    path = "/v1/questions/masked/attempts"
    candidate = caller(*EVERYTHING_A_CANDIDATE_KEY_MAY)

    made = candidate.post(path, {"candidate": "c", "answer": "An answer."}).json
    seen = caller(Scope.ATTEMPTS_READ, Scope.REVIEW).get(f"/v1/attempts/{made['id']}").json

    masked, whole = made["grade"], seen["grade"]
    assert [point["key"] for point in masked["points"]] == ["point-1"]
    assert [wrong["key"] for wrong in masked["misconceptions"]] == ["misconception-1"]
    assert all("signals" not in point for point in masked["points"])
    assert [point["key"] for point in whole["points"]] == ["marker-point-key"]
    assert whole["points"][0]["signals"][0]["name"] == "MARKER signal"
    for kept in ("score", "feedback", "provenance", "flags"):
        assert masked[kept] == whole[kept]
    assert masked["points"][0]["evidence"] == whole["points"][0]["evidence"]


@pytest.mark.parametrize("scope", [Scope.QUESTIONS_WRITE, Scope.REVIEW, Scope.ADMIN])
def test_keys_that_may_see_rubrics_see_whole_grades(
    app: APIFlask, store: Any, caller: Callable[..., Any], scope: Scope
) -> None:
    _stored(store, Reveal.NEVER)

    made = caller(Scope.ATTEMPTS_WRITE, scope).post(
        "/v1/questions/masked/attempts", {"candidate": "c", "answer": "An answer."}
    )

    assert made.json["grade"]["points"][0]["key"] == "marker-point-key"


@pytest.mark.parametrize("reveal", Reveal)
def test_the_practice_pages_tell_no_more_than_a_key_of_candidates_is_told(
    app: APIFlask, store: Any, reveal: Reveal
) -> None:
    _stored(store, reveal)
    browser = Client(app)
    asked = browser.get("/practise/masked").get_data(as_text=True)
    form = dict(re.findall(r'name="(\w+)" value="([^"]*)"', asked))

    pages = [browser.get("/").get_data(as_text=True), asked]
    for answer in ("An answer.", " "):
        form["submission"] = f"{len(pages):032x}"
        sent = browser.post("/practise/masked", data=form | {"answer": answer})
        assert sent.status_code == 303
        pages.append(browser.get(sent.headers["Location"]).get_data(as_text=True))

    told = [re.findall(r"marker[ -][\w -]+", page.lower()) for page in pages]
    assert told[:2] == [[], []]
    if reveal is Reveal.NEVER:
        # A hint gives nothing away, and the feedback of such a question holds it too.
        assert told[2:] == [[], ["marker hint"]]
    else:
        assert told[2] == ["marker statement one", "marker correction"]
        assert told[3] == ["marker hint", "marker statement one", "marker correction"]


@pytest.mark.parametrize("reveal", Reveal)
@pytest.mark.parametrize("feedback", ["never", "after_finish", "after_answer"])
def test_the_session_pages_tell_only_what_the_rules_of_both_allow(
    app: APIFlask, store: Any, caller: Callable[..., Any], reveal: Reveal, feedback: str
) -> None:
    question_id = _stored(store, reveal)
    made = caller(*EVERYTHING_A_CANDIDATE_KEY_MAY).post(
        "/v1/sessions", {"candidate": "c", "questions": [question_id], "feedback": feedback}
    )
    browser = Client(app)
    browser.get(f"/session?token={made.json['access']['token']}")

    def told(path: str) -> bool:
        return "marker" in browser.get(path).get_data(as_text=True).lower()

    def form(path: str) -> dict[str, str]:
        page = browser.get(path).get_data(as_text=True)
        return dict(re.findall(r'name="(\w+)" value="([^"]*)"', page))

    asked = "/session/questions/1"
    unasked = [told("/session")]
    browser.post("/session", data=form("/session"))
    unasked += [told("/session"), told(asked)]
    sent = browser.post(asked, data=form(asked) | {"answer": "An answer."})
    assert sent.status_code == 303
    before = [told(path) for path in (sent.headers["Location"], "/session/report")]
    assert browser.post("/session", data=form("/session")).status_code == 303
    after = [told(path) for path in (sent.headers["Location"], "/session/report")]

    reveals = reveal is Reveal.AFTER_ATTEMPT
    assert unasked == [False, False, False]
    assert before == [reveals and feedback == "after_answer", False]
    assert after == [reveals and feedback != "never"] * 2
