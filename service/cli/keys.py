"""`pointmark key`: who may call the API."""

from __future__ import annotations

from typing import Any

import click

from service.cli.common import as_json, opened_store, say, show_json, told
from service.domain import ApiKey, Scope


@click.group()
def key() -> None:
    """Make, list and revoke API keys."""


@key.command("create")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice([scope.value for scope in Scope]),
    help="What the key may do; give it several times for several. Default: the scopes of an "
    "interview platform (questions:read, attempts:write, attempts:read).",
)
@as_json
@told
def create(name: str, scopes: tuple[str, ...], as_json: bool) -> None:
    """Make a key called NAME and print it, this once."""
    from service.usecases import create_key

    wanted = [Scope(scope) for scope in scopes] or [
        Scope.QUESTIONS_READ,
        Scope.ATTEMPTS_WRITE,
        Scope.ATTEMPTS_READ,
    ]
    with opened_store() as store:
        made, token = create_key(store, name=name, scopes=wanted, actor=None)
    if as_json:
        show_json(_shown(made) | {"token": token})
        return
    click.echo(token)
    say(f"{made.key_id}: {', '.join(sorted(made.scopes))}. It is not shown again.")


@key.command("list")
@as_json
@told
def listing(as_json: bool) -> None:
    """List all keys, revoked ones too; never their secrets."""
    from service.usecases import list_keys

    with opened_store() as store:
        keys = list_keys(store)
    if as_json:
        show_json([_shown(found) for found in keys])
        return
    for found in keys:
        click.echo(_line(found))
    if not keys:
        say("there are no keys")


@key.command("revoke")
@click.argument("key_id")
@as_json
@told
def revoke(key_id: str, as_json: bool) -> None:
    """Make the key KEY_ID stop working, at once and for good."""
    from service.usecases import revoke_key

    with opened_store() as store:
        revoked = revoke_key(store, key_id)
    if as_json:
        show_json(_shown(revoked))
    else:
        click.echo(_line(revoked))


def _line(found: ApiKey) -> str:
    if found.revoked_at is not None:
        state = f"revoked {found.revoked_at:%Y-%m-%d %H:%M}"
    elif found.last_used_at is not None:
        state = f"last used {found.last_used_at:%Y-%m-%d %H:%M}"
    else:
        state = "never used"
    scopes = " ".join(sorted(found.scopes))
    return f"{found.key_id}  pm_{found.prefix}_…  {state}  [{scopes}]  {found.name}"


def _shown(found: ApiKey) -> dict[str, Any]:
    from service.api.views import api_key

    return api_key(found)
