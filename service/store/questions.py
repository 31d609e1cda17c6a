"""Questions, their versions and rubrics."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased, contains_eager, selectinload

from service import ids
from service.domain import (
    Language,
    Misconception,
    Page,
    Point,
    PointKind,
    Question,
    QuestionVersion,
    Reveal,
    Rule,
    Sample,
    Source,
    VersionStatus,
)
from service.errors import NotFound, NothingToPublish, NotPublished, SlugTaken
from service.exchange import QuestionFilter, QuestionHead
from service.models import (
    MisconceptionPhrasingRow,
    MisconceptionRow,
    PointPhrasingRow,
    PointRow,
    QuestionRow,
    SampleRow,
    SourceRow,
    VersionRow,
)
from service.store import cursors
from service.store.connections import violated

_CONTENT = (
    contains_eager(VersionRow.question),
    selectinload(VersionRow.points).selectinload(PointRow.phrasings),
    selectinload(VersionRow.misconceptions).selectinload(MisconceptionRow.phrasings),
    selectinload(VersionRow.sources),
    selectinload(VersionRow.samples),
)
_PUBLISHED = VersionRow.status == VersionStatus.PUBLISHED
_DRAFT = VersionRow.status == VersionStatus.DRAFT
_IN_SERVICE = QuestionRow.archived_at.is_(None)


class Questions:
    """The questions, inside a transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    # Reading

    def version(self, version_id: UUID) -> QuestionVersion:
        """The version with this id, which must exist."""
        return _version(self._session.scalars(_whole(VersionRow.id == version_id)).one())

    def by_id(self, version_ids: Collection[UUID]) -> dict[UUID, QuestionVersion]:
        """Versions, which must exist, by their ids."""
        rows = self._session.scalars(_whole(VersionRow.id.in_(version_ids)))
        return {row.id: _version(row) for row in rows}

    def latest(self, ref: str, number: int | None = None) -> QuestionVersion:
        """The highest version of a question, or the one numbered so.

        Raises:
            NotFound: no such question or version, or the question is archived.
        """
        wanted = _whole(named(ref), _IN_SERVICE)
        if number is not None:
            wanted = wanted.where(VersionRow.number == number)
        wanted = wanted.order_by(VersionRow.number.desc()).limit(1)
        row = self._session.scalars(wanted).one_or_none()
        if row is None:
            what = "question" if number is None else f"version {number} of a question"
            raise NotFound(f"There is no {what} {ref!r}.")
        return _version(row)

    def versions(self, ref: str) -> tuple[QuestionVersion, ...]:
        """Every version of a question, oldest first.

        Raises:
            NotFound: no such question, or it is archived.
        """
        wanted = _whole(named(ref), _IN_SERVICE).order_by(VersionRow.number)
        rows = self._session.scalars(wanted).all()
        if not rows:
            raise _no_question(ref)
        return tuple(map(_version, rows))

    def by_slug(self, slugs: Collection[str], *, lock: bool = False) -> dict[str, QuestionVersion]:
        """The highest version of each question that has one of these slugs, archived ones too.

        `lock`: for writing, until the transaction ends. Rows are locked in the order of their
        slugs, so two that lock some of the same wait for each other instead of dying together.
        """
        if lock:
            rows = select(QuestionRow.id).where(QuestionRow.slug.in_(slugs))
            self._session.execute(rows.order_by(QuestionRow.slug).with_for_update())
        wanted = _whole(QuestionRow.slug.in_(slugs), _current(author=True))
        found = map(_version, self._session.scalars(wanted))
        return {version.content.slug: version for version in found}

    def page(
        self, filters: QuestionFilter, *, cursor: str | None, limit: int, author: bool
    ) -> Page[QuestionVersion]:
        """Questions in the order they were made, one version of each."""
        wanted = _whole(_IN_SERVICE, _current(author), *_fitting(filters))
        after = cursors.read(ids.Kind.QUESTION, cursor)
        if after is not None:
            wanted = wanted.where(QuestionRow.id > after)
        rows = self._session.scalars(wanted.order_by(QuestionRow.id).limit(limit + 1)).all()
        more = len(rows) > limit
        shown = rows[:limit]
        return Page(
            items=tuple(map(_version, shown)),
            next_cursor=cursors.write(ids.Kind.QUESTION, shown[-1].question_id) if more else None,
        )

    def random(self, filters: QuestionFilter) -> QuestionVersion:
        """One published question that fits.

        Raises:
            NotFound: none fits.
        """
        wanted = _whole(_IN_SERVICE, _current(author=False), *_fitting(filters))
        row = self._session.scalars(wanted.order_by(func.random()).limit(1)).one_or_none()
        if row is None:
            raise NotFound("No published question fits these filters.")
        return _version(row)

    def served(self, filters: QuestionFilter) -> list[UUID]:
        """The published versions that fit, in the order in which the questions were made."""
        wanted = (
            select(VersionRow.id)
            .join(VersionRow.question)
            .where(_IN_SERVICE, _current(author=False), *_fitting(filters))
            .order_by(QuestionRow.id)
        )
        return list(self._session.scalars(wanted))

    def topics(self, filters: QuestionFilter) -> list[str]:
        """The topics of the published versions that fit, in alphabetical order."""
        wanted = (
            select(VersionRow.topic)
            .join(VersionRow.question)
            .where(_IN_SERVICE, _current(author=False), *_fitting(filters))
            .distinct()
            .order_by(VersionRow.topic)
        )
        return list(self._session.scalars(wanted))

    def next_history(self, after: UUID | None) -> tuple[UUID | None, tuple[QuestionVersion, ...]]:
        """The id and every version of the first question after `after`, archived or not."""
        first = select(QuestionRow.id).order_by(QuestionRow.id).limit(1)
        if after is not None:
            first = first.where(QuestionRow.id > after)
        found = self._session.scalar(first)
        if found is None:
            return None, ()
        wanted = _whole(QuestionRow.id == found).order_by(VersionRow.number)
        return found, tuple(map(_version, self._session.scalars(wanted)))

    # Writing

    def add(self, content: Question, *, seed_digest: str | None = None) -> QuestionVersion:
        """A new question with `content` as its draft number 1.

        Raises:
            SlugTaken: another question has this slug.
        """
        question_id = ids.new_uuid()
        row = {"id": question_id, "slug": content.slug, "seed_digest": seed_digest}
        with _slug_guarded(content.slug):
            self._session.execute(insert(QuestionRow), row)
        return self.version(self._add_draft(question_id, 1, content))

    def lock(self, ref: str) -> QuestionHead:
        """Lock a question for writing until the transaction ends.

        Raises:
            NotFound: no such question, or it is archived.
        """
        head = self.lock_any(ref)
        if head is None or head.archived:
            raise _no_question(ref)
        return head

    def lock_any(self, ref: str) -> QuestionHead | None:
        """As `lock`, archived questions too; None if there is none."""
        row = self._session.execute(
            select(
                QuestionRow.id,
                QuestionRow.slug,
                QuestionRow.revision,
                QuestionRow.seed_digest,
                QuestionRow.archived_at,
            )
            .where(named(ref))
            .with_for_update()
        ).one_or_none()
        if row is None:
            return None
        # A second statement, not a join: what it sees must be newer than the lock.
        highest = func.max(VersionRow.number)
        published, draft = self._session.execute(
            select(highest.filter(_PUBLISHED), highest.filter(_DRAFT)).where(
                VersionRow.question_id == row.id
            )
        ).one()
        return QuestionHead(
            question_id=row.id,
            slug=row.slug,
            etag=_etag(row.revision),
            draft=draft,
            published=published,
            seed_digest=row.seed_digest,
            archived=row.archived_at is not None,
        )

    def write_draft(self, head: QuestionHead, content: Question) -> QuestionVersion:
        """Replace the draft, or begin the next one.

        Raises:
            SlugTaken: another question has the new slug.
        """
        with _slug_guarded(content.slug):
            self._touch(head, slug=content.slug)
        if head.draft is None:
            version_id = self._add_draft(head.question_id, head.next_number, content)
        else:
            version_id = self._replace_draft(head, content)
        return self.version(version_id)

    def publish_draft(self, head: QuestionHead) -> QuestionVersion:
        """Make the draft the version that is served.

        Raises:
            NothingToPublish: there is no draft.
        """
        if head.draft is None:
            raise NothingToPublish(f"The question {head.slug!r} has no draft to publish.")
        self._touch(head)
        version_id = self._session.execute(
            update(VersionRow)
            .where(VersionRow.question_id == head.question_id, _DRAFT)
            .values(status=VersionStatus.PUBLISHED, published_at=func.now())
            .returning(VersionRow.id)
        ).scalar_one()
        return self.version(version_id)

    def archive(self, head: QuestionHead) -> None:
        """Take the question out of service."""
        self._touch(head, archived_at=func.now())

    def mark_seeded(self, head: QuestionHead, digest: str) -> None:
        """Note which seed file the question was last compared with; not a change of it."""
        self._session.execute(
            update(QuestionRow).where(QuestionRow.id == head.question_id).values(seed_digest=digest)
        )

    def _touch(self, head: QuestionHead, **values: Any) -> None:
        """Write to the question's own row, and so change its etag."""
        self._session.execute(
            update(QuestionRow)
            .where(QuestionRow.id == head.question_id)
            .values(revision=QuestionRow.revision + 1, **values)
        )

    def _add_draft(self, question_id: UUID, number: int, content: Question) -> UUID:
        version_id = ids.new_uuid()
        row = {"id": version_id, "question_id": question_id, "number": number, "status": "draft"}
        self._session.execute(insert(VersionRow), row | _version_values(content))
        self._add_rubric(version_id, content)
        return version_id

    def _replace_draft(self, head: QuestionHead, content: Question) -> UUID:
        version_id = self._session.execute(
            update(VersionRow)
            .where(VersionRow.question_id == head.question_id, _DRAFT)
            .values(**_version_values(content))
            .returning(VersionRow.id)
        ).scalar_one()
        # Misconceptions before points, which they refer to; phrasings go with either.
        for table in (MisconceptionRow, PointRow, SourceRow, SampleRow):
            self._session.execute(delete(table).where(table.version_id == version_id))
        self._add_rubric(version_id, content)
        return version_id

    def _add_rubric(self, version_id: UUID, content: Question) -> None:
        """Insert everything below the version, each table in one go."""
        for table, rows in _rubric_rows(content):
            filled = [{"version_id": version_id, **row} for row in rows]
            if filled:
                self._session.execute(insert(table), filled)


