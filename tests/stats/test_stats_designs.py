"""Shares under other laws, and predictors: where the answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats as reference

from turncoat.stats import MIN_EFFECTIVE, clopper_pearson, effective_size, predictors, prevalence


def test_the_effective_size_is_kishs() -> None:
    assert effective_size([0.3] * 7) == pytest.approx(7)
    assert effective_size([5.0, 0.0, 0.0]) == 1
    assert effective_size([1.0, 1.0, 2.0]) == pytest.approx(16 / 6)
    assert effective_size([0.0, 0.0]) == effective_size([]) == 0


def test_equal_weights_give_the_plain_share_and_its_exact_interval() -> None:
    found = prevalence([True] * 7 + [False] * 23, [0.2] * 30)
    assert (found.share, found.effective) == (pytest.approx(7 / 30), pytest.approx(30))
    assert (found.low, found.high) == pytest.approx(clopper_pearson(7, 30)) and found.determined


def test_a_share_of_nothing_is_open() -> None:
    none = prevalence([True, False], [0.0, 0.0])
    assert math.isnan(none.share) and (none.low, none.high, none.determined) == (0.0, 1.0, False)
    assert prevalence([False] * 9, [1.0] * 9).low == 0 and prevalence([True] * 9, [1.0] * 9).high == 1
    assert not prevalence([True] * 9, [1.0] * 9).determined and MIN_EFFECTIVE == 10


@pytest.mark.parametrize(("power", "begin"), [(1, 0.6), (2, 0.9), (4, 0.3), (4, 0.9)])
def test_weights_find_the_share_under_another_law(power: int, begin: float) -> None:
    """Drawn uniformly from 0 to 1, failing beyond `begin` in 9 of 10; under a law whose density goes as x^power."""
    rng, truth, inside, shares = np.random.default_rng(0), 0.9 * (1 - begin ** (power + 1)), 0, []
    size = 60 * (2 * power + 1) / (power + 1) ** 2  # (E w)^2 / E w^2
    for _ in range(600):
        x = rng.random(60)
        found = prevalence((x > begin) & (rng.random(60) < 0.9), x**power)
        shares.append(found.share)
        inside += found.low <= truth <= found.high
        assert 0.5 * size < found.effective < 2 * size
    assert np.mean(shares) == pytest.approx(truth, abs=0.02)
    assert inside / 600 >= 0.945


def test_a_predictors_area_is_the_chance_of_a_pair() -> None:
    rng = np.random.default_rng(1)
    feature, yes = rng.integers(0, 6, 50).astype(float), rng.random(50) < 0.4
    ((area, _),) = predictors(feature[None], yes)
    pairs = feature[yes][:, None] - feature[~yes][None]
    assert area == pytest.approx(np.mean(pairs > 0) + 0.5 * np.mean(pairs == 0))
    statistic = reference.mannwhitneyu(feature[yes], feature[~yes]).statistic
    assert area == pytest.approx(statistic / (yes.sum() * (~yes).sum()))


def test_a_planted_predictor_is_found_and_others_are_silent() -> None:
    rng, false, found = np.random.default_rng(2), 0, 0
    for trial in range(200):
        features = rng.normal(size=(5, 60))
        planted = features[0] + rng.normal(0, 0.5, 60) > 0
        told = predictors(features, planted, permutations=199, seed=trial)
        found += told[0][1] <= 0.05 and told[0][0] > 0.8
        silent = predictors(features, rng.random(60) < 0.4, permutations=199, seed=trial)
        false += min(p for _, p in silent) <= 0.05  # of any of the five
    assert found == 200 and false / 200 <= 0.09


def test_nothing_is_predicted_of_what_always_or_never_happens_or_of_a_few() -> None:
    for yes in (np.ones(12, bool), np.zeros(12, bool), np.arange(9) > 4):
        ((area, p),) = predictors(np.arange(float(len(yes)))[None], yes)
        assert math.isnan(area) and p == 1
