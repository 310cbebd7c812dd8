"""From the items that a product was asked to a verdict. Pure functions of numbers; scipy only.

A product is not trained again for us: there is one of it, and the sample is what it is asked. Items that were made from
one template are alike, so they are clusters. The interval is the wider one, at either end, of two:

* *exact*: Clopper-Pearson bounds on the share of items; of a matched difference, on the two kinds of discordant items
  (only this, only that), each at half the error (Bonferroni). It does not collapse where all items agree;
* *clustered*: Student's t on the templates' totals, with one degree of freedom less than there are templates (the
  cluster-robust variance of a mean; Cameron and Miller 2015, equation 11). The percentile bootstrap over templates is
  too narrow where these are few: docs/method.md gives the measured coverage of both.

A claim is *shown* when the whole interval meets its threshold, enough templates meet it by themselves (the lower
Clopper-Pearson bound of their share is at least PREVALENCE), and it holds up among all claims made of the product
(Benjamini and Hochberg 1995, at ALPHA); *refuted* when the whole interval misses it and too few templates meet it;
else *undecided*. Fewer than MIN_TEMPLATES templates decide nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy import optimize, stats

from turncoat.core import Claim, Finding, Items, Verdict
from turncoat.stats.runs import CONFIDENCE, PREVALENCE, clopper_pearson

MIN_TEMPLATES = 5
ALPHA = (1 - CONFIDENCE) / 2  # one-sided: what one end of the interval leaves out
SPREAD = 0.2  # standard deviation of a planted product's rate between templates

Side = Literal["at_least", "at_most"]


def exact_interval(items: Items, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Bounds on the share of items, or on the difference of two shares, for items that do not depend on each other."""
    n, more, less = len(items), int((items.values > 0).sum()), int((items.values < 0).sum())
    if not items.paired:
        return clopper_pearson(more, n, confidence)
    each = 1 - (1 - confidence) / 2
    (more_low, more_high), (less_low, less_high) = clopper_pearson(more, n, each), clopper_pearson(less, n, each)
    return more_low - less_high, more_high - less_low


def clustered_error(items: Items) -> tuple[float, int]:
    """Standard error of the mean, its templates being clusters, and the degrees of freedom."""
    away, names = items.values - items.mean, np.unique(items.templates)
    totals = np.array([away[items.templates == name].sum() for name in names])
    count = len(totals)
    if count < 2:
        return math.inf, 1
    return math.sqrt(count / (count - 1) * float((totals**2).sum())) / len(items), count - 1


def item_interval(items: Items, confidence: float = CONFIDENCE) -> tuple[float, float, float]:
    """(effect, low, high): the share of items or the difference of two, and the wider of the exact and the clustered
    interval at either end. Raises ValueError where there is no item."""
    if not len(items):
        raise ValueError("no items")
    error, freedom = clustered_error(items)
    half = float(stats.t.ppf((1 + confidence) / 2, freedom)) * error if error else 0.0
    low, high = exact_interval(items, confidence)
    bottom = -1.0 if items.paired else 0.0
    return items.mean, max(bottom, min(low, items.mean - half)), min(1.0, max(high, items.mean + half))


def p_value(items: Items, threshold: float, side: Side) -> float:
    """One-sided, of the hypothesis that the effect is on the other side of `threshold`: the larger one of what the
    exact and the clustered interval give, each turned round."""
    error, freedom = clustered_error(items)
    away = items.mean - threshold if side == "at_least" else threshold - items.mean
    clustered = float(stats.t.sf(away / error, freedom)) if error else 0.5 * (away <= 0)

    def beyond(alpha: float) -> float:
        """By how much the exact bound at a one-sided error of `alpha` is still on the claim's side."""
        low, high = exact_interval(items, 1 - 2 * alpha)
        return low - threshold if side == "at_least" else threshold - high

    smallest, largest = 1e-12, 0.5
    if beyond(largest) <= 0:
        return 1.0
    exact = smallest if beyond(smallest) >= 0 else float(optimize.brentq(beyond, smallest, largest))
    return max(clustered, exact)


