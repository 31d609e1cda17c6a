"""What Pointmark does, one function an act: load, decide, save.

Each takes the store as its first argument and opens its own transactions, so that a caller never
holds one while an answer is embedded. Everything that writes takes `finish`, a function called
with the open transaction and the result just before the commit: the HTTP layer saves the response
of an idempotent request there (`tx.save_response`), and so response and result commit together or
not at all.

`ref` is a question's id or its slug everywhere. The plain values that go in and out besides the
domain's own (filters, quota, claims, stored responses) are in `service.exchange`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from service import events, ids
from service.content import (
    Limits,
    check_answer,
    check_candidate,
    check_content,
    check_metadata,
    check_text,
    refuse,
)
from service.domain import (
    Answer,
    ApiKey,
    Attempt,
    Language,
    Page,
    Question,
    QuestionVersion,
    Scope,
    WaitReason,
)
from service.errors import FieldFault, InvalidInput, StaleVersion, Unauthenticated
from service.exchange import (
    AttemptFilter,
    CandidateRecord,
    Erasure,
    QuestionFilter,
    QuestionHead,
    QuestionStatistics,
    Quota,
)
from service.grader.language import detect
from service.suggesting import ALIKE, GoodAnswers, Suggestion, Wording, suggested

if TYPE_CHECKING:
    from service.grader import Grader, KeptQuestion, PreparedQuestion
    from service.store import Store, Transaction

Result = TypeVar("Result")
Finish = Callable[["Transaction", Result], None]
"""Called with the open write transaction and the result, just before the commit."""

ANY_ETAG = "*"
"""What `if_match` is when the caller accepts whatever is stored."""

_DEFAULT_LIMITS = Limits()


# Questions ---------------------------------------------------------------------------------------


def create_question(
    store: Store,
    content: Question,
    *,
    actor: ApiKey | None,
    finish: Finish[QuestionVersion] | None = None,
    limits: Limits = _DEFAULT_LIMITS,
) -> QuestionVersion:
    """Store a new question as draft number 1.

    Raises:
        InvalidInput: with a pointer to each fault of the content.
        SlugTaken: another question, archived ones included, has this slug.
    """
    refuse("The question cannot be accepted.", check_content(content, limits))
    with store.transaction() as tx:
        version = tx.questions.add(content)
        tx.record(actor, "question.create", version.question_id)
        close_with(finish, tx, version)
    return version


def save_draft(
    store: Store,
    ref: str,
    content: Question,
    *,
    if_match: str,
    actor: ApiKey | None,
    finish: Finish[QuestionVersion] | None = None,
    limits: Limits = _DEFAULT_LIMITS,
) -> QuestionVersion:
    """Replace the question's draft, or begin the next one after a published version.

    The slug may change as long as no version was ever published: from then on attempts, links and
    exports know the question by it.

    Raises:
        InvalidInput: with a pointer to each fault of the content.
        NotFound: no such question, or it is archived.
        SlugTaken: another question has the new slug.
        StaleVersion: `if_match` is not the question's current etag.
    """
    refuse("The question cannot be accepted.", check_content(content, limits))
    with store.transaction() as tx:
        head = tx.questions.lock(ref)
        _check_etag(head, if_match)
        _check_slug_change(head, content.slug)
        version = tx.questions.write_draft(head, content)
        tx.record(actor, "question.save_draft", version.question_id, number=version.number)
        close_with(finish, tx, version)
    return version


def publish(
    store: Store,
    ref: str,
    *,
    if_match: str,
    actor: ApiKey | None,
    check: Callable[[Question], None] | None = None,
    finish: Finish[QuestionVersion] | None = None,
) -> QuestionVersion:
    """Make the draft the version that candidates get; it never changes again.

    `check` may refuse the content by raising, e.g. after embedding it. It runs before the write
    transaction; the etag taken with the content makes sure that what it saw is what is published.

    Raises:
        NotFound: no such question, or it is archived.
        NothingToPublish: the question has no draft.
        StaleVersion: `if_match` is not the question's current etag, or it changed meanwhile.
    """
    if check is not None:
        seen = latest(store, ref)
        if if_match in (seen.etag, ANY_ETAG):
            check(seen.content)
            if_match = seen.etag
    with store.transaction() as tx:
        head = tx.questions.lock(ref)
        _check_etag(head, if_match)
        version = tx.questions.publish_draft(head)
        tx.record(actor, "question.publish", version.question_id, number=version.number)
        close_with(finish, tx, version)
    return version


def archive(store: Store, ref: str, *, if_match: str, actor: ApiKey | None) -> None:
    """Take the question out of service for good; its versions stay for the attempts on them.

    Raises:
        NotFound: no such question, or it is archived already.
        StaleVersion: `if_match` is not the question's current etag.
    """
    with store.transaction() as tx:
        head = tx.questions.lock(ref)
        _check_etag(head, if_match)
        tx.questions.archive(head)
        tx.record(actor, "question.archive", ids.show(ids.Kind.QUESTION, head.question_id))


def published(store: Store, ref: str) -> QuestionVersion:
    """The version that candidates get.

    Raises:
        NotFound: no such question, or it is archived.
        NotPublished: it has only a draft.
    """
    version_id = store.published_version(ref)
    with store.snapshot() as tx:
        return tx.questions.version(version_id)


def latest(store: Store, ref: str, number: int | None = None) -> QuestionVersion:
    """The version an author works on: the draft if there is one; or the version numbered so.

    Raises:
        NotFound: no such question or number, or the question is archived.
    """
    with store.snapshot() as tx:
        return tx.questions.latest(ref, number)


def versions(store: Store, ref: str) -> tuple[QuestionVersion, ...]:
    """Every version of a question, oldest first.

    Raises:
        NotFound: no such question, or it is archived.
    """
    with store.snapshot() as tx:
        return tx.questions.versions(ref)


def list_questions(
    store: Store,
    filters: QuestionFilter,
    *,
    cursor: str | None = None,
    limit: int = 20,
    author: bool = False,
) -> Page[QuestionVersion]:
    """Questions in the order they were made: published versions, or for authors the latest ones.

    Raises:
        InvalidInput: a cursor that no listing of questions gave out, or text that cannot be.
    """
    _check_question_filter(filters)
    with store.snapshot() as tx:
        return tx.questions.page(filters, cursor=cursor, limit=limit, author=author)


def random_question(store: Store, filters: QuestionFilter) -> QuestionVersion:
    """One published question that fits, each with the same chance.

    Raises:
        NotFound: none fits.
    """
    _check_question_filter(filters)
    with store.snapshot() as tx:
        return tx.questions.random(filters)


def question_statistics(
    store: Store, ref: str, number: int | None = None
) -> tuple[QuestionVersion, QuestionStatistics]:
    """How candidates did on the version numbered so, or on the one that is served.

    Raises:
        NotFound: no such question or version, or the question is archived.
        NotPublished: it has only a draft.
    """
    served = None if number is not None else store.published_version(ref)
    with store.snapshot() as tx:
        found = _numbered(tx, ref, number, served)
        return found, tx.statistics.of(ids.uuid_of(ids.Kind.VERSION, found.version_id))


def suggested_points(
    store: Store,
    ref: str,
    number: int | None = None,
    *,
    language: Language | None = None,
    similarity: float = ALIKE,
) -> tuple[QuestionVersion, GoodAnswers, tuple[Suggestion, ...]]:
    """What many good candidates write and no point of a version covers; as `question_statistics`.

    Of answers in `language`, or in the one that most are in. Everything comes from what is stored;
    the question's own vectors are not if a verifier is at work, and then no nearest point is named.

    Raises:
        NotFound: no such question or version, or the question is archived.
        NotPublished: it has only a draft.
    """
    served = None if number is not None else store.published_version(ref)
    with store.snapshot() as tx:
        found = _numbered(tx, ref, number, served)
        version_id = ids.uuid_of(ids.Kind.VERSION, found.version_id)
        good = tx.statistics.good_answers(version_id, language)
        revision = good.encoder_revision
        kept = None if revision is None else tx.question_vectors.get(version_id, revision)
    wordings = [] if kept is None else _wordings(found.content, kept, good.language)
    return found, good, suggested(good.answers, wordings, similarity)


def _numbered(
    tx: Transaction, ref: str, number: int | None, served: UUID | None
) -> QuestionVersion:
    return tx.questions.latest(ref, number) if served is None else tx.questions.version(served)


def _wordings(content: Question, kept: KeptQuestion, language: Language | None) -> list[Wording]:
    """A question's own texts in a language, in the order in which their vectors are kept."""
    said: list[tuple[str | None, str]] = [
        (point.key, text) for point in content.points for _, text in point.texts()
    ]
    said += [(None, text) for wrong in content.misconceptions for _, text in wrong.texts()]
    said += [(None, text) for text in content.prompt.values()]
    if len(said) != len(kept.said.vectors):
        return []
    return [
        Wording(point=key, vector=vector)
        for (key, text), vector in zip(said, kept.said.vectors, strict=True)
        if detect(text) == language
    ]