def published_version(connection: Connection, ref: str) -> UUID:
    """See `Store.published_version`."""
    newest = (
        select(VersionRow.id)
        .where(VersionRow.question_id == QuestionRow.id, _PUBLISHED)
        .order_by(VersionRow.number.desc())
        .limit(1)
        .scalar_subquery()
    )
    row = connection.execute(select(newest).where(named(ref), _IN_SERVICE)).one_or_none()
    if row is None:
        raise _no_question(ref)
    version_id: UUID | None = row[0]
    if version_id is None:
        raise NotPublished(f"The question {ref!r} has no published version yet.")
    return version_id


def named(ref: str) -> ColumnElement[bool]:
    """The question with this id or slug.

    Raises:
        NotFound: `ref` is neither, so no query is worth while (and it may hold what Postgres
            refuses to compare).
    """
    question_id = ids.parse(ids.Kind.QUESTION, ref)
    if question_id is not None:
        return QuestionRow.id == question_id
    if not ids.SLUG.fullmatch(ref):
        raise _no_question(ref)
    return QuestionRow.slug == ref


def _no_question(ref: str) -> NotFound:
    return NotFound(f"There is no question {ref!r}.")


@contextmanager
def _slug_guarded(slug: str) -> Iterator[None]:
    try:
        yield
    except IntegrityError as fault:
        if violated(fault) != "uq_questions_slug":
            raise
        raise SlugTaken(f"Another question has the slug {slug!r}.") from fault


