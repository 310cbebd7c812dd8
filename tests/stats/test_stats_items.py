"""The judge of items. Hypothesis draws items; scipy's own intervals are the reference."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as reference

from turncoat.core import Assay, Claim, Finding, Items, Traces, readout
from turncoat.stats import (
    ALPHA,
    CONFIDENCE,
    benjamini_hochberg,
    claim_p_value,
    clopper_pearson,
    item_interval,
    items_needed,
    judge_items,
    p_value,
    power,
)


@dataclass(frozen=True)
class Asked(Assay):
    kind: ClassVar[str] = "Asked"
    version: ClassVar[int] = 1

    def observe(self, subject: Any, world: Any, seed: int) -> Traces:
        return Traces({})

    @readout(bounds=(0, 1), unit="share", sample="item")
    def share(self, traces: Traces) -> Items:
        """Share of items."""
        return Items(traces["value"], traces["template"])

    @readout(bounds=(-1, 1), unit="difference of shares", sample="item")
    def shift(self, traces: Traces) -> Items:
        """Difference."""
        return Items(traces["value"], traces["template"], paired=True)


LEVEL = Claim("It does.", readout=Asked().readout("share"), at_least=0.5)
SHIFT = Claim("It shifts.", readout=Asked().readout("shift"), at_least=0.3)


def of(rates: list[int], each: int, paired: bool = False) -> Items:
    """`each` items a template, of which so many are 1 (or, below nought, -1)."""
    values = [np.sign(rate) if place < abs(rate) else 0 for rate in rates for place in range(each)]
    return Items(np.array(values, int), np.repeat(np.arange(len(rates)), each).astype(str), paired)


counts = st.lists(st.integers(0, 6), min_size=5, max_size=20)


@given(counts)
def test_the_interval_holds_both_the_exact_and_the_clustered_one(rates: list[int]) -> None:
    items = of(rates, 6)
    effect, low, high = item_interval(items)
    k, n = int(items.values.sum()), len(items)
    exact = clopper_pearson(k, n)
    means = np.array(rates) / 6
    assert effect == pytest.approx(means.mean())
    assert low <= exact[0] + 1e-12 and high >= exact[1] - 1e-12
    if means.std() > 0:
        t_low, t_high = reference.t.interval(CONFIDENCE, len(rates) - 1, means.mean(), reference.sem(means))
        assert low <= max(t_low, 0) + 1e-9 and high >= min(t_high, 1) - 1e-9
        assert low == pytest.approx(min(exact[0], max(t_low, 0))) and high == pytest.approx(
            max(exact[1], min(t_high, 1))
        )


def test_where_all_items_agree_the_interval_does_not_collapse() -> None:
    effect, low, high = item_interval(of([6] * 10, 6))
    assert (effect, high) == (1.0, 1.0) and low == pytest.approx(clopper_pearson(60, 60)[0])


@given(st.lists(st.integers(-6, 6), min_size=5, max_size=20))
def test_a_matched_difference_is_bounded_on_its_discordant_items(rates: list[int]) -> None:
    items = of(rates, 6, paired=True)
    effect, low, high = item_interval(items)
    more, less, n = (items.values > 0).sum(), (items.values < 0).sum(), len(items)
    assert effect == pytest.approx((more - less) / n)
    each = 1 - (1 - CONFIDENCE) / 2
    assert low <= clopper_pearson(int(more), n, each)[0] - clopper_pearson(int(less), n, each)[1] + 1e-12


@settings(max_examples=40)
@given(counts, st.floats(0.05, 0.95))
def test_the_p_value_and_the_interval_agree(rates: list[int], threshold: float) -> None:
    """The lower end lies above a threshold exactly where the p-value against it is below what that end leaves out."""
    items = of(rates, 6)
    low = item_interval(items)[1]
    if abs(low - threshold) > 1e-6:
        assert (low > threshold) == (p_value(items, threshold, "at_least") < ALPHA)


def test_shown_refuted_and_undecided() -> None:
    assert judge_items(LEVEL, of([6] * 12, 6)).finding is Finding.SHOWN
    assert judge_items(LEVEL, of([0] * 12, 6)).finding is Finding.REFUTED
    assert judge_items(LEVEL, of([6, 0] * 6, 6)).finding is Finding.UNDECIDED
    assert judge_items(SHIFT, of([5] * 12, 6, paired=True)).finding is Finding.SHOWN
    assert judge_items(SHIFT, of([-5] * 12, 6, paired=True)).finding is Finding.REFUTED


def test_one_template_that_carries_all_decides_nothing() -> None:
    """Sixty items, of which nearly all agree, and only four templates."""
    verdict = judge_items(LEVEL, of([15] * 4, 15))
    assert verdict.finding is Finding.UNDECIDED and "5 are needed" in verdict.because


def test_many_claims_of_one_product_are_judged_together() -> None:
    items = of([5, 6, 4, 5, 6, 4], 6)
    alone = judge_items(replace(LEVEL, at_least=0.6), items)
    assert alone.finding is Finding.SHOWN
    p = claim_p_value(replace(LEVEL, at_least=0.6), items)
    q = benjamini_hochberg([p, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99])[0]
    assert q > ALPHA > p
    assert judge_items(replace(LEVEL, at_least=0.6), items, q=q).finding is Finding.UNDECIDED


def test_benjamini_hochberg_by_hand() -> None:
    assert benjamini_hochberg([0.01, 0.04, 0.03, 0.5]) == pytest.approx([0.04, 0.16 / 3, 0.16 / 3, 0.5])
    assert benjamini_hochberg([]) == []


def test_lost_samples_and_preconditions_make_it_invalid() -> None:
    assert judge_items(LEVEL, of([6] * 12, 6), lost=["seed 1: gone"]).finding is Finding.INVALID
    verdict = judge_items(LEVEL, of([6] * 12, 6), preconditions=[("It can.", Finding.REFUTED)])
    assert verdict.finding is Finding.INVALID and verdict.effect == 1.0


def test_k_counts_the_items_that_go_the_claims_way() -> None:
    items = of([6, 6, 6, 6, 0, 0], 6)
    assert judge_items(LEVEL, items).k == 24
    assert judge_items(replace(LEVEL, at_least=None, at_most=0.5), items).k == 12


def test_items_needed_for_two_percent() -> None:
    assert items_needed(0.02) == 183
    assert clopper_pearson(0, 183)[1] <= 0.02 < clopper_pearson(0, 182)[1]
    with pytest.raises(ValueError, match="between 0 and 1"):
        items_needed(0)


def test_power_grows_with_the_effect_and_errs_rarely_at_the_threshold() -> None:
    at, above = power(SHIFT, 0.3, 20, 6, draws=200), power(SHIFT, 0.6, 20, 6, draws=200)
    assert at <= 0.06 and above >= 0.95


def test_items_say_what_they_cannot_be() -> None:
    with pytest.raises(ValueError, match="an item's value is one of"):
        Items(np.array([2]), np.array(["a"]))
    with pytest.raises(ValueError, match="2 items"):
        Items(np.array([1]), np.array(["a", "b"]))
    with pytest.raises(ValueError, match="same items"):
        of([1], 2).minus(of([1], 3))
    with pytest.raises(ValueError, match="difference of differences"):
        of([1], 2, paired=True).minus(of([1], 2))