def export_questions(store: Store) -> Iterator[QuestionVersion]:
    """Every version of every question, archived ones too, streamed a question at a time."""
    after: UUID | None = None
    while True:
        with store.snapshot() as tx:
            after, found = tx.questions.next_history(after)
        if after is None:
            return
        yield from found


def _check_etag(head: QuestionHead, if_match: str) -> None:
    if if_match not in (head.etag, ANY_ETAG):
        raise StaleVersion(
            "The question was changed since you read it. Read it again, apply your change to "
            "what you find, and send it with the new ETag."
        )


def _check_slug_change(head: QuestionHead, slug: str) -> None:
    if slug != head.slug and head.published is not None:
        fault = FieldFault(
            pointer="#/slug", detail=f"stays {head.slug!r}: a published question keeps its slug"
        )
        raise InvalidInput("The slug cannot change any more.", [fault])


def _check_question_filter(filters: QuestionFilter) -> None:
    texts = {"topic": filters.topic, "tag": filters.tag, "q": filters.q}
    _check_filter_texts(texts)


def _check_filter_texts(texts: Mapping[str, str | None]) -> None:
    faults = [
        fault
        for name, text in texts.items()
        if text is not None
        for fault in check_text(text, f"#/{name}")
    ]
    refuse("The filter cannot be used.", faults)


