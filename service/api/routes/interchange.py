"""Files of questions: what one would do, taking one in, giving one out."""

from __future__ import annotations

from typing import Any

from flask import Response

from service import importing, interchange, usecases
from service.api.auth import needs
from service.api.context import caller, parts
from service.api.idempotency import Once, idempotent
from service.api.operations import about
from service.api.reading import blueprint
from service.api.responses import json_response, linked
from service.api.schemas import ExportIn, ImportIn, ImportOut, PreviewIn, PreviewOut
from service.api.views import import_preview, import_report
from service.domain import Language, Scope
from service.exchange import QuestionFilter
from service.importing import Planned

files = blueprint("files", tag="Questions", prefix="/v1")

WRITE = Scope.QUESTIONS_WRITE
_FILE: dict[int | str, dict[str, str | dict[str, dict[str, Any]]]] = {
    200: {
        "description": "A page of questions, as a file.",
        "content": {interchange.FORMATS[name].media_type: {} for name in interchange.writable},
    }
}


@files.post("/question-imports/preview")
@files.doc(**about("previewImport", scope=WRITE))
@needs(WRITE)
@files.input(PreviewIn, arg_name="body")
@files.output(PreviewOut)
def preview_import(body: PreviewIn) -> Response:
    """Preview an import.

    What each item of a file becomes, what is lost or changed on the way, and what keeps it from
    being accepted. Nothing is stored.
    """
    plan = importing.preview(
        parts().store, body.format, body.content.encode(), limits=parts().limits
    )
    return json_response(import_preview(plan))


@files.post("/question-imports")
@files.doc(
    **about(
        "importQuestions",
        scope=WRITE,
        problems=("slug_taken",),
        takes=("Idempotency-Key",),
        gives=("Idempotency-Replayed",),
    )
)
@needs(WRITE)
@files.input(ImportIn, arg_name="body")
@files.output(ImportOut, 201)
@idempotent
def import_questions(once: Once, body: ImportIn) -> Response:
    """Import questions.

    Every question of the file as a draft, or nothing: where an item has faults, the whole file is
    refused, unless `skip_invalid` passes over such items.
    """
    outcome = once.presenting(_imported)
    importing.run(
        parts().store,
        body.format,
        body.content.encode(),
        actor=caller(),
        skip_invalid=body.skip_invalid,
        finish=outcome,
        limits=parts().limits,
    )
    return outcome.response


def _imported(done: tuple[Planned, ...]) -> Response:
    return json_response(import_report(done), 201)


@files.get("/question-export")
@files.doc(
    **about("exportQuestions", scope=WRITE, gives=("Link", "Content-Disposition")),
    responses=_FILE,
)
@needs(WRITE)
@files.input(ExportIn, location="query", arg_name="query")
def export_questions(query: ExportIn) -> Response:
    """Export questions.

    With their rubrics, oldest first, as authors see them: drafts where there are any, or with
    `status=published` what is served. A page is a whole file; `Link` leads to the next.
    """
    found = usecases.list_questions(
        parts().store,
        QuestionFilter(
            topic=query.topic,
            difficulty=query.difficulty,
            tag=query.tag,
            language=None if query.language is None else Language(query.language),
            q=query.q,
        ),
        cursor=query.cursor,
        limit=query.limit,
        author=query.status != "published",
    )
    form = interchange.FORMATS[query.format]
    response = Response(
        interchange.write(query.format, [version.content for version in found.items]),
        mimetype=form.media_type,
        headers={"Content-Disposition": f'attachment; filename="questions.{form.suffix}"'},
    )
    return linked(response, found.next_cursor)
