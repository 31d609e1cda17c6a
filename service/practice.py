"""Practising: somebody without an account answers questions for themselves.

Use cases like those of `service.usecases`, and under the same rules. Who practises is a candidate
whose id was made up for their browser, and every answer has a number that the page gave it: the
same page sent twice is one attempt.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING
from uuid import UUID

from service import ids, usecases
from service.content import Limits
from service.domain import Answer, Attempt, Page, QuestionVersion
from service.errors import FieldFault, InvalidInput, NotFound
from service.exchange import AttemptFilter, QuestionFilter, Quota
from service.usecases import QuestionCache

if TYPE_CHECKING:
    from service.grader import Grader
    from service.store import Store, Transaction

_PREFIX = "practice-"
_BROWSER = re.compile(_PREFIX + r"[0-9a-f]{32}")
_SUBMISSION = re.compile(r"[0-9a-f]{32}")
_SHOWN = 10
"""Earlier attempts at a question."""


class _SentBefore(Exception):
    """Another request with the same number was faster."""

    def __init__(self, attempt: Attempt) -> None:
        super().__init__(attempt.attempt_id)
        self.attempt = attempt


def new_browser() -> str:
    """A candidate's id for a browser that was not seen before."""
    return _PREFIX + secrets.token_hex(16)


def is_browser(candidate: str) -> bool:
    """Whether a candidate's id is one of `new_browser`."""
    return _BROWSER.fullmatch(candidate) is not None


def new_submission() -> str:
    """A number for an answer that is yet to be sent."""
    return secrets.token_hex(16)


def is_submission(number: str) -> bool:
    """Whether a number is one of `new_submission`."""
    return _SUBMISSION.fullmatch(number) is not None


def count_answer(store: Store, browser: str, *, limit: int, window_s: int) -> Quota:
    """Count an answer against what a browser may send in a window."""
    owner = UUID(hex=browser.removeprefix(_PREFIX))
    return store.count_browser(owner, limit=limit, window_s=window_s)


def topics(store: Store, filters: QuestionFilter) -> list[str]:
    """The topics there are to choose from."""
    with store.snapshot() as tx:
        return tx.questions.topics(filters)


def submit(
    store: Store,
    grader: Grader,
    cache: QuestionCache,
    ref: str,
    *,
    browser: str,
    submission: str,
    answer: Answer,
    limits: Limits,
    sample: float,
) -> Attempt:
    """Grade an answer and keep both; one that was sent before is what it was.

    Raises:
        InvalidInput: the answer cannot be stored, or the number is none of `new_submission`.
        NotFound: no such question, or it is archived.
        NotPublished: the question has only a draft.
    """
    if not is_submission(submission):
        fault = FieldFault(pointer="#/submission", detail="must be the number of the form")
        raise InvalidInput("The answer cannot be accepted.", [fault])
    with store.snapshot() as tx:
        before = tx.attempts.of_submission(browser, submission)
    if before:
        return before[0]

    def only_once(tx: Transaction, made: Attempt) -> None:
        tx.attempts.lock_submission(submission)
        for other in tx.attempts.of_submission(browser, submission):
            if other.attempt_id != made.attempt_id:
                raise _SentBefore(other)

    try:
        return usecases.submit_attempt(
            store,
            grader,
            cache,
            ref,
            candidate=browser,
            answer=answer,
            metadata={"from": "practice", "submission": submission},
            key_id=None,
            finish=only_once,
            limits=limits,
            sample=sample,
        )
    except _SentBefore as found:
        return found.attempt


def result(store: Store, browser: str, attempt_id: str) -> tuple[Attempt, QuestionVersion]:
    """An attempt of this browser with the version it answered.

    Raises:
        NotFound: no such attempt, or it is somebody else's.
    """
    with store.snapshot() as tx:
        found = tx.attempts.get(attempt_id)
        if found.candidate != browser:
            raise NotFound(f"There is no attempt {attempt_id!r}.")
        return found, tx.questions.version(ids.uuid_of(ids.Kind.VERSION, found.version_id))


def earlier(store: Store, browser: str, slug: str) -> tuple[Attempt, ...]:
    """The last attempts of this browser at a question, newest first."""
    filters = AttemptFilter(candidate=browser, question=slug)
    return usecases.list_attempts(store, filters, limit=_SHOWN).items


def history(store: Store, browser: str, cursor: str | None) -> Page[Attempt]:
    """All attempts of this browser, newest first.

    Raises:
        InvalidInput: a cursor that no page of the history gave out.
    """
    filters = AttemptFilter(candidate=browser)
    return usecases.list_attempts(store, filters, cursor=cursor, limit=50)


def forget(store: Store, browser: str) -> None:
    """Erase everything that this browser wrote; nothing to erase is fine."""
    try:
        usecases.erase_candidate(store, browser, actor=None)
    except NotFound:
        return