def _whole(*conditions: ColumnElement[bool]) -> Select[VersionRow]:
    """Versions with their questions and all their content."""
    return (
        select(VersionRow)
        .join(VersionRow.question)
        .where(*conditions)
        .options(*_CONTENT)
        # A write before in this transaction went past the session's own copies of rows.
        .execution_options(populate_existing=True)
    )


def _current(author: bool) -> ColumnElement[bool]:
    """Only the version that candidates get, or that authors work on."""
    other = aliased(VersionRow)
    highest = select(func.max(other.number)).where(other.question_id == VersionRow.question_id)
    if not author:
        highest = highest.where(other.status == VersionStatus.PUBLISHED)
    return VersionRow.number == highest.scalar_subquery()


def _fitting(filters: QuestionFilter) -> Iterator[ColumnElement[bool]]:
    if filters.topic is not None:
        yield VersionRow.topic == filters.topic
    if filters.difficulty is not None:
        yield VersionRow.difficulty == filters.difficulty
    if filters.tag is not None:
        yield VersionRow.tags.contains([filters.tag])
    prompt = VersionRow.__table__.c.prompt
    if filters.language is not None:
        yield prompt.has_key(filters.language.value)
    if filters.status is not None:
        yield VersionRow.status == filters.status
    if filters.q is not None:
        yield or_(
            *(
                prompt[language.value].astext.icontains(filters.q, autoescape=True)
                for language in Language
            )
        )


# Domain to rows ----------------------------------------------------------------------------------


