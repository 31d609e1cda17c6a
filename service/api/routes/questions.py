"""Questions: what candidates read, and what authors write."""

from __future__ import annotations

import re

from flask import Response, request

from service import usecases
from service.api.auth import needs, require
from service.api.context import caller, parts
from service.api.idempotency import Once, idempotent
from service.api.operations import about
from service.api.problems import BadRequest, PreconditionRequired
from service.api.reading import blueprint
from service.api.responses import (
    json_response,
    of_question,
    page,
    tagged_page,
    with_etag,
)
from service.api.schemas import (
    AuthorQuestion,
    CandidateQuestion,
    QuestionFilterIn,
    QuestionIn,
    QuestionListIn,
    QuestionPage,
    QuestionView,
    StatisticsIn,
    StatisticsOut,
    SuggestedPoints,
    SuggestedPointsIn,
    Versions,
    ViewIn,
)
from service.api.views import (
    Data,
    author_question,
    candidate_question,
    statistics,
    suggested_points,
)
from service.content import content_from_dict, refuse
from service.domain import Language, Question, QuestionVersion, Scope, VersionStatus
from service.errors import FieldFault, NotFound
from service.exchange import QuestionFilter

questions = blueprint("questions", tag="Questions", prefix="/v1/questions")

READ, WRITE = Scope.QUESTIONS_READ, Scope.QUESTIONS_WRITE
_ETAG = re.compile(r'(W/)?"([\x21\x23-\x7e]*)"')


@questions.get("")
@questions.doc(
    **about("listQuestions", scope=READ, takes=("If-None-Match",), gives=("ETag", "Link"))
)
@needs(READ, WRITE)
@questions.input(QuestionListIn, location="query", arg_name="query")
@questions.output(QuestionPage)
def list_questions(query: QuestionListIn) -> Response:
    """List questions.

    Oldest first. `view=author` shows the rubrics too, of drafts where there are any, and needs the
    scope `questions:write`; `status` then narrows the list to drafts or to what is published.
    """
    author = _author(query)
    found = usecases.list_questions(
        parts().store,
        _filters(query, query.status),
        cursor=query.cursor,
        limit=query.limit,
        author=author and query.status != "published",
    )
    return tagged_page([_shown(each, author) for each in found.items], found.next_cursor)


@questions.get("/random")
@questions.doc(**about("randomQuestion", scope=READ, problems=("not_found",), gives=("ETag",)))
@needs(READ, WRITE)
@questions.input(QuestionFilterIn, location="query", arg_name="query")
@questions.output(CandidateQuestion)
def random_question(query: QuestionFilterIn) -> Response:
    """Get a random question.

    One published question that fits the filters, each with the same chance.
    """
    found = usecases.random_question(parts().store, _filters(query))
    return json_response(candidate_question(found), headers={"ETag": f'"{found.etag}"'})


@questions.get("/<id>")
@questions.doc(
    **about(
        "getQuestion",
        scope=READ,
        problems=("not_found", "not_published"),
        takes=("If-None-Match",),
        gives=("ETag",),
    )
)
@needs(READ, WRITE)
@questions.input(ViewIn, location="query", arg_name="query")
@questions.output(QuestionView)
def get_question(id: str, query: ViewIn) -> Response:
    """Get a question.

    By id or slug, as everywhere. `view=author` shows the rubric, of the draft if there is one, and
    needs the scope `questions:write`; `status` asks for the draft or the published version.
    """
    author = _author(query)
    found = _version(id, author, query.status)
    return with_etag(_shown(found, author), found.etag)


@questions.get("/<id>/versions")
@questions.doc(
    **about("listQuestionVersions", scope=WRITE, problems=("not_found",), gives=("ETag",))
)
@needs(WRITE)
@questions.output(Versions)
def list_versions(id: str) -> Response:
    """List the versions of a question.

    All of them, oldest first, with their rubrics.
    """
    found = usecases.versions(parts().store, id)
    response = page([author_question(each) for each in found], None)
    response.headers["ETag"] = f'"{found[-1].etag}"'
    return response


@questions.get("/<id>/versions/<int(max=2147483647):number>")
@questions.doc(
    **about(
        "getQuestionVersion",
        scope=WRITE,
        problems=("not_found",),
        takes=("If-None-Match",),
        gives=("ETag",),
    )
)
@needs(WRITE)
@questions.output(AuthorQuestion)
def get_version(id: str, number: int) -> Response:
    """Get one version of a question."""
    found = usecases.latest(parts().store, id, number)
    return with_etag(author_question(found), found.etag)


@questions.post("")
@questions.doc(
    **about(
        "createQuestion",
        scope=WRITE,
        problems=("slug_taken",),
        takes=("Idempotency-Key",),
        gives=("ETag", "Location", "Idempotency-Replayed"),
    )
)
@needs(WRITE)
@questions.input(QuestionIn, arg_name="body")
@questions.output(AuthorQuestion, 201)
@idempotent
def create_question(once: Once, body: QuestionIn) -> Response:
    """Create a question.

    As a draft, which nobody but authors sees until it is published.
    """
    outcome = once.presenting(_created)
    usecases.create_question(
        parts().store, _content(body), actor=caller(), finish=outcome, limits=parts().limits
    )
    return outcome.response


