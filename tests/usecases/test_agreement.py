from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from service.agreement import cohen_kappa
from service.domain import Verdict
from service.grouping import Comparable, groups

VERDICTS = list(Verdict)


@pytest.mark.parametrize("seed", range(5))
def test_kappa_is_the_one_of_the_books(seed: int) -> None:
    chance = np.random.default_rng(seed)
    pairs = [(VERDICTS[one], VERDICTS[other]) for one, other in chance.integers(0, 4, (30, 2))]

    expected = cohen_kappa_score([one for one, _ in pairs], [other for _, other in pairs])

    assert cohen_kappa(pairs) == pytest.approx(expected)


def test_every_member_is_near_to_the_first_not_only_to_its_neighbour() -> None:
    angles = np.linspace(0.0, 1.0, 11)
    chain = [
        Comparable(
            attempt_id=f"att_{index:02}",
            answer="",
            verdicts=(Verdict.COVERED,),
            vector=np.array([np.cos(angle), np.sin(angle)], dtype=np.float32),
        )
        for index, angle in enumerate(angles)
    ]

    found = groups(chain, similarity=float(np.cos(0.21)))

    members = [member.attempt_id for group in found for member in group.members]
    assert len(members) == len(set(members))
    assert [len(group.members) for group in found] == [5, 5]
    assert all(m.similarity >= np.cos(0.21) for group in found for m in group.members)


def test_other_verdicts_are_another_group() -> None:
    vector = np.array([1.0, 0.0], dtype=np.float32)
    answers = [
        Comparable(attempt_id=f"att_{n}", answer="", verdicts=(verdict,), vector=vector)
        for n, verdict in enumerate([Verdict.COVERED, Verdict.MISSING, Verdict.COVERED])
    ]

    (group,) = groups(answers, similarity=0.9)

    assert [member.attempt_id for member in group.members] == ["att_0", "att_2"]
    assert groups([], similarity=0.9) == ()
