"""Marking up where things were found."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from service.pages.marking import Segment, Span, segments

TEXTS = st.text(st.sampled_from("ab 。梯度😀𝛁é\n<&"), max_size=20)


@given(TEXTS, st.data())
def test_each_character_carries_what_was_found_there(text: str, data: st.DataObject) -> None:
    place = st.integers(-1, len(text) + 1)
    spans = data.draw(
        st.lists(
            st.builds(
                lambda s, e, n: Span(start=s, end=e, label=n),
                place,
                place,
                st.sampled_from(["1", "2", "m1"]),
            ),
            max_size=6,
        )
    )
    inside = [span for span in spans if 0 <= span.start < span.end <= len(text)]

    found = segments(text, spans)

    assert "".join(piece.text for piece in found) == text
    position = 0
    for piece in found:
        for _ in piece.text:
            wanted = {span.label for span in inside if span.start <= position < span.end}
            assert set(piece.labels) == wanted
            position += 1
        assert piece.text
    assert all(a.labels != b.labels for a, b in pairwise(found))


def test_overlapping_spans_are_cut_in_code_points() -> None:
    text = "😀梯度消失了"

    found = segments(text, [Span(start=0, end=3, label="1"), Span(start=1, end=5, label="2")])

    assert found == [
        Segment(text="😀", labels=("1",)),
        Segment(text="梯度", labels=("1", "2")),
        Segment(text="消失", labels=("2",)),
        Segment(text="了", labels=()),
    ]
