"""API keys, for admins."""

from __future__ import annotations

from flask import Response

from service import usecases
from service.api.auth import needs
from service.api.context import caller, parts
from service.api.idempotency import Once, idempotent
from service.api.operations import about
from service.api.reading import blueprint
from service.api.responses import json_response, page
from service.api.schemas import KeyIn, KeyList, MadeKey
from service.api.views import api_key
from service.domain import ApiKey, Scope

keys = blueprint("keys", tag="API keys", prefix="/v1/keys")


@keys.post("")
@keys.doc(
    **about(
        "createKey",
        scope=Scope.ADMIN,
        takes=("Idempotency-Key",),
        gives=("Idempotency-Replayed",),
    )
)
@needs(Scope.ADMIN)
@keys.input(KeyIn, arg_name="body")
@keys.output(MadeKey, 201)
@idempotent
def create_key(once: Once, body: KeyIn) -> Response:
    """Create an API key.

    `token` is shown in this response and never again: only its SHA-256 is stored. A replayed
    response has null there; if the first response was lost, revoke the key and make another.
    """
    outcome = once.presenting(_created, kept=_created_before)
    usecases.create_key(
        parts().store,
        name=body.name,
        scopes={Scope(scope) for scope in body.scopes},
        actor=caller(),
        finish=outcome,
    )
    return outcome.response


@keys.get("")
@keys.doc(**about("listKeys", scope=Scope.ADMIN))
@needs(Scope.ADMIN)
@keys.output(KeyList)
def list_keys() -> Response:
    """List API keys.

    All of them on one page, revoked ones too.
    """
    return page([api_key(key) for key in usecases.list_keys(parts().store)], None)


@keys.delete("/<id>")
@keys.doc(**about("revokeKey", scope=Scope.ADMIN, problems=("not_found",), empty=204))
@needs(Scope.ADMIN)
def revoke_key(id: str) -> Response:
    """Revoke an API key.

    It stops working at once. Revoking it again changes nothing.
    """
    usecases.revoke_key(parts().store, id, actor=caller())
    return Response(status=204)


def _created(made: tuple[ApiKey, str]) -> Response:
    key, token = made
    return json_response(api_key(key) | {"token": token}, 201, {"Cache-Control": "no-store"})


def _created_before(made: tuple[ApiKey, str]) -> Response:
    """What is kept for a replay: the token must be readable nowhere."""
    return json_response(api_key(made[0]) | {"token": None}, 201)
