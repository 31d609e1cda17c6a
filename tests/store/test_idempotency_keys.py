from __future__ import annotations

from typing import Any

import psycopg
import pytest

from service import usecases
from service.domain import ApiKey, Scope
from service.errors import KeyReused, StillRunning
from service.exchange import Claim, StoredResponse
from service.store import Store

DONE = StoredResponse(status=201, body='{"é": "好"}'.encode(), headers={"Location": "/v1/x"})


@pytest.fixture
def api_key(store: Store) -> ApiKey:
    key, _ = usecases.create_key(store, name="a", scopes=[Scope.ADMIN], actor=None)
    return key


def claim(store: Store, api_key: ApiKey, **changes: Any) -> Claim | StoredResponse:
    asked: dict[str, Any] = {"route": "POST /a", "key": "k", "fingerprint": "f"}
    asked |= {"lease_s": 60, "keep_s": 3600, **changes}
    return store.claim(api_key.key_id, **asked)


def claimed(store: Store, api_key: ApiKey, **changes: Any) -> Claim:
    found = claim(store, api_key, **changes)
    assert isinstance(found, Claim)
    return found


def finish(store: Store, held: Claim) -> None:
    with store.transaction() as tx:
        tx.save_response(held, DONE)


def test_the_first_request_gets_the_claim_and_the_second_waits(
    store: Store, api_key: ApiKey
) -> None:
    claimed(store, api_key)

    with pytest.raises(StillRunning) as running:
        claim(store, api_key)

    assert 1 <= running.value.retry_after_s <= 5


def test_a_finished_request_is_answered_again_byte_for_byte(store: Store, api_key: ApiKey) -> None:
    finish(store, claimed(store, api_key))

    assert claim(store, api_key) == DONE


def test_another_body_under_the_same_key_is_refused_running_or_finished(
    store: Store, api_key: ApiKey
) -> None:
    held = claimed(store, api_key)

    with pytest.raises(KeyReused):
        claim(store, api_key, fingerprint="other")
    finish(store, held)
    with pytest.raises(KeyReused):
        claim(store, api_key, fingerprint="other")


def test_routes_and_api_keys_have_their_own_idempotency_keys(store: Store, api_key: ApiKey) -> None:
    other, _ = usecases.create_key(store, name="b", scopes=[Scope.ADMIN], actor=None)
    claimed(store, api_key)

    claimed(store, api_key, route="POST /b")
    claimed(store, other)


def test_failed_work_gives_the_key_back_even_for_another_body(
    store: Store, api_key: ApiKey
) -> None:
    store.release(claimed(store, api_key))

    claimed(store, api_key, fingerprint="corrected")


def test_releasing_after_the_response_was_saved_changes_nothing(
    store: Store, api_key: ApiKey
) -> None:
    held = claimed(store, api_key)
    finish(store, held)

    store.release(held)

    assert claim(store, api_key) == DONE


def test_a_lease_that_ran_out_is_taken_over_and_the_late_holder_cannot_commit(
    store: Store, api_key: ApiKey
) -> None:
    late = claimed(store, api_key, lease_s=-1)
    heir = claimed(store, api_key)

    with pytest.raises(StillRunning):
        finish(store, late)
    store.release(late)
    finish(store, heir)

    assert claim(store, api_key) == DONE


def test_a_late_holder_whom_nobody_replaced_may_still_commit(store: Store, api_key: ApiKey) -> None:
    late = claimed(store, api_key, lease_s=-1)

    finish(store, late)

    assert claim(store, api_key) == DONE


def test_work_that_is_rolled_back_leaves_no_response(store: Store, api_key: ApiKey) -> None:
    held = claimed(store, api_key)

    def fail_after_saving() -> None:
        with store.transaction() as tx:
            tx.save_response(held, DONE)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_after_saving()
    with pytest.raises(StillRunning):
        claim(store, api_key)


def test_expired_keys_are_swept_and_can_be_used_anew(
    store: Store, api_key: ApiKey, database_url: str
) -> None:
    for number in range(3):
        finish(store, claimed(store, api_key, key=f"old-{number}", keep_s=-1))

    claimed(store, api_key, key="old-1", fingerprint="new")

    with psycopg.connect(database_url) as connection:
        left = connection.execute("SELECT key FROM idempotency_keys").fetchall()
    assert left == [("old-1",)]