# Attempts ----------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ReadyQuestion:
    """A published version with the grader's vectors of it."""

    version: QuestionVersion
    prepared: PreparedQuestion


class QuestionCache:
    """Published versions ready for grading, by version: they never change, so none goes stale.

    One cache belongs to one grader, whose vectors it holds. The least recently used go first.
    Safe between threads; two that miss at once both do the work and get equal results.
    """

    def __init__(self, size: int = 512) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._ready: OrderedDict[UUID, ReadyQuestion] = OrderedDict()

    def get(self, version_id: UUID) -> ReadyQuestion | None:
        """The version, or None if it is not here."""
        with self._lock:
            ready = self._ready.get(version_id)
            if ready is not None:
                self._ready.move_to_end(version_id)
            return ready

    def put(self, version_id: UUID, ready: ReadyQuestion) -> None:
        """Keep the version."""
        with self._lock:
            self._ready[version_id] = ready
            self._ready.move_to_end(version_id)
            if len(self._ready) > self._size:
                self._ready.popitem(last=False)


def submit_attempt(
    store: Store,
    grader: Grader,
    cache: QuestionCache,
    ref: str,
    *,
    candidate: str,
    answer: Answer,
    metadata: Mapping[str, Any],
    key_id: str | None,
    finish: Finish[Attempt] | None = None,
    limits: Limits = _DEFAULT_LIMITS,
    sample: float = 0.0,
) -> Attempt:
    """Grade an answer to a question and keep both; a doubtful mark goes to the review queue.

    The answer is graded before the write transaction opens: embedding takes far longer than
    writing, and an open transaction would hold a connection and locks all that time.

    Args:
        key_id: the API key that it comes through; None: the command line.
        sample: share of attempts that go to the queue by chance besides, 0 to 1.

    Raises:
        InvalidInput: with a pointer to each fault.
        NotFound: no such question, or it is archived.
        NotPublished: the question has only a draft.
    """
    faults = check_candidate(candidate) + check_answer(answer, limits) + check_metadata(metadata)
    refuse("The attempt cannot be accepted.", faults)
    question = ready_question(store, grader, cache, ref)
    marked = grader.grade(question.prepared, answer, version_id=question.version.version_id)
    with store.transaction() as tx:
        attempt = tx.attempts.add(
            question.version,
            candidate=candidate,
            answer=answer.text,
            metadata=metadata,
            marked=marked,
            key_id=key_id,
        )
        follow_up(tx, attempt, sample)
        close_with(finish, tx, attempt)
    return attempt


def follow_up(tx: Transaction, attempt: Attempt, sample: float) -> None:
    """What a new attempt brings with it: webhooks, and a place in the review queue if there is a
    reason to look at it."""
    tx.webhooks.emit(events.attempt_graded(attempt))
    reasons = reasons_to_look(attempt, sample)
    if reasons:
        tx.reviews.enqueue(attempt.attempt_id, reasons, attempt.grades[-1].grade)


def reasons_to_look(attempt: Attempt, sample: float) -> frozenset[WaitReason]:
    """Why a person should look at a new attempt; empty: no reason.

    The chance is in the attempt's id, so nobody can try again for another draw.
    """
    reasons = set()
    if attempt.grades[-1].grade.needs_review:
        reasons.add(WaitReason.DOUBT)
    if ids.chance(ids.uuid_of(ids.Kind.ATTEMPT, attempt.attempt_id)) < sample:
        reasons.add(WaitReason.SAMPLE)
    return frozenset(reasons)


