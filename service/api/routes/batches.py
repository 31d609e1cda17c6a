"""Batches: many answers at once, graded by workers."""

from __future__ import annotations

from flask import Response

from service import batches as cases
from service.api.auth import needs
from service.api.context import caller, parts
from service.api.idempotency import Once, idempotent
from service.api.operations import about
from service.api.reading import JSON_LINES, blueprint
from service.api.responses import encoded, json_response, page
from service.api.routes.attempts import checked_metadata
from service.api.schemas import (
    BatchIn,
    BatchItemIn,
    BatchListIn,
    BatchOut,
    BatchPage,
    BatchResult,
    BatchResultsIn,
)
from service.api.views import batch, faces_candidates, item_result
from service.domain import Answer, Language, Scope
from service.exchange import Batch, BatchItem

batches = blueprint("batches", tag="Batches", prefix="/v1")


@batches.post("/batches")
@batches.doc(
    **about(
        "createBatch",
        scope=Scope.ATTEMPTS_WRITE,
        takes=("Idempotency-Key",),
        gives=("Location", "Idempotency-Replayed"),
    )
)
@needs(Scope.ATTEMPTS_WRITE)
@batches.input(BatchIn, arg_name="body")
@batches.output(BatchOut, 202)
@idempotent
def create_batch(once: Once, body: BatchIn) -> Response:
    """Hand in up to 10,000 answers.

    Workers grade them in the background; each becomes an attempt, or an error of its own. The body
    may also be `application/jsonl`, an item a line.
    """
    outcome = once.presenting(_taken)
    items = [_item(index, item) for index, item in enumerate(body.items)]
    cases.create(parts().store, items, actor=caller(), finish=outcome)
    return outcome.response


@batches.get("/batches")
@batches.doc(**about("listBatches", scope=Scope.ATTEMPTS_READ, gives=("Link",)))
@needs(Scope.ATTEMPTS_READ)
@batches.input(BatchListIn, location="query", arg_name="query")
@batches.output(BatchPage)
def list_batches(query: BatchListIn) -> Response:
    """List batches, newest first."""
    found = cases.list_batches(parts().store, cursor=query.cursor, limit=query.limit)
    return page([batch(each) for each in found.items], found.next_cursor)


@batches.get("/batches/<id>")
@batches.doc(**about("getBatch", scope=Scope.ATTEMPTS_READ, problems=("not_found",)))
@needs(Scope.ATTEMPTS_READ)
@batches.output(BatchOut)
def get_batch(id: str) -> Response:
    """Get a batch with its progress."""
    return json_response(batch(cases.batch(parts().store, id)))


@batches.get("/batches/<id>/results")
@batches.doc(**about("getBatchResults", scope=Scope.ATTEMPTS_READ, problems=("not_found",)))
@needs(Scope.ATTEMPTS_READ)
@batches.input(BatchResultsIn, location="query", arg_name="query")
@batches.output(BatchResult, content_type=JSON_LINES[0])
def get_batch_results(id: str, query: BatchResultsIn) -> Response:
    """Get what became of the items so far, as JSON lines.

    In the order in which they were sent; those that wait are left out. `after` is the index of
    the last one that was had before.
    """
    after = -1 if query.after is None else query.after
    found = cases.results(parts().store, id, after)
    to_candidate = faces_candidates(caller())
    lines = (encoded(item_result(each, to_candidate=to_candidate)) + b"\n" for each in found)
    return Response(lines, mimetype=JSON_LINES[0])


@batches.post("/batches/<id>/cancel")
@batches.doc(**about("cancelBatch", scope=Scope.ATTEMPTS_WRITE, problems=("not_found", "conflict")))
@needs(Scope.ATTEMPTS_WRITE)
@batches.output(BatchOut)
def cancel_batch(id: str) -> Response:
    """Cancel a batch.

    What is graded stays; items that wait end with the error `cancelled`. Cancelling it again
    changes nothing.
    """
    return json_response(batch(cases.cancel(parts().store, id, actor=caller())))


def _item(index: int, given: BatchItemIn) -> BatchItem:
    language = given.get("language")
    return BatchItem(
        question=given["question"],
        candidate=given["candidate"],
        answer=Answer(
            text=given["answer"], language=None if language is None else Language(language)
        ),
        metadata=checked_metadata(given.get("metadata"), f"#/items/{index}/metadata"),
    )


def _taken(made: Batch) -> Response:
    return json_response(batch(made), 202, {"Location": f"/v1/batches/{made.batch_id}"})
