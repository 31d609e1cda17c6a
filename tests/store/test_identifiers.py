from __future__ import annotations

import time
from uuid import UUID

import pytest

from service import ids
from service.errors import InvalidInput
from service.store import cursors

# From TypeID's own list of valid examples.
KNOWN = [
    ("00000000000000000000000000", "00000000-0000-0000-0000-000000000000"),
    ("00000000000000000000000001", "00000000-0000-0000-0000-000000000001"),
    ("0000000000000000000000000g", "00000000-0000-0000-0000-000000000010"),
    ("7zzzzzzzzzzzzzzzzzzzzzzzzz", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
    ("0123456789abcdefghjkmnpqrs", "0110c853-1d09-52d8-d73e-1194e95b5f19"),
    ("01h455vb4pex5vsknk084sn02q", "01890a5d-ac96-774b-bcce-b302099a8057"),
]


@pytest.mark.parametrize(("body", "uuid"), KNOWN)
def test_ids_are_written_as_typeid_writes_them(body: str, uuid: str) -> None:
    shown = ids.show(ids.Kind.QUESTION, UUID(uuid))

    assert shown == f"q_{body}"
    assert ids.parse(ids.Kind.QUESTION, shown) == UUID(uuid)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "q_",
        "q",
        "01h455vb4pex5vsknk084sn02q",
        "att_01h455vb4pex5vsknk084sn02q",  # of another kind
        "q_01h455vb4pex5vsknk084sn02",  # a character short
        "q_01H455VB4PEX5VSKNK084SN02Q",  # the form is lower case
        "q_01h455vb4pex5vsknk084sn02u",  # u is not in the alphabet
        "q_8zzzzzzzzzzzzzzzzzzzzzzzzz",  # more than 128 bits
        "q_01h455vb4pex5vsknk084sn0\0q",
        "why-relu",
    ],
)
def test_what_is_not_an_id_of_this_kind_is_none(text: str) -> None:
    assert ids.parse(ids.Kind.QUESTION, text) is None


def test_new_ids_are_version_7_of_now_and_strictly_increasing() -> None:
    made = [ids.new_uuid() for _ in range(2000)]

    assert made == sorted(set(made))
    assert {uuid.version for uuid in made} == {7}
    assert {uuid.variant for uuid in made} == {"specified in RFC 4122"}
    assert abs((made[-1].int >> 80) / 1000 - time.time()) < 5


def test_a_clock_that_steps_back_does_not_reorder_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    before = ids.new_uuid()
    monkeypatch.setattr(time, "time_ns", lambda: 1_000_000_000)

    assert ids.new_uuid() > before


def test_a_cursor_leads_back_to_its_row() -> None:
    last = ids.new_uuid()

    assert cursors.read(ids.Kind.ATTEMPT, cursors.write(ids.Kind.ATTEMPT, last)) == last
    assert cursors.read(ids.Kind.ATTEMPT, None) is None


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "é", "!!!!", "YXR0Og", "YXR0OnNob3J0", cursors.write(ids.Kind.QUESTION, UUID(int=1))],
)
def test_a_cursor_that_this_listing_did_not_give_is_refused_with_its_place(cursor: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        cursors.read(ids.Kind.ATTEMPT, cursor)

    assert [fault.pointer for fault in refused.value.faults] == ["#/cursor"]
