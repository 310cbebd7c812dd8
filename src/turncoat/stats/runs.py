"""From seed-level estimates to a verdict. A pure function of numbers; scipy only.

The trained run is the sample. Each seed gives one estimate; episodes are never counted as samples. Two
things are computed and both must agree:

* the mean effect with a 95% interval across seeds: Student's t for a level, Welch's t for a difference;
* k of n seeds that meet the threshold each by itself, with the Clopper-Pearson 95% interval. When all seeds
  agree a t-interval collapses to a point, and only this one still knows how few they are (5/5 supports 0.48).

A claim is *shown* when the whole t-interval meets the threshold and the lower Clopper-Pearson bound is at
least PREVALENCE; *refuted* when the whole t-interval misses it and the upper bound is at most 1 - PREVALENCE;
else *undecided*. An equivalence (`within`) is shown when the whole interval lies within the margin, which is
two one-sided tests at 2.5% each (Schuirmann 1987). Fewer than MIN_SEEDS seeds decide nothing.
docs/method.md gives the measured error rates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from turncoat.core import Claim, Finding, Verdict

CONFIDENCE = 0.95
PREVALENCE = 0.4  # reached by 5/5 (0.48) and 8/10 (0.44), not by 4/5 (0.28) or 7/10 (0.35)
MIN_SEEDS = 5
SLACK = 1e-9  # by how much rounding may carry an estimate past its bounds


def clopper_pearson(k: float, n: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Exact interval for a binomial proportion (Clopper and Pearson 1934). Of weighted items, k and n may be effective
    numbers (Korn and Graubard 1998)."""
    if not 0 <= k <= n or n == 0:
        raise ValueError(f"need 0 <= k <= n and n > 0, got k={k}, n={n}")
    alpha = (1 - confidence) / 2
    low = 0.0 if k == 0 else float(stats.beta.ppf(alpha, k, n - k + 1))
    high = 1.0 if k == n else float(stats.beta.ppf(1 - alpha, k + 1, n - k))
    return low, high


def mean_interval(
    values: Sequence[float] | np.ndarray,
    control: Sequence[float] | np.ndarray | None = None,
    confidence: float = CONFIDENCE,
) -> tuple[float, float, float]:
    """(mean, low, high) of `values`, or of their mean minus the control's (Welch 1947).

    With a single value the interval is infinite.
    """
    x = np.asarray(values, float)
    groups = [x] if control is None else [x, np.asarray(control, float)]
    effect = float(x.mean() if control is None else x.mean() - groups[1].mean())
    if min(len(group) for group in groups) < 2:
        return effect, -math.inf, math.inf
    parts = np.array([float(group.var(ddof=1)) / len(group) for group in groups])
    error = math.sqrt(parts.sum())
    if error == 0:
        return effect, effect, effect
    shares = parts / parts.sum()  # squares of tiny variances would be nought
    dof = 1 / sum(share**2 / (len(group) - 1) for share, group in zip(shares, groups, strict=True))
    half = float(stats.t.ppf((1 + confidence) / 2, dof)) * error
    return effect, effect - half, effect + half


def judge(
    claim: Claim,
    values: Sequence[float],
    control: Sequence[float] | None = None,
    preconditions: Sequence[tuple[str, Finding]] = (),
    bounds: tuple[float, float] = (-math.inf, math.inf),
    unit: str = "training run",
    lost: Sequence[str] = (),
) -> Verdict:
    """The verdict on one claim.

    values, control: one estimate a seed, of the arm and of its control (None for an absolute claim). preconditions: the
    statements of the claim's preconditions, and what was found for them. bounds: the range that a single estimate can
    take; one outside it is an error of the assay, and makes the claim invalid. lost: a line for each run that was asked
    for and gave no number, with its reason. None is ever dropped: one that is lost, or is not finite, makes the claim
    invalid.
    """
    x = np.asarray(values, float)
    y = None if control is None else np.asarray(control, float)
    n = len(x) if y is None else min(len(x), len(y))
    everyone = x if y is None else np.concatenate([x, y])
    asked = len(everyone) + len(lost)
    if asked == 0 or (n == 0 and not lost):
        return Verdict(Finding.NOT_RUN, unit=unit, because="no seeds observed")
    if missing := [*lost, *["its estimate is not a finite number"] * int((~np.isfinite(everyone)).sum())]:
        because = f"{len(missing)} of {asked} runs gave no number: {'; '.join(dict.fromkeys(missing))}"
        return Verdict(Finding.INVALID, n=n, unit=unit, because=because)
    outside = everyone[(everyone < bounds[0] - SLACK) | (everyone > bounds[1] + SLACK)]
    if len(outside):
        because = f"an error of the assay: it gave {outside[0]:g}, and says of itself that it gives "
        return Verdict(Finding.INVALID, n=n, unit=unit, because=because + f"{bounds[0]:g} to {bounds[1]:g}")
    least, most = claim.allowed
    each = x if y is None else x - y.mean()
    k = int(((each >= least) & (each <= most)).sum())
    effect, low, high = mean_interval(x, y)
    floor, ceiling = clopper_pearson(k, len(x))
    meets, misses = least <= low and high <= most, high < least or low > most
    if n < MIN_SEEDS:
        finding, because = Finding.UNDECIDED, f"{n} seeds; {MIN_SEEDS} are needed to judge"
    elif meets and floor >= PREVALENCE:
        finding, because = Finding.SHOWN, f"{k}/{len(x)} seeds alone (95% at least {floor:.2f})"
    elif misses and ceiling <= 1 - PREVALENCE:
        finding, because = Finding.REFUTED, f"{k}/{len(x)} seeds alone (95% at most {ceiling:.2f})"
    else:
        finding, because = Finding.UNDECIDED, f"{k}/{len(x)} seeds alone; the interval leaves both open"
    for statement, held in preconditions:
        if held is not Finding.SHOWN:  # the numbers are still worth printing
            finding, because = Finding.INVALID, f"precondition {held.value}: {statement}"
            break
    bottom, top = bounds if y is None else (bounds[0] - bounds[1], bounds[1] - bounds[0])
    low, high = min(max(low, bottom), effect), max(min(high, top), effect)
    return Verdict(finding, effect + 0.0, low + 0.0, high + 0.0, k, len(x), unit, because)  # + 0.0: never -0