@questions.put("/<id>")
@questions.doc(
    **about(
        "saveQuestion",
        scope=WRITE,
        problems=("not_found", "slug_taken", "stale_version", "precondition_required"),
        takes=("If-Match",),
        gives=("ETag",),
    )
)
@needs(WRITE)
@questions.input(QuestionIn, arg_name="body")
@questions.output(AuthorQuestion)
def save_question(id: str, body: QuestionIn) -> Response:
    """Save a question's draft.

    Replaces the draft, or begins the next version after a published one. `If-Match` takes the
    ETag of what was changed; `*` overwrites whatever is there.
    """
    saved = usecases.save_draft(
        parts().store,
        id,
        _content(body),
        if_match=_required_match(),
        actor=caller(),
        limits=parts().limits,
    )
    return _saved(saved)


@questions.post("/<id>/publish")
@questions.doc(
    **about(
        "publishQuestion",
        scope=WRITE,
        problems=("not_found", "nothing_to_publish", "stale_version"),
        takes=("If-Match", "Idempotency-Key"),
        gives=("ETag", "Idempotency-Replayed"),
    )
)
@needs(WRITE)
@questions.output(AuthorQuestion)
@idempotent
def publish_question(once: Once, id: str) -> Response:
    """Publish a question's draft.

    From then on candidates get this version, and it never changes. With `If-Match` only the draft
    that was read is published.
    """
    outcome = once.presenting(_saved)
    usecases.publish(
        parts().store, id, if_match=_match() or usecases.ANY_ETAG, actor=caller(), finish=outcome
    )
    return outcome.response


@questions.delete("/<id>")
@questions.doc(
    **about(
        "archiveQuestion",
        scope=WRITE,
        problems=("not_found", "stale_version"),
        takes=("If-Match",),
        empty=204,
    )
)
@needs(WRITE)
def archive_question(id: str) -> Response:
    """Archive a question.

    It is served to nobody any more; its attempts stay, and so does its slug.
    """
    usecases.archive(parts().store, id, if_match=_match() or usecases.ANY_ETAG, actor=caller())
    return Response(status=204)


def _saved(made: QuestionVersion) -> Response:
    return of_question(author_question(made), made)


def _created(made: QuestionVersion) -> Response:
    return of_question(author_question(made), made, 201)


def _content(body: QuestionIn) -> Question:
    return content_from_dict(body.model_dump())


@questions.get("/<id>/statistics")
@questions.doc(
    **about("getQuestionStatistics", scope=WRITE, problems=("not_found", "not_published"))
)
@needs(WRITE)
@questions.input(StatisticsIn, location="query", arg_name="query")
@questions.output(StatisticsOut)
def get_question_statistics(id: str, query: StatisticsIn) -> Response:
    """Show how candidates do on a question.

    On the version that is served, or on `version`; attempts count by their last grade. Scores are
    a person's where one gave a mark; verdicts of points are the grader's, beside how many of them
    reviewers overruled.
    """
    return json_response(
        statistics(*usecases.question_statistics(parts().store, id, query.version))
    )


@questions.get("/<id>/suggested-points")
@questions.doc(**about("getSuggestedPoints", scope=WRITE, problems=("not_found", "not_published")))
@needs(WRITE)
@questions.input(SuggestedPointsIn, location="query", arg_name="query")
@questions.output(SuggestedPoints)
def get_suggested_points(id: str, query: SuggestedPointsIn) -> Response:
    """Show what good candidates write and no point covers.

    Of the better half by score of the newest 2,000 candidates' answers in one language, the
    sentences that neither earned credit nor were held against the candidate, in groups that at
    least three candidates and 5% of the good ones wrote.
    """
    language = None if query.language is None else Language(query.language)
    found = usecases.suggested_points(
        parts().store, id, query.version, language=language, similarity=query.similarity
    )
    return json_response(suggested_points(*found))


def _author(query: ViewIn) -> bool:
    """Whether the author's view is asked for; only those may who can write questions."""
    author = query.view == "author"
    if author:
        require(WRITE)
    elif query.status is not None:
        fault = FieldFault(pointer="#/status", detail="belongs to view=author")
        refuse("The query string has faults.", [fault])
    return author


def _version(ref: str, author: bool, status: str | None) -> QuestionVersion:
    if not author or status == VersionStatus.PUBLISHED:
        return usecases.published(parts().store, ref)
    found = usecases.latest(parts().store, ref)
    if status == VersionStatus.DRAFT and found.status is not VersionStatus.DRAFT:
        raise NotFound(f"The question {ref!r} has no draft.")
    return found


def _shown(version: QuestionVersion, author: bool) -> Data:
    return author_question(version) if author else candidate_question(version)


def _filters(query: QuestionFilterIn, status: str | None = None) -> QuestionFilter:
    return QuestionFilter(
        topic=query.topic,
        difficulty=query.difficulty,
        tag=query.tag,
        language=None if query.language is None else Language(query.language),
        q=query.q,
        status=None if status is None else VersionStatus(status),
    )


def _match() -> str | None:
    """The ETag in `If-Match`, or `*`; None without the header."""
    raw = request.headers.get("If-Match")
    if raw is None or raw.strip() == usecases.ANY_ETAG:
        return raw and usecases.ANY_ETAG
    found = _ETAG.fullmatch(raw.strip())
    if found is None:
        raise BadRequest('If-Match must be one ETag in double quotes as it was given, or "*" bare.')
    # A weak tag is equal to none here (RFC 9110, 13.1.1), and no tag of ours begins with W/.
    return f"{found[1] or ''}{found[2]}"


def _required_match() -> str:
    found = _match()
    if found is None:
        raise PreconditionRequired(
            "Send the ETag of the question that you changed as If-Match, or * to overwrite "
            "whatever is there."
        )
    return found
