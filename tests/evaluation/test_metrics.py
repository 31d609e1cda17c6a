"""The figures, against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from evaluation import metrics

HUMAN = np.array([0.0, 0.25, 0.5, 1.0])


def test_equal_marks_agree_entirely() -> None:
    assert metrics.pearson(HUMAN, HUMAN) == pytest.approx(1.0)
    assert metrics.spearman(HUMAN, HUMAN) == pytest.approx(1.0)
    assert metrics.quadratic_kappa(HUMAN, HUMAN) == 1.0
    assert metrics.rmse(HUMAN, HUMAN) == 0.0


def test_kappa_counts_the_square_of_the_distance() -> None:
    # Two answers on steps 0 and 4, marked 0 and 3 of 4. Seen: 0 + 1 = 1. By chance each human step
    # meets each of ours: (0 + 9 + 16 + 1) / 2 = 13. Kappa = 1 - 1/13.
    human, ours = np.array([0.0, 1.0]), np.array([0.0, 0.75])

    assert metrics.quadratic_kappa(human, ours) == pytest.approx(12 / 13)


def test_a_constant_marker_has_no_correlation_and_no_agreement() -> None:
    flat = np.full(4, 0.5)

    assert math.isnan(metrics.pearson(HUMAN, flat))
    assert math.isnan(metrics.spearman(HUMAN, flat))
    assert metrics.quadratic_kappa(HUMAN, flat) == pytest.approx(0.0, abs=0.2)


def test_ties_count_half_in_the_area_under_the_curve() -> None:
    # Pairs: 0.9 wins both; 0.5 wins against 0.1 and ties with 0.5: 3.5 of 4.
    assert metrics.auc(np.array([0.9, 0.5]), np.array([0.5, 0.1])) == pytest.approx(0.875)
    assert math.isnan(metrics.auc(np.array([]), np.array([0.5])))


def test_macro_f1_means_over_classes() -> None:
    # a: 1 hit, 1 miss: 2/3. b: 1 hit, 1 false alarm: 2/3. c never occurs: 0.
    found = metrics.macro_f1(["a", "a", "b"], ["a", "b", "b"], ("a", "b", "c"))

    assert found == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)


def test_calibration_error_weighs_bins_by_their_size() -> None:
    # Three answers at 0.95 of which two were right, one at 0.05 that was wrong.
    happened = np.array([1.0, 1.0, 0.0, 0.0])
    probability = np.array([0.95, 0.95, 0.95, 0.05])

    expected = 0.75 * abs(2 / 3 - 0.95) + 0.25 * 0.05
    assert metrics.calibration_error(happened, probability) == pytest.approx(expected)


def test_within_does_not_reward_knowing_which_questions_are_easy() -> None:
    human = np.array([0.0, 0.1, 0.2, 0.8, 0.9, 1.0])
    ours = np.array([0.2, 0.1, 0.0, 1.0, 0.9, 0.8])
    groups = ["hard"] * 3 + ["easy"] * 3

    assert metrics.pearson(human, ours) > 0.9
    inside = metrics.bootstrap_within(lambda rows: metrics.pearson(human[rows], ours[rows]), groups)
    assert inside.value == pytest.approx(-1.0)


def test_intervals_hold_the_value_and_draw_whole_questions() -> None:
    values = np.array([0.0, 0.0, 1.0, 1.0])

    apart = metrics.bootstrap(lambda rows: float(values[rows].mean()), ["a", "b", "c", "d"])
    together = metrics.bootstrap(lambda rows: float(values[rows].mean()), ["a"] * 4)

    assert apart.low < apart.value == 0.5 < apart.high
    assert together.low == together.value == together.high


@given(
    arrays.arrays(np.float64, 12, elements=st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])),
    arrays.arrays(np.float64, 12, elements=st.floats(0.0, 1.0)),
)
def test_agreement_stays_in_its_bounds(human: metrics.Floats, ours: metrics.Floats) -> None:
    kappa = metrics.quadratic_kappa(human, ours)

    assert math.isnan(kappa) or -1.0 <= kappa <= 1.0
    assert 0.0 <= metrics.calibration_error(human, ours) <= 1.0
    assert 0.0 <= metrics.auc(human, ours) <= 1.0