def ready_question(store: Store, grader: Grader, cache: QuestionCache, ref: str) -> ReadyQuestion:
    """The published version of a question with its vectors, from the cache if it is there.

    Raises:
        NotFound: no such question, or it is archived.
        NotPublished: it has only a draft.
    """
    return ready_version(store, grader, cache, store.published_version(ref))


def ready_version(
    store: Store, grader: Grader, cache: QuestionCache, version_id: UUID
) -> ReadyQuestion:
    """A version that must exist with its vectors, from the cache if it is there.

    Else from the database, or from the encoder, and then kept for whoever needs them next.
    """
    ready = cache.get(version_id)
    if ready is None:
        with store.snapshot() as tx:
            version = tx.questions.version(version_id)
            before = tx.question_vectors.get(version_id, grader.encoder_revision)
        kept = grader.keep(version.content, before)
        if kept is not None and kept is not before:
            with store.transaction() as tx:
                tx.question_vectors.put(version_id, grader.encoder_revision, kept)
        prepared = grader.prepare(version.content, kept=kept)
        ready = ReadyQuestion(version=version, prepared=prepared)
        cache.put(version_id, ready)
    return ready


def attempt(store: Store, attempt_id: str) -> Attempt:
    """One attempt with every grade it got.

    Raises:
        NotFound: no such attempt.
    """
    with store.snapshot() as tx:
        return tx.attempts.get(attempt_id)


def list_attempts(
    store: Store, filters: AttemptFilter, *, cursor: str | None = None, limit: int = 20
) -> Page[Attempt]:
    """Attempts, newest first.

    Raises:
        InvalidInput: a cursor that no listing of attempts gave out, or text that cannot be.
        NotFound: the question of the filter does not exist.
    """
    _check_filter_texts({"candidate": filters.candidate})
    with store.snapshot() as tx:
        return tx.attempts.page(filters, cursor=cursor, limit=limit)


def export_attempts(store: Store) -> Iterator[Attempt]:
    """Every attempt, newest first, streamed.

    It reads page after page, so a slow reader holds no transaction open. Attempts made meanwhile
    are not part of it.
    """
    cursor: str | None = None
    while True:
        page = list_attempts(store, AttemptFilter(), cursor=cursor, limit=100)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return


def candidate_record(store: Store, external_id: str, *, actor: ApiKey | None) -> CandidateRecord:
    """Everything that is held on a candidate, for them to have; the audit log tells of it.

    Raises:
        NotFound: no such candidate, or it was erased.
    """
    refuse("There can be no such candidate.", check_candidate(external_id))
    with store.transaction() as tx:
        created_at, attempts = tx.attempts.of_candidate(external_id)
        found = CandidateRecord(
            candidate=external_id,
            created_at=created_at,
            attempts=attempts,
            sessions=tuple(tx.sessions.of_candidate(external_id)),
        )
        # Not by name: rows of the log cannot be erased.
        tx.record(actor, "candidate.export", "candidate", attempts=len(attempts))
    return found


def erase_candidate(store: Store, external_id: str, *, actor: ApiKey | None) -> Erasure:
    """Erase what a candidate wrote and what was said to them.

    Answers, metadata, vectors, feedback, reasons of reviews, appeals and stored responses go.
    Scores stay, under a candidate without a name. The same external id used later begins a new
    candidate.

    Raises:
        NotFound: no such candidate, or it was erased already.
    """
    refuse("There can be no such candidate.", check_candidate(external_id))
    with store.transaction() as tx:
        receipt = tx.attempts.erase(external_id)
        tx.record(actor, "candidate.erase", receipt.candidate_id, attempts=receipt.attempts)
    return receipt


# API keys ----------------------------------------------------------------------------------------

_TOKEN = re.compile(r"pm_(?P<prefix>[0-9A-Za-z]{4,32})_(?P<secret>[\x21-\x7e]{16,200})")
_LAST_USED_PRECISION_S = 60
_MAX_NAME = 200


