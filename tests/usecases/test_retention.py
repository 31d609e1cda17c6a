from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from service import batches, retention, sessions, usecases
from service.domain import Answer, Feedback, Scope
from service.errors import InvalidInput, NotFound
from service.exchange import AuditFilter, BatchItem, SessionPlan
from service.store import Store
from service.usecases import QuestionCache
from tests.stand_ins import StandInGrader, a_question


@pytest.fixture
def ada(store: Store) -> Callable[[], Any]:
    """Submit an answer of ada's."""
    usecases.create_question(store, a_question(), actor=None)
    usecases.publish(store, "why-relu", if_match="*", actor=None)

    def submit(candidate: str = "ada") -> Any:
        grader: Any = StandInGrader()
        return usecases.submit_attempt(
            store,
            grader,
            QuestionCache(),
            "why-relu",
            candidate=candidate,
            answer=Answer(text="It is cheap."),
            metadata={},
            key_id=None,
        )

    return submit


def age(url: str, table: str, column: str = "created_at", days: int = 40) -> None:
    """Make every row of a table older; guards of what never changes are passed by."""
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            f"UPDATE {table} SET {column} = {column} - make_interval(days => %s)",  # type: ignore[arg-type]
            (days,),
        )


def erase(store: Store, days: int = 30) -> int:
    return retention.erase_idle(store, days, stop=lambda: False)


def test_candidates_go_when_nothing_of_theirs_is_young(
    store: Store, ada: Callable[..., Any], clean_database_url: str
) -> None:
    old = [ada(), ada("bob")]
    for table in ("candidates", "attempts"):
        age(clean_database_url, table)
    ada("bob")
    ada("new")

    assert erase(store, days=0) == 0
    assert erase(store) == 1
    assert erase(store) == 0

    assert usecases.attempt(store, old[0].attempt_id).erased
    assert not usecases.attempt(store, old[1].attempt_id).erased
    with pytest.raises(NotFound):
        usecases.candidate_record(store, "ada", actor=None)
    (entry,) = retention.audit_log(store, AuditFilter(action="candidate.erase")).items
    assert entry.details == {"attempts": 1, "retention_days": 30}
    assert entry.subject.startswith("cand_")


def test_an_open_session_and_a_waiting_answer_keep_their_candidates(
    store: Store, ada: Callable[..., Any], clean_database_url: str
) -> None:
    key, _ = usecases.create_key(store, name="desk", scopes=[Scope.ADMIN], actor=None)
    plan = SessionPlan(
        candidate="invited",
        questions=("why-relu",),
        language=None,
        time_limit=None,
        extra_time=timedelta(),
        opens_at=None,
        closes_at=datetime.now(UTC) + timedelta(days=100),
        attempts_allowed=1,
        feedback=Feedback.NEVER,
        metadata={},
    )
    sessions.create(store, plan, actor=key)
    batches.create(
        store,
        [BatchItem(question="why-relu", candidate="waiting", answer=Answer(text="x"), metadata={})],
        actor=None,
    )
    for table in ("candidates", "sessions", "batches"):
        age(clean_database_url, table)

    assert erase(store) == 0
    age(clean_database_url, "sessions", "opens_at", days=200)
    age(clean_database_url, "sessions", "closes_at", days=200)
    assert erase(store) == 1


def test_a_stop_leaves_the_rest_for_the_next_time(
    store: Store, ada: Callable[..., Any], clean_database_url: str
) -> None:
    for name in "abc":
        ada(name)
    for table in ("candidates", "attempts"):
        age(clean_database_url, table)
    asked = iter([False, True])

    assert retention.erase_idle(store, 30, stop=lambda: next(asked)) == 1
    assert erase(store) == 2


def test_the_audit_log_is_listed_newest_first_and_filtered(store: Store) -> None:
    key, _ = usecases.create_key(store, name="desk", scopes=[Scope.ADMIN], actor=None)
    usecases.create_question(store, a_question(), actor=key)
    usecases.publish(store, "why-relu", if_match="*", actor=key)

    def actions(**filters: Any) -> list[str]:
        found = retention.audit_log(store, AuditFilter(**filters)).items
        return [entry.action for entry in found]

    assert actions() == ["question.publish", "question.create", "key.create"]
    assert actions(key=key.key_id) == ["question.publish", "question.create"]
    assert actions(key="key_x") == []
    assert actions(action="key.create") == ["key.create"]
    assert actions(subject=key.key_id) == ["key.create"]
    assert actions(since=datetime.now(UTC) + timedelta(hours=1)) == []
    first = retention.audit_log(store, AuditFilter(), limit=2)
    rest = retention.audit_log(store, AuditFilter(), limit=2, cursor=first.next_cursor)
    assert [entry.action for entry in rest.items] == ["key.create"]
    assert rest.next_cursor is None
    with pytest.raises(InvalidInput):
        actions(subject="\0")