def _version_values(content: Question) -> dict[str, Any]:
    return {
        "topic": content.topic,
        "difficulty": content.difficulty,
        "prompt": dict(content.prompt),
        "tags": list(content.tags),
        "any_of": content.rule.any_of,
        "reveal": content.reveal,
    }


def _rubric_rows(content: Question) -> Iterator[tuple[type[Any], Iterable[dict[str, Any]]]]:
    """The rows below a version, tables in the order in which they refer to each other."""
    yield PointRow, (_point_values(*item) for item in enumerate(content.points))
    yield (
        PointPhrasingRow,
        (
            {"point_key": point.key, **row}
            for point in content.points
            for row in _phrasing_values(point.phrasings)
        ),
    )
    yield (
        MisconceptionRow,
        (_misconception_values(*item) for item in enumerate(content.misconceptions)),
    )
    yield (
        MisconceptionPhrasingRow,
        (
            {"misconception_key": wrong.key, **row}
            for wrong in content.misconceptions
            for row in _phrasing_values(wrong.phrasings)
        ),
    )
    yield (
        SourceRow,
        (
            {"position": position, "title": source.title, "url": source.url}
            for position, source in enumerate(content.sources)
        ),
    )
    yield SampleRow, (_sample_values(*item) for item in enumerate(content.samples))


def _point_values(position: int, point: Point) -> dict[str, Any]:
    return {
        "position": position,
        "key": point.key,
        "kind": point.kind,
        "weight": point.weight,
        "statement": dict(point.statement),
        "hint": dict(point.hint),
        "terms": list(point.terms),
    }


def _misconception_values(position: int, wrong: Misconception) -> dict[str, Any]:
    return {
        "position": position,
        "key": wrong.key,
        "contradicts": wrong.contradicts,
        "statement": dict(wrong.statement),
        "feedback": dict(wrong.feedback),
    }


def _phrasing_values(phrasings: Mapping[Language, tuple[str, ...]]) -> Iterator[dict[str, Any]]:
    for language, texts in phrasings.items():
        for position, text in enumerate(texts):
            yield {"language": language, "position": position, "text": text}


def _sample_values(position: int, sample: Sample) -> dict[str, Any]:
    return {
        "position": position,
        "language": sample.language,
        "level": sample.level,
        "score": sample.score,
        "answer": sample.answer,
    }


# Rows to domain ----------------------------------------------------------------------------------


def _etag(revision: int) -> str:
    return f"r{revision}"


def _version(row: VersionRow) -> QuestionVersion:
    return QuestionVersion(
        question_id=ids.show(ids.Kind.QUESTION, row.question_id),
        version_id=ids.show(ids.Kind.VERSION, row.id),
        number=row.number,
        status=VersionStatus(row.status),
        content=_content(row),
        etag=_etag(row.question.revision),
        created_at=row.created_at,
        published_at=row.published_at,
        archived=row.question.archived_at is not None,
    )


def _content(row: VersionRow) -> Question:
    return Question(
        slug=row.question.slug,
        topic=row.topic,
        difficulty=row.difficulty,
        prompt=_texts(row.prompt),
        points=tuple(map(_point, row.points)),
        misconceptions=tuple(map(_misconception, row.misconceptions)),
        rule=Rule(any_of=row.any_of),
        reveal=Reveal(row.reveal),
        tags=tuple(row.tags),
        sources=tuple(Source(title=source.title, url=source.url) for source in row.sources),
        samples=tuple(
            Sample(
                language=Language(sample.language),
                level=sample.level,
                score=sample.score,
                answer=sample.answer,
            )
            for sample in row.samples
        ),
    )


def _point(row: PointRow) -> Point:
    return Point(
        key=row.key,
        statement=_texts(row.statement),
        phrasings=_phrasings(row.phrasings),
        weight=row.weight,
        kind=PointKind(row.kind),
        hint=_texts(row.hint),
        terms=tuple(row.terms),
    )


def _misconception(row: MisconceptionRow) -> Misconception:
    return Misconception(
        key=row.key,
        statement=_texts(row.statement),
        phrasings=_phrasings(row.phrasings),
        contradicts=row.contradicts,
        feedback=_texts(row.feedback),
    )


def _texts(texts: Mapping[str, str]) -> dict[Language, str]:
    return {Language(language): text for language, text in texts.items()}


def _phrasings(
    rows: Sequence[PointPhrasingRow | MisconceptionPhrasingRow],
) -> dict[Language, tuple[str, ...]]:
    """Phrasings by language, from rows in the order of language and position."""
    return {
        Language(language): tuple(row.text for row in group)
        for language, group in groupby(rows, key=lambda row: row.language)
    }
