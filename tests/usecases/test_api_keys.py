from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from service import usecases
from service.domain import ApiKey, Scope
from service.errors import Conflict, InvalidInput, NotFound, Unauthenticated
from service.exchange import Quota
from service.store import Store

GIVEN = "pm_local_0123456789abcdef"


def made(store: Store, *scopes: Scope) -> tuple[ApiKey, str]:
    return usecases.create_key(
        store, name="platform", scopes=scopes or (Scope.ATTEMPTS_WRITE,), actor=None
    )


def entered(store: Store, token: str, *, limit: int = 0, window: int = 3600) -> ApiKey:
    return usecases.authenticate(store, token, rate_limit=limit, rate_window_s=window)[0]


def counted(store: Store, token: str, *, limit: int, window: int = 3600) -> Quota:
    return usecases.authenticate(store, token, rate_limit=limit, rate_window_s=window)[1]


def test_a_new_keys_token_is_accepted_and_kept_only_as_a_digest(
    store: Store, database_url: str
) -> None:
    key, token = made(store, Scope.QUESTIONS_READ, Scope.REVIEW)

    assert entered(store, token) == key
    assert key.scopes == {Scope.QUESTIONS_READ, Scope.REVIEW}
    assert token.startswith(f"pm_{key.prefix}_")
    secret = token.removeprefix(f"pm_{key.prefix}_")
    assert len(bytes.fromhex(secret)) == 32
    with psycopg.connect(database_url) as connection:
        assert secret not in repr(connection.execute("SELECT * FROM api_keys").fetchall())


@pytest.mark.parametrize(
    "change",
    [
        lambda token: token[:-1] + ("0" if token[-1] != "0" else "1"),  # another secret
        lambda token: "pm_000000000000_" + token.rpartition("_")[2],  # another prefix
        lambda token: token[3:],
        lambda token: token + "\n",
        lambda token: "",
        lambda token: "pm__",
        lambda token: "pm_abcd_" + "\0" * 20,
        lambda token: "pm_abcd_" + "\ud800" * 20,
        lambda token: "pm_abcd_" + "好" * 20,
        lambda token: "pm_" + "a" * 100_000,
    ],
)
def test_anything_but_the_token_is_refused(store: Store, change: Callable[[str], str]) -> None:
    _, token = made(store)

    with pytest.raises(Unauthenticated):
        entered(store, change(token))


def test_a_revoked_key_stops_at_once_and_says_the_same_as_an_unknown_one(store: Store) -> None:
    key, token = made(store)

    revoked = usecases.revoke_key(store, key.key_id)

    with pytest.raises(Unauthenticated) as after_revoking:
        entered(store, token)
    with pytest.raises(Unauthenticated) as unknown:
        entered(store, "pm_000000000000_" + "0" * 64)
    assert revoked.revoked_at is not None
    assert str(after_revoking.value) == str(unknown.value)


def test_revoking_twice_keeps_the_first_time(store: Store) -> None:
    key, _ = made(store)

    assert usecases.revoke_key(store, key.key_id) == usecases.revoke_key(store, key.key_id)


@pytest.mark.parametrize("key_id", ["", "key_1", "key_01h455vb4pex5vsknk084sn02q", "a\0"])
def test_revoking_what_is_no_key_is_not_found(store: Store, key_id: str) -> None:
    with pytest.raises(NotFound):
        usecases.revoke_key(store, key_id)


def test_keys_are_listed_oldest_first_with_the_revoked(store: Store) -> None:
    first, _ = made(store)
    second, _ = made(store)
    revoked = usecases.revoke_key(store, first.key_id)

    assert usecases.list_keys(store) == (revoked, second)


def test_last_use_is_written_but_not_for_every_request(store: Store, database_url: str) -> None:
    key, token = made(store)
    entered(store, token)
    (first,) = usecases.list_keys(store)

    entered(store, token)
    (second,) = usecases.list_keys(store)
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE api_keys SET last_used_at = now() - interval '61 s'")
    entered(store, token)
    (third,) = usecases.list_keys(store)

    assert key.last_used_at is None
    assert first.last_used_at is not None
    assert datetime.now(UTC) - first.last_used_at < timedelta(seconds=10)
    assert second.last_used_at == first.last_used_at
    assert third.last_used_at is not None
    assert third.last_used_at > first.last_used_at


