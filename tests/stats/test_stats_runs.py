"""The judge. Hypothesis draws seeds; scipy's own intervals are the reference."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as reference

from toy import Read
from turncoat.core import Claim, Finding, Verdict
from turncoat.stats import CONFIDENCE, MIN_SEEDS, PREVALENCE, clopper_pearson, judge, mean_interval

READ = Read().readout()
AT_LEAST = Claim("It does.", readout=READ, at_least=0.5)
AT_MOST = Claim("It does not.", readout=READ, at_most=0.5)
ORDER = [Finding.REFUTED, Finding.UNDECIDED, Finding.SHOWN]

numbers = st.floats(-10, 10).map(lambda value: round(value, 3))
seeds = st.lists(numbers, min_size=MIN_SEEDS, max_size=20)
thresholds = numbers
jitter = st.lists(st.floats(-0.01, 0.01), min_size=MIN_SEEDS, max_size=20)


def claim(at_least: float) -> Claim:
    return replace(AT_LEAST, at_least=at_least)


# -- the three findings that numbers decide ----------------------------------------------------------------


@given(thresholds, st.floats(0.1, 5), jitter)
def test_true_by_construction_is_shown(threshold: float, margin: float, noise: list[float]) -> None:
    verdict = judge(claim(threshold), [threshold + margin + each for each in noise])
    assert verdict.finding is Finding.SHOWN
    assert verdict.k == verdict.n == len(noise)
    assert verdict.low is not None and verdict.low >= threshold


@given(thresholds, st.floats(0.1, 5), jitter)
def test_false_by_construction_is_refuted(threshold: float, margin: float, noise: list[float]) -> None:
    verdict = judge(claim(threshold), [threshold - margin + each for each in noise])
    assert (verdict.finding, verdict.k) == (Finding.REFUTED, 0)


@given(thresholds, st.lists(st.floats(0.01, 5), min_size=3, max_size=10))
def test_seeds_on_both_sides_of_the_threshold_decide_nothing(threshold: float, away: list[float]) -> None:
    values = [threshold + sign * each for each in away for sign in (1, -1)]
    assert judge(claim(threshold), values).finding is Finding.UNDECIDED


@given(thresholds, st.floats(0.1, 5), jitter, jitter, st.floats(-3, 3))
def test_a_difference_true_by_construction_is_shown(
    threshold: float, margin: float, noise: list[float], other: list[float], level: float
) -> None:
    control = [level + each for each in other]
    arm = [level + threshold + margin + each for each in noise]
    assert judge(claim(threshold), arm, control).finding is Finding.SHOWN
    assert judge(claim(threshold), [each - 2 * margin for each in arm], control).finding is Finding.REFUTED


@given(st.lists(numbers, min_size=1, max_size=MIN_SEEDS - 1), thresholds)
def test_too_few_seeds_decide_nothing(values: list[float], threshold: float) -> None:
    verdict = judge(claim(threshold), values)
    assert verdict.finding is Finding.UNDECIDED
    assert f"{MIN_SEEDS} are needed" in verdict.because


@pytest.mark.parametrize(("arm", "control"), [(4, 10), (10, 4)])
def test_the_smaller_group_counts(arm: int, control: int) -> None:
    assert judge(AT_LEAST, [9.0] * arm, [0.0] * control).finding is Finding.UNDECIDED


@pytest.mark.parametrize(
    ("met", "of", "finding"),
    [(5, 5, Finding.SHOWN), (4, 5, Finding.UNDECIDED), (8, 10, Finding.SHOWN), (7, 10, Finding.UNDECIDED)],
)
def test_agreement_of_seeds_is_needed_even_where_the_interval_is_clear(met: int, of: int, finding: Finding) -> None:
    values = [1.0 + index / 1000 for index in range(met)] + [0.499] * (of - met)
    assert judge(replace(AT_LEAST, at_least=0.5), values).finding is finding


def test_exactly_on_the_threshold_is_at_least_and_at_most() -> None:
    assert judge(AT_LEAST, [0.5] * 5).finding is Finding.SHOWN
    assert judge(AT_MOST, [0.5] * 5).finding is Finding.SHOWN


# -- symmetries ------------------------------------------------------------------------------------------------


@given(seeds, thresholds, st.integers(-1000, 1000), st.none() | seeds)
def test_shifting_values_and_threshold_together_changes_nothing(
    values: list[float], threshold: float, shift: int, control: list[float] | None
) -> None:
    """Powers of two shift and scale floats with no rounding worth the name; 1/8 steps keep sums exact."""
    grid = [round(value * 8) / 8 for value in values]
    other = None if control is None else [round(value * 8) / 8 for value in control]
    edge = round(threshold * 8) / 8 + 1 / 64  # between grid points, so that rounding cannot carry a seed across it
    here = judge(claim(edge), grid, other)
    there = judge(claim(edge + shift), [value + shift for value in grid], other)
    assert (here.finding, here.k, here.n) == (there.finding, there.k, there.n)
    assert here.low is not None and there.low is not None
    assert there.low - shift == pytest.approx(here.low, abs=1e-6)


@given(seeds, thresholds, st.floats(0, 5), st.none() | seeds)
def test_better_seeds_never_make_a_worse_finding(
    values: list[float], threshold: float, lift: float, control: list[float] | None
) -> None:
    before = judge(claim(threshold), values, control)
    after = judge(claim(threshold), [value + lift for value in values], control)
    assert ORDER.index(after.finding) >= ORDER.index(before.finding)
    assert after.k >= before.k


@given(seeds, thresholds, st.floats(0, 5))
def test_a_harder_threshold_never_makes_a_better_finding(values: list[float], threshold: float, more: float) -> None:
    easy, hard = judge(claim(threshold), values), judge(claim(threshold + more), values)
    assert ORDER.index(hard.finding) <= ORDER.index(easy.finding)


@given(seeds, thresholds)
def test_at_most_is_the_mirror_of_at_least(values: list[float], threshold: float) -> None:
    up = judge(claim(threshold), values)
    down = judge(replace(AT_MOST, at_most=-threshold), [-value for value in values])
    assert (up.finding, up.k, up.n) == (down.finding, down.k, down.n)
    assert up.low == pytest.approx(-down.high)  # type: ignore[operator]


@given(seeds, thresholds, st.randoms())
def test_the_order_of_seeds_does_not_matter(values: list[float], threshold: float, random: Any) -> None:
    shuffled = random.sample(values, len(values))
    here, there = judge(claim(threshold + 1e-5), values), judge(claim(threshold + 1e-5), shuffled)
    assert (here.finding, here.k) == (there.finding, there.k)


# -- preconditions, missing numbers, bounds --------------------------------------------------------------------


@pytest.mark.parametrize("finding", [each for each in Finding if each is not Finding.SHOWN])
def test_an_unmet_precondition_makes_a_claim_invalid(finding: Finding) -> None:
    verdict = judge(AT_LEAST, [9.0] * 5, preconditions=[("It can do the task.", finding)])
    assert verdict.finding is Finding.INVALID
    assert verdict.because == f"precondition {finding.value}: It can do the task."


def test_a_met_precondition_changes_nothing() -> None:
    assert judge(AT_LEAST, [9.0] * 5, preconditions=[("It can.", Finding.SHOWN)]) == judge(AT_LEAST, [9.0] * 5)


def test_no_seeds_is_not_yet_run() -> None:
    assert judge(AT_LEAST, []).finding is Finding.NOT_RUN
    assert judge(AT_LEAST, [1.0], []).finding is Finding.NOT_RUN


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
@given(values=seeds, where=st.integers(0, 19))
def test_a_seed_that_gave_no_number_is_never_dropped(odd: float, values: list[float], where: int) -> None:
    values[where % len(values)] = odd
    for verdict in (judge(AT_LEAST, values), judge(AT_LEAST, [9.0] * 5, values)):
        assert verdict.finding is Finding.INVALID
        assert "gave no number" in verdict.because
        assert verdict.effect is None


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.none() | st.lists(st.floats(0, 1), min_size=1))
def test_the_printed_interval_stays_in_the_range_of_the_estimate(
    values: list[float], control: list[float] | None
) -> None:
    verdict = judge(AT_LEAST, values, control, bounds=(0, 1))
    bottom = 0 if control is None else -1
    assert verdict.low is not None and verdict.high is not None and verdict.effect is not None
    assert bottom <= verdict.low <= verdict.effect + 1e-12
    assert verdict.effect - 1e-12 <= verdict.high <= 1


@given(seeds, thresholds)
def test_cutting_the_interval_to_its_range_never_changes_a_finding(values: list[float], threshold: float) -> None:
    assert judge(claim(threshold), values).finding is judge(claim(threshold), values, bounds=(-10, 10)).finding


def test_the_unit_is_carried_through() -> None:
    assert judge(AT_LEAST, [1.0] * 5, unit="sample").unit == "sample"
    assert judge(AT_LEAST, [], unit="sample") == Verdict(Finding.NOT_RUN, unit="sample", because="no seeds observed")


# -- against scipy ---------------------------------------------------------------------------------------------


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.5, 0.99))
def test_clopper_pearson_is_scipys_exact_interval(k_n: tuple[int, int], confidence: float) -> None:
    k, n = k_n
    known = reference.binomtest(k, n).proportion_ci(confidence, method="exact")
    assert clopper_pearson(k, n, confidence) == pytest.approx((known.low, known.high), abs=1e-8)


@pytest.mark.parametrize(("k", "n"), [(-1, 5), (6, 5), (0, 0)])
def test_clopper_pearson_refuses_impossible_counts(k: int, n: int) -> None:
    with pytest.raises(ValueError, match="need 0 <= k <= n"):
        clopper_pearson(k, n)


def test_prevalence_is_reached_by_five_of_five_and_eight_of_ten_only_just() -> None:
    reached = {(k, n): clopper_pearson(k, n)[0] >= PREVALENCE for k, n in ((5, 5), (4, 5), (8, 10), (7, 10))}
    assert reached == {(5, 5): True, (4, 5): False, (8, 10): True, (7, 10): False}


spread = st.lists(numbers, min_size=2, max_size=20).filter(lambda values: np.ptp(values) > 0.01)


@given(spread)
def test_a_level_has_students_interval(values: list[float]) -> None:
    known = reference.ttest_1samp(values, 0).confidence_interval(CONFIDENCE)
    assert mean_interval(values) == pytest.approx((np.mean(values), known.low, known.high), abs=1e-9)


@given(spread, spread)
def test_a_difference_has_welchs_interval(values: list[float], control: list[float]) -> None:
    known = reference.ttest_ind(values, control, equal_var=False).confidence_interval(CONFIDENCE)
    effect = np.mean(values) - np.mean(control)
    assert mean_interval(values, control) == pytest.approx((effect, known.low, known.high), abs=1e-8)


def test_one_seed_has_no_interval_and_equal_seeds_have_a_point() -> None:
    assert mean_interval([0.3]) == (0.3, -math.inf, math.inf)
    assert mean_interval([0.3, 0.4], [0.1])[1:] == (-math.inf, math.inf)
    assert mean_interval([0.5, 0.5]) == (0.5, 0.5, 0.5)


# -- nothing is dropped, nothing is out of bounds ------------------------------------------------------------


def test_a_lost_run_makes_the_claim_invalid_and_is_named() -> None:
    verdict = judge(AT_LEAST, [9.0] * 5, lost=["organism, seed 3 raised RuntimeError: no", "organism, seed 5: killed"])
    assert verdict.finding is Finding.INVALID and verdict.effect is None
    assert verdict.because == (
        "2 of 7 runs gave no number: organism, seed 3 raised RuntimeError: no; organism, seed 5: killed"
    )
    assert judge(AT_LEAST, [], lost=["organism, seed 0 raised KeyError"]).finding is Finding.INVALID


def test_an_estimate_outside_its_bounds_is_an_error_of_the_assay() -> None:
    verdict = judge(replace(AT_LEAST, at_least=0.5), [15.0] * 5, bounds=(0, 1))
    assert verdict.finding is Finding.INVALID and "an error of the assay: it gave 15" in verdict.because
    assert judge(replace(AT_LEAST, at_least=0.5), [1 + 1e-12] * 5, bounds=(0, 1)).finding is Finding.SHOWN
    assert judge(AT_LEAST, [0.5] * 5, [-2.0] * 5, bounds=(0, 1)).finding is Finding.INVALID


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=12), st.none() | st.lists(st.floats(0, 1), min_size=1, max_size=9)
)
def test_intervals_hold_their_effect_and_are_never_minus_nought(
    values: list[float], control: list[float] | None
) -> None:
    verdict = judge(replace(AT_LEAST, at_least=0.5), values, control, bounds=(0, 1))
    assert verdict.effect is not None and verdict.low is not None and verdict.high is not None
    assert verdict.low <= verdict.effect <= verdict.high
    assert all(math.copysign(1, number) > 0 or number < 0 for number in (verdict.effect, verdict.low, verdict.high))


# -- equivalence -----------------------------------------------------------------------------------------------

EQUAL = Claim("They do not differ.", READ, within=0.05, control="control")


@pytest.mark.parametrize(
    ("values", "control", "finding"),
    [
        ([0.50, 0.51, 0.49, 0.50, 0.50], [0.50, 0.50, 0.51, 0.49, 0.50], Finding.SHOWN),
        ([0.70, 0.71, 0.69, 0.70, 0.70], [0.50, 0.50, 0.51, 0.49, 0.50], Finding.REFUTED),
        ([0.30, 0.31, 0.29, 0.30, 0.30], [0.50, 0.50, 0.51, 0.49, 0.50], Finding.REFUTED),
        ([0.55, 0.51, 0.59, 0.55, 0.55], [0.50, 0.50, 0.51, 0.49, 0.50], Finding.UNDECIDED),
        ([0.10, 0.90, 0.50, 0.40, 0.60], [0.50, 0.50, 0.51, 0.49, 0.50], Finding.UNDECIDED),  # equal means, wide
        ([0.50, 0.50, 0.50, 0.50], [0.50, 0.50, 0.50, 0.50, 0.50], Finding.UNDECIDED),  # too few
    ],
)
def test_equivalence_needs_the_whole_interval_within_the_margin(
    values: list[float], control: list[float], finding: Finding
) -> None:
    assert judge(EQUAL, values, control).finding is finding
    assert judge(EQUAL, control, values).finding is finding or len(control) != len(values)


@pytest.mark.parametrize("bounds", [{}, {"within": 0.1, "at_least": 0.2}, {"within": 0.1}, {"within": -0.1}])
def test_a_claim_has_one_threshold_and_a_margin_needs_a_control(bounds: dict[str, float]) -> None:
    control = "control" if bounds.get("within", 1) < 0 else None
    with pytest.raises(ValueError, match="needs exactly one|positive margin and needs a control"):
        Claim("It is.", READ, control=control, **bounds)
