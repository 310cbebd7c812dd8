"""Designs that were drawn at random: what share of them fails, under the law that drew them and under others, and
which of their features tells those that do. Pure functions of numbers.

Under another law a design counts as often as that law is likelier to draw it (self-normalised importance sampling). n
weighted designs are worth as many unweighted ones as their effective sample size (Kish 1965). The interval is the exact
one of a proportion at the number of unweighted designs that would give its variance (Korn and Graubard 1998), or at the
effective size if that is less. Where the effective size is below MIN_EFFECTIVE, a share is left undetermined.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from turncoat.stats.runs import clopper_pearson

MIN_EFFECTIVE = 10.0  # designs; the exact interval of as many is up to 0.63 wide
PERMUTATIONS = 9_999


@dataclass(frozen=True)
class Prevalence:
    """A share of designs with its 95% interval, and what number of unweighted designs it is worth."""

    share: float
    low: float
    high: float
    effective: float

    @property
    def determined(self) -> bool:
        return self.effective > MIN_EFFECTIVE - 1e-9  # of as many alike it is a rounding less


def effective_size(weights: Sequence[float] | np.ndarray) -> float:
    """(sum w)^2 / sum w^2: n where all weights are equal, 1 where one has it all; 0 where there is none."""
    w = np.asarray(weights, float)
    return float(w.sum() ** 2 / (w**2).sum()) if w.any() else 0.0


def prevalence(happened: Sequence[bool] | np.ndarray, weights: Sequence[float] | np.ndarray) -> Prevalence:
    """Weighted share of the designs to which something happened. From 0 to 1 where no design has any weight."""
    w, yes = np.asarray(weights, float), np.asarray(happened, bool)
    size = effective_size(w)
    if size == 0:
        return Prevalence(float("nan"), 0.0, 1.0, 0.0)
    share = float(w[yes].sum() / w.sum())
    variance = float((w**2 * (yes - share) ** 2).sum() / w.sum() ** 2)
    worth = min(size, share * (1 - share) / variance) if variance > 0 else size
    return Prevalence(share, *clopper_pearson(share * worth, worth), size)


def areas(ranks: np.ndarray, happened: np.ndarray) -> np.ndarray:
    """[F, P] the area under the ROC curve for ranks [F, n] and outcomes [P, n], all with as many true: the chance that
    a design to which it happened has more of a feature than one to which it did not, where a tie counts half."""
    positive = int(happened[0].sum())
    negative = happened.shape[1] - positive
    return (ranks @ happened.T.astype(float) - positive * (positive + 1) / 2) / (positive * negative)


def predictors(
    features: np.ndarray, happened: Sequence[bool] | np.ndarray, permutations: int = PERMUTATIONS, seed: int = 0
) -> list[tuple[float, float]]:
    """For each feature [F, n]: its area under the ROC curve, and a p-value that holds for all of them together.

    p is the share of permutations of the outcome, this one included, in which the area of any feature is as far from a
    half (Westfall and Young 1993, single step). NaN and 1 where it happened to all or none, or designs are fewer than
    MIN_EFFECTIVE.
    """
    yes = np.asarray(happened, bool)
    if len(yes) < MIN_EFFECTIVE or yes.all() or not yes.any():
        return [(float("nan"), 1.0)] * len(features)
    ranks = stats.rankdata(features, axis=1)
    found = areas(ranks, yes[None])[:, 0]
    shuffled = np.random.default_rng(seed).permuted(np.tile(yes, (permutations, 1)), axis=1)
    furthest = np.abs(areas(ranks, shuffled) - 0.5).max(0)
    beaten = (furthest[None] >= np.abs(found - 0.5)[:, None] - 1e-12).sum(1)
    return [(float(area), float((1 + count) / (1 + permutations))) for area, count in zip(found, beaten, strict=True)]