@pytest.mark.parametrize(
    ("name", "scopes", "pointers"),
    [
        (" ", [Scope.ADMIN], ["#/name"]),
        ("a\0", [Scope.ADMIN], ["#/name"]),
        ("x" * 201, [Scope.ADMIN], ["#/name"]),
        ("fine", [], ["#/scopes"]),
    ],
)
def test_a_key_needs_a_name_and_a_scope(
    store: Store, name: str, scopes: list[Scope], pointers: list[str]
) -> None:
    with pytest.raises(InvalidInput) as refused:
        usecases.create_key(store, name=name, scopes=scopes, actor=None)

    assert [fault.pointer for fault in refused.value.faults] == pointers


# The first key


def test_a_given_token_works_and_is_made_once(store: Store) -> None:
    assert usecases.ensure_admin_key(store, token=GIVEN) is None
    assert usecases.ensure_admin_key(store, token=GIVEN) is None

    assert entered(store, GIVEN).scopes == {Scope.ADMIN}
    assert len(usecases.list_keys(store)) == 1


def test_a_given_token_that_was_revoked_does_not_come_back(store: Store) -> None:
    usecases.ensure_admin_key(store, token=GIVEN)
    usecases.revoke_key(store, usecases.list_keys(store)[0].key_id)

    usecases.ensure_admin_key(store, token=GIVEN)

    with pytest.raises(Unauthenticated):
        entered(store, GIVEN)


@pytest.mark.parametrize(
    "token", ["", "secret", "pm_local_short", "pm_lo_0123456789abcdef", "pm_a b_c"]
)
def test_a_token_of_the_wrong_form_is_refused(store: Store, token: str) -> None:
    with pytest.raises(InvalidInput, match="pm_<prefix>_<secret>"):
        usecases.ensure_admin_key(store, token=token)


def test_a_given_token_cannot_take_another_keys_prefix(store: Store) -> None:
    usecases.ensure_admin_key(store, token=GIVEN)

    with pytest.raises(Conflict):
        usecases.ensure_admin_key(store, token="pm_local_another0123456789")


def test_without_a_token_one_is_made_up_only_if_nobody_can_administer(store: Store) -> None:
    made(store)
    token = usecases.ensure_admin_key(store)

    assert token is not None
    assert entered(store, token).allows(Scope.REVIEW)
    assert usecases.ensure_admin_key(store) is None
    usecases.revoke_key(store, entered(store, token).key_id)
    assert usecases.ensure_admin_key(store) is not None


def test_starts_at_the_same_time_make_one_admin_key(store: Store) -> None:
    tokens: list[str | None] = []
    starts = [
        threading.Thread(target=lambda: tokens.append(usecases.ensure_admin_key(store)))
        for _ in range(5)
    ]
    for start in starts:
        start.start()
    for start in starts:
        start.join()

    assert sorted(token is None for token in tokens) == [False, True, True, True, True]
    assert len(usecases.list_keys(store)) == 1


# Rate limits


def test_requests_are_counted_down_to_zero_and_then_refused(store: Store) -> None:
    _, token = made(store)

    quotas = [counted(store, token, limit=2) for _ in range(4)]

    assert [quota.remaining for quota in quotas] == [1, 0, 0, 0]
    assert [quota.exceeded for quota in quotas] == [False, False, True, True]
    assert all(1 <= quota.reset_s <= 3600 for quota in quotas)


def test_each_key_has_its_own_quota(store: Store) -> None:
    _, first = made(store)
    _, second = made(store)
    counted(store, first, limit=1)

    assert not counted(store, second, limit=1).exceeded


def test_a_new_window_begins_anew(store: Store) -> None:
    _, token = made(store)
    exhausted = [counted(store, token, limit=1, window=1) for _ in range(3)][-1]

    time.sleep(exhausted.reset_s + 0.05)

    assert not counted(store, token, limit=1, window=1).exceeded


def test_nobody_uses_up_a_quota_with_a_wrong_secret(store: Store) -> None:
    key, token = made(store)
    for _ in range(3):
        with suppress(Unauthenticated):
            counted(store, f"pm_{key.prefix}_{'0' * 64}", limit=1)

    assert not counted(store, token, limit=1).exceeded


def test_a_limit_of_zero_is_none(store: Store) -> None:
    _, token = made(store)

    assert not any(counted(store, token, limit=0).exceeded for _ in range(3))


def test_no_request_is_lost_in_counting(store: Store) -> None:
    _, token = made(store)
    requests = [
        threading.Thread(target=lambda: counted(store, token, limit=100, window=10**6))
        for _ in range(20)
    ]
    for request in requests:
        request.start()
    for request in requests:
        request.join()

    assert counted(store, token, limit=100, window=10**6).remaining == 79
