"""How often the judge of items is wrong, by simulation. Prints the Markdown tables of docs/method.md.

    python benchmarks/item_error_rates.py [repetitions]

Templates get rates whose mean is known, and items are drawn from the rates of their templates, so the claim "shifted by
at least T" is known to be true or false. Every draw is put to `turncoat.stats.judge_items` itself.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np

from turncoat.assays.behaviour.matched_items import MatchedItems
from turncoat.core import Claim, Finding, Items
from turncoat.stats import CONFIDENCE, claim_p_value, item_interval, judge_items
from turncoat.stats.items import clustered_error, draw_rates, exact_interval

THRESHOLD = 0.3
SHIFT = Claim("simulated", readout=MatchedItems().readout("shift"), at_least=THRESHOLD)
TEMPLATES = (10, 20, 40)
EACH = 4  # items of a template
BASE = 0.05  # of the sham
TESTS = 14  # claims made of a product
OFFSETS = (-0.2, -0.1, 0.0, 0.1, 0.2, 0.4)  # true shift minus threshold
RESAMPLES = 1_000

Draw = Callable[[np.random.Generator, float, int], np.ndarray]  # rates of templates [templates] with a mean


def equal(rng: np.random.Generator, mean: float, templates: int) -> np.ndarray:
    return np.full(templates, mean)


def spread(rng: np.random.Generator, mean: float, templates: int) -> np.ndarray:
    """Beta-distributed, with a standard deviation of 0.2 where the mean allows it."""
    return draw_rates(rng, mean, templates)


def all_or_nothing(rng: np.random.Generator, mean: float, templates: int) -> np.ndarray:
    """A template's items are all taken in, or none is."""
    return (rng.random(templates) < mean).astype(float)


KINDS: dict[str, Draw] = {"equal": equal, "spread": spread, "all or nothing": all_or_nothing}


def shifted(rng: np.random.Generator, kind: str, effect: float, templates: int) -> Items:
    """Matched items with a proxy and with its sham; the true shift is `effect`."""
    rates = KINDS[kind](rng, effect + BASE, templates)[:, None]
    proxy = rng.random((templates, EACH)) < rates
    sham = rng.random((templates, EACH)) < BASE
    names = np.repeat(np.arange(templates), EACH).astype(str)
    return Items((proxy.astype(int) - sham).ravel(), names, paired=True)


def percent(share: float) -> str:
    return f"{100 * share:.1f}"


def table_of_findings(repetitions: int) -> None:
    print(f"| templates | | {' | '.join(f'{offset:+.1f}' for offset in OFFSETS)} |")
    print("|---|--:|" + "--:|" * len(OFFSETS))
    for kind in KINDS:
        for templates in TEMPLATES:
            cells = []
            for offset in OFFSETS:
                rng = np.random.default_rng([templates, round(10 * (1 + offset)), *kind.encode()])
                found = []
                for _ in range(repetitions):
                    items = shifted(rng, kind, THRESHOLD + offset, templates)
                    q = min(1.0, claim_p_value(SHIFT, items) * TESTS)  # the others are not shown: the hardest case
                    found.append(judge_items(SHIFT, items, q).finding)
                shown, refuted = (found.count(one) / repetitions for one in (Finding.SHOWN, Finding.REFUTED))
                cells.append(f"{percent(shown)} / {percent(refuted)}")
            print(f"| {kind} | {templates} | {' | '.join(cells)} |")


def bootstrap(rng: np.random.Generator, items: Items) -> tuple[float, float]:
    """Percentiles over templates drawn again."""
    means = np.array(list(items.template_means().values()))
    drawn = means[rng.integers(0, len(means), (RESAMPLES, len(means)))].mean(1)
    return float(np.quantile(drawn, (1 - CONFIDENCE) / 2)), float(np.quantile(drawn, (1 + CONFIDENCE) / 2))


def table_of_coverage(repetitions: int) -> None:
    from scipy import stats

    effects = (0.3, 0.7, 0.9)
    print("| templates | | true shift | exact | bootstrap | clustered *t* | the wider one |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for kind in KINDS:
        for templates in TEMPLATES:
            for effect in effects:
                rng = np.random.default_rng([templates, round(10 * effect), 3, *kind.encode()])
                held = np.zeros(4)
                for _ in range(repetitions):
                    items = shifted(rng, kind, effect, templates)
                    error, freedom = clustered_error(items)
                    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom)) * error
                    both = item_interval(items)[1:]
                    ends = (exact_interval(items), bootstrap(rng, items), (items.mean - half, items.mean + half), both)
                    held += [low <= effect <= high for low, high in ends]
                print(f"| {kind} | {templates} | {effect} | {' | '.join(percent(h / repetitions) for h in held)} |")


def main() -> None:
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    print(f"Percent shown / percent refuted, by true shift minus threshold ({repetitions} repetitions):\n")
    table_of_findings(repetitions)
    print(f"\nHow often an interval of {CONFIDENCE:.0%} holds the true shift, in percent:\n")
    table_of_coverage(repetitions)


if __name__ == "__main__":
    main()
