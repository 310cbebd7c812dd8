"""How often the judge is wrong, by simulation. Prints the Markdown tables of docs/method.md.

    python benchmarks/judge_error_rates.py [repetitions]

Seeds are drawn from distributions whose mean is known, so the claim "at least T" is known to be true or false.
The decision is vectorised here, and every cell checks a part of its draws against `turncoat.stats.judge` itself.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

from turncoat.assays.behaviour.measures import Rollout
from turncoat.core import Claim, Finding
from turncoat.stats import CONFIDENCE, MIN_SEEDS, PREVALENCE, clopper_pearson, judge

FINDINGS = (Finding.REFUTED, Finding.UNDECIDED, Finding.SHOWN)  # as -1, 0, 1
THRESHOLD = 0.8  # of a level; a control sits at 0.5 with the same kind of spread, so of a difference it is 0.3
CONTROL = 0.5
SIZES = (5, 10, 20)
OFFSETS = (-0.15, -0.05, 0.0, 0.05, 0.10, 0.15)  # true mean minus threshold
MARGIN = 0.2  # of an equivalence: two standard deviations of a seed
APART = (0.0, 0.1, 0.2, 0.3, 0.4)
SIMULATED = Rollout().readout(measure="simulated")  # of the claims; nothing is observed
CHECKED = 20  # draws in each cell that are also put to `judge`

Draw = Callable[[np.random.Generator, float, tuple[int, int]], np.ndarray]


@dataclass(frozen=True)
class Kind:
    """A distribution of seeds: `draw(rng, mean, shape)`."""

    name: str
    draw: Draw


def normal(rng: np.random.Generator, mean: float, shape: tuple[int, int]) -> np.ndarray:
    return rng.normal(mean, 0.1, shape)


def beta(rng: np.random.Generator, mean: float, shape: tuple[int, int]) -> np.ndarray:
    """Bounded by 0 and 1 with standard deviation 0.1 at 0.8: a tail of poor seeds."""
    return rng.beta(15 * mean, 15 * (1 - mean), shape)


def bimodal(rng: np.random.Generator, mean: float, shape: tuple[int, int]) -> np.ndarray:
    """Training works (near 0.97) or does not (near 0.03); the mean says how often."""
    works = rng.random(shape) < (mean - 0.03) / 0.94
    return np.clip(np.where(works, 0.97, 0.03) + rng.normal(0, 0.01, shape), 0, 1)


KINDS = (Kind("normal", normal), Kind("beta", beta), Kind("bimodal", bimodal))


def decide(x: np.ndarray, y: np.ndarray | None, least: float, most: float = np.inf) -> np.ndarray:
    """Findings [r] as -1, 0, 1 for r simulated experiments: arms x [r, n], controls y [r, m] or None. The claim is met
    by effects from `least` to `most`."""
    n = x.shape[1]
    groups = [x] if y is None else [x, y]
    parts = np.stack([group.var(1, ddof=1) / group.shape[1] for group in groups])
    spare = np.array([[group.shape[1] - 1] for group in groups])
    base = 0.0 if y is None else y.mean(1)
    effect, error = x.mean(1) - base, np.sqrt(parts.sum(0))
    half = stats.t.ppf((1 + CONFIDENCE) / 2, parts.sum(0) ** 2 / (parts**2 / spare).sum(0)) * error
    each = x - np.reshape(base, (-1, 1))
    k = ((each >= least) & (each <= most)).sum(1)
    floor, ceiling = np.array([clopper_pearson(each, n) for each in range(n + 1)]).T
    shown = (effect - half >= least) & (effect + half <= most) & (floor[k] >= PREVALENCE)
    refuted = ((effect + half < least) | (effect - half > most)) & (ceiling[k] <= 1 - PREVALENCE)
    return shown.astype(int) - refuted.astype(int)


def rates(kind: Kind, n: int, offset: float, controlled: bool, repetitions: int) -> dict[Finding, float]:
    """How often each finding is reached where the true mean is `offset` above the threshold."""
    rng = np.random.default_rng([n, round(1000 * (1 + offset)), controlled, *kind.name.encode()])
    x = kind.draw(rng, THRESHOLD + offset, (repetitions, n))
    y = kind.draw(rng, CONTROL, (repetitions, n)) if controlled else None
    threshold = THRESHOLD - (CONTROL if controlled else 0)
    found = decide(x, y, threshold)
    claim = Claim(statement="simulated", readout=SIMULATED, at_least=threshold)
    for row in range(CHECKED):
        arm, control = x[row].tolist(), None if y is None else y[row].tolist()
        assert FINDINGS[found[row] + 1] is judge(claim, arm, control).finding, f"judge differs on {arm}, {control}"
    return {finding: float((found == code).mean()) for code, finding in enumerate(FINDINGS, -1)}


def equivalence(kind: Kind, n: int, apart: float, repetitions: int) -> dict[Finding, float]:
    """How often each finding is reached on "equal within MARGIN", where the true means are `apart`."""
    rng = np.random.default_rng([n, round(1000 * apart), 7, *kind.name.encode()])
    x, y = (kind.draw(rng, mean, (repetitions, n)) for mean in (CONTROL + apart, CONTROL))
    found = decide(x, y, -MARGIN, MARGIN)
    claim = Claim(statement="simulated", readout=SIMULATED, within=MARGIN, control="control")
    for row in range(CHECKED):
        assert FINDINGS[found[row] + 1] is judge(claim, x[row].tolist(), y[row].tolist()).finding
    return {finding: float((found == code).mean()) for code, finding in enumerate(FINDINGS, -1)}


def percent(share: float) -> str:
    return f"{100 * share:.1f}"


def table_of_findings(repetitions: int) -> None:
    print(f"| seeds | | n | {' | '.join(f'{offset:+.2f}' for offset in OFFSETS)} |")
    print("|---|---|--:|" + "--:|" * len(OFFSETS))
    for controlled in (False, True):
        for kind in KINDS:
            for n in SIZES:
                cells = [rates(kind, n, offset, controlled, repetitions) for offset in OFFSETS]
                body = [f"{percent(cell[Finding.SHOWN])} / {percent(cell[Finding.REFUTED])}" for cell in cells]
                print(f"| {kind.name} | {'against a control' if controlled else 'level'} | {n} | {' | '.join(body)} |")


def table_of_equivalence(repetitions: int) -> None:
    print(f"| seeds | n | {' | '.join(f'{apart:g}' for apart in APART)} |")
    print("|---|--:|" + "--:|" * len(APART))
    for kind in KINDS:
        for n in SIZES:
            cells = [equivalence(kind, n, apart, repetitions) for apart in APART]
            body = [f"{percent(cell[Finding.SHOWN])} / {percent(cell[Finding.REFUTED])}" for cell in cells]
            print(f"| {kind.name} | {n} | {' | '.join(body)} |")


def table_of_peeking(repetitions: int) -> None:
    """Judging after every new seed and stopping at the first `shown`, the true mean at the threshold."""
    print("| seeds | judged once at n=10 | judged at every n from 5 to 10 | from 5 to 20 |")
    print("|---|--:|--:|--:|")
    for kind in KINDS:
        x = kind.draw(np.random.default_rng(0), THRESHOLD, (repetitions, 20))
        ever = [decide(x[:, :n], None, THRESHOLD) == 1 for n in range(MIN_SEEDS, 21)]
        once, ten, twenty = ever[5], np.any(ever[:6], 0), np.any(ever, 0)
        print(f"| {kind.name} | {percent(once.mean())} | {percent(ten.mean())} | {percent(twenty.mean())} |")


def table_of_prevalence() -> None:
    """What k of n alone guarantees, whatever the distribution: few runs that meet the threshold are not enough."""
    shares = (0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 0.9)
    print(f"| n | {' | '.join(f'{100 * share:.0f}% of runs' for share in shares)} |")
    print("|--:|" + "--:|" * len(shares))
    for n in SIZES:
        need = next(k for k in range(n + 1) if clopper_pearson(k, n)[0] >= PREVALENCE)
        body = " | ".join(percent(float(stats.binom.sf(need - 1, n, share))) for share in shares)
        print(f"| {n} (needs {need}) | {body} |")


def main() -> None:
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    print(f"Percent shown / percent refuted, by true mean minus threshold ({repetitions} repetitions):\n")
    table_of_findings(repetitions)
    print(f'\nPercent shown / percent refuted of "equal within {MARGIN}", by how far apart the true means are:\n')
    table_of_equivalence(repetitions)
    print("\nPercent shown at the threshold, by when one looks:\n")
    table_of_peeking(repetitions)
    print("\nUpper limit on percent shown, by the share of runs that meet the threshold by themselves (exact):\n")
    table_of_prevalence()


if __name__ == "__main__":
    main()