def create_key(
    store: Store,
    *,
    name: str,
    scopes: Collection[Scope],
    actor: ApiKey | None,
    finish: Finish[tuple[ApiKey, str]] | None = None,
    secret: str | None = None,
) -> tuple[ApiKey, str]:
    """Make a key; returns it with its whole token ``pm_<prefix>_<secret>``, never readable again.

    Mind what `finish` stores: a response that holds the token makes the token readable again for
    as long as the response is kept.

    `secret`: a whole token to use instead of a random one, for a first key that is set from
    outside.

    Raises:
        InvalidInput: a name or scopes that cannot be, or a token of the wrong form.
        Conflict: a key with this token's prefix exists.
    """
    refuse("The key cannot be made.", _key_faults(name, scopes))
    token = _random_token() if secret is None else secret
    prefix, digest = _given_token(token)
    with store.transaction() as tx:
        key = tx.keys.add(prefix=prefix, digest=digest, name=name, scopes=frozenset(scopes))
        tx.record(actor, "key.create", key.key_id, scopes=sorted(scopes))
        close_with(finish, tx, (key, token))
    return key, token


def ensure_admin_key(store: Store, *, token: str | None = None) -> str | None:
    """Make sure somebody can administer this installation; returns a token if one was made up.

    With `token` (from the settings), that very token works afterwards, unless it was revoked.
    Without, a key is made if no working admin key exists. Safe when several starts run at once.

    Raises:
        InvalidInput: a token of the wrong form.
        Conflict: another key has the token's prefix.
    """
    wanted = _random_token() if token is None else token
    prefix, digest = _given_token(wanted)
    with store.transaction() as tx:
        tx.keys.lock_admin()
        there = tx.keys.has_admin() if token is None else tx.keys.holds(prefix, digest)
        if not there:
            scopes = frozenset({Scope.ADMIN})
            key = tx.keys.add(prefix=prefix, digest=digest, name="first admin", scopes=scopes)
            tx.record(None, "key.create", key.key_id, scopes=sorted(scopes))
    return wanted if token is None and not there else None


def list_keys(store: Store) -> tuple[ApiKey, ...]:
    """Every key, revoked ones too, oldest first."""
    with store.snapshot() as tx:
        return tx.keys.all()


def revoke_key(store: Store, key_id: str, *, actor: ApiKey | None = None) -> ApiKey:
    """Make a key stop working at once; revoking it again changes nothing.

    Raises:
        NotFound: no such key.
    """
    with store.transaction() as tx:
        key, changed = tx.keys.revoke(key_id)
        if changed:
            tx.record(actor, "key.revoke", key.key_id)
    return key


def authenticate(
    store: Store, token: str, *, rate_limit: int, rate_window_s: int
) -> tuple[ApiKey, Quota]:
    """The key that a token proves, and where it stands in its rate limit, this call counted.

    The request is counted only after the secret was found right, so that nobody can use up the
    quota of a key whose prefix they saw.

    Raises:
        Unauthenticated: malformed, unknown or revoked; the message does not say which of the two
            last.
    """
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise Unauthenticated("An API key has the form pm_<prefix>_<secret>.")
    found = store.find_key(match["prefix"])
    # An unknown prefix is compared too, so that it takes as long as a known one.
    key, digest = found if found is not None else (None, bytes(32))
    proven = hmac.compare_digest(digest, _digest(token))
    if key is None or not proven or key.revoked_at is not None:
        raise Unauthenticated("This API key is unknown or was revoked.")
    quota = store.count_request(
        key, limit=rate_limit, window_s=rate_window_s, precision_s=_LAST_USED_PRECISION_S
    )
    return key, quota


def _random_token() -> str:
    """A token with 256 random bits in its secret; hex, so that a double click selects it whole."""
    return f"pm_{secrets.token_hex(6)}_{secrets.token_hex(32)}"


def _digest(token: str) -> bytes:
    """What is stored of a token. A random 256-bit secret needs no slow hash: nobody guesses it."""
    return hashlib.sha256(token.encode()).digest()


def _given_token(token: str) -> tuple[str, bytes]:
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise InvalidInput(
            "An API key must have the form pm_<prefix>_<secret>: a prefix of 4 to 32 letters and "
            "digits, and a secret of 16 to 200 visible ASCII characters."
        )
    return match["prefix"], _digest(token)


def _key_faults(name: str, scopes: Collection[Scope]) -> list[FieldFault]:
    faults = check_text(name, "#/name", longest=_MAX_NAME)
    if not name.strip():
        faults.append(FieldFault(pointer="#/name", detail="must not be blank"))
    if not scopes:
        faults.append(FieldFault(pointer="#/scopes", detail="must name at least one scope"))
    return faults


def close_with(finish: Finish[Result] | None, tx: Transaction, result: Result) -> None:
    """Let `finish`, if there is one, see the result before the commit."""
    if finish is not None:
        finish(tx, result)