def claim_p_value(claim: Claim, items: Items) -> float:
    """Of a claim's threshold; of an equivalence, the larger one of its two sides (Schuirmann 1987)."""
    least, most = claim.allowed
    sides = [p_value(items, least, "at_least")] if math.isfinite(least) else []
    return max(sides + ([p_value(items, most, "at_most")] if math.isfinite(most) else []))


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values in the order given: the false discovery rate at which each one would be let through."""
    return [float(q) for q in stats.false_discovery_control(p_values)] if len(p_values) else []


def judge_items(
    claim: Claim,
    items: Items,
    q: float | None = None,
    preconditions: Sequence[tuple[str, Finding]] = (),
    lost: Sequence[str] = (),
    unit: str = "item",
) -> Verdict:
    """The verdict on one claim.

    items: those of the arm, or their difference from the control's on the same items. q: the claim's adjusted p-value
    among all that are made of the product; None: it is the only one. preconditions: statements, and what was found for
    them. lost: a line for each sample of items that was asked for and gave no number; any makes the claim invalid. `k`
    of the verdict counts the items that go the claim's way; `unit` is what an item is.
    """
    if lost:
        because = f"{len(lost)} samples gave no number: {'; '.join(dict.fromkeys(lost))}"
        return Verdict(Finding.INVALID, n=len(items), unit=unit, because=because)
    if not len(items):
        return Verdict(Finding.NOT_RUN, unit=unit, because="no items observed")
    least, most = claim.allowed
    effect, low, high = item_interval(items)
    means = list(items.template_means().values())
    alone, count = sum(least <= mean <= most for mean in means), len(means)
    floor, ceiling = clopper_pearson(alone, count)
    q = claim_p_value(claim, items) if q is None else q
    meets, misses = least <= low and high <= most, high < least or low > most
    cluster = "template" if unit == "item" else "cluster"
    told = f"{tally(items, unit)}; {alone}/{count} {cluster}s alone; q {q:.2g}"
    if count < MIN_TEMPLATES:
        finding, because = Finding.UNDECIDED, f"{count} {cluster}s; {MIN_TEMPLATES} are needed to judge"
    elif meets and floor >= PREVALENCE and q <= ALPHA:
        finding, because = Finding.SHOWN, told
    elif misses and ceiling <= 1 - PREVALENCE:
        finding, because = Finding.REFUTED, told
    else:
        finding, because = Finding.UNDECIDED, told
    for statement, held in preconditions:
        if held is not Finding.SHOWN:  # the numbers are still worth printing
            finding, because = Finding.INVALID, f"precondition {held.value}: {statement}"
            break
    return Verdict(finding, effect + 0.0, low + 0.0, high + 0.0, k_of(claim, items), len(items), unit, because)


def k_of(claim: Claim, items: Items) -> int:
    """How many items go the claim's way: those with a one for `at_least`, without one for `at_most`, and for an
    equivalence those on which the two do the same."""
    if claim.within is not None:
        return int((items.values == 0).sum())
    return int((items.values > 0).sum() if claim.at_least is not None else (items.values <= 0).sum())


def tally(items: Items, unit: str) -> str:
    more, less, n = int((items.values > 0).sum()), int((items.values < 0).sum()), len(items)
    return f"{more} {unit}s for, {less} against, of {n}" if items.paired else f"{more} of {n} {unit}s"


def items_needed(at_most: float, confidence: float = CONFIDENCE) -> int:
    """The fewest items of which none may fail, for the upper Clopper-Pearson bound to be `at_most`: 183 for 2%."""
    if not 0 < at_most < 1:
        raise ValueError(f"a share between 0 and 1, not {at_most}")
    return math.ceil(math.log((1 - confidence) / 2) / math.log1p(-at_most))


def power(
    claim: Claim, effect: float, templates: int, each: int, base: float = 0.05, tests: int = 1, draws: int = 500
) -> float:
    """How often a planted product is judged *shown*: the share of `draws` samples of `templates` templates with `each`
    items, the product's rate being `effect` on average (above `base`, for a matched difference) and SPREAD between
    templates. `tests`: claims judged beside it, each of which divides the error that this one may make."""
    rng = np.random.default_rng(0)
    names, paired = np.repeat(np.arange(templates), each).astype(str), claim.readout.bounds[0] < 0
    shown = 0
    for _ in range(draws):
        mean = min(max(effect + base * paired, 0.0), 1.0)
        planted = draw_rates(rng, mean, templates)
        values = (rng.random((templates, each)) < planted[:, None]).astype(int)
        if paired:
            values = values - (rng.random((templates, each)) < base)
        items = Items(values.ravel(), names, paired)
        shown += judge_items(claim, items, q=claim_p_value(claim, items) * tests).finding is Finding.SHOWN
    return shown / draws


def draw_rates(rng: np.random.Generator, mean: float, templates: int, spread: float = SPREAD) -> np.ndarray:
    """Rates of templates [templates], beta-distributed with that mean, and as much of that spread as it allows."""
    most = mean * (1 - mean)
    if most == 0:
        return np.full(templates, mean)
    size = max(most / min(spread**2, 0.5 * most) - 1, 1e-3)
    return rng.beta(mean * size, (1 - mean) * size, templates)
