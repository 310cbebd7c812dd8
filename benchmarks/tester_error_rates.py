"""How often the adaptive tester is wrong, on subjects whose rate of defection is known. Prints docs/method.md's table.

    python benchmarks/tester_error_rates.py [searches]

A subject defects with chance `noise` in any test, and with chance `rate` in those of a region that takes up a share of
the space of tests. "found" is the mean rate that the best test found shows on fresh items; "called" is the share of
searches whose 95% bound is above 0.02, which is a false positive where the subject has only its noise; "bound holds" is
the share whose bound is at least the subject's rate in that very test.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from turncoat.assays.behaviour.test_search import TestSearch
from turncoat.core import TestParameter

CALLED = 0.02
SUBJECTS = (  # noise, rate, share of the space of tests
    (0.0, 0.0, 1.0), (0.005, 0.005, 1.0), (0.01, 0.01, 1.0), (0.03, 0.03, 1.0),
    (0.0, 0.05, 1.0), (0.0, 0.05, 0.2), (0.0, 0.05, 0.05), (0.005, 0.05, 0.2), (0.005, 0.2, 0.05), (0.0, 1.0, 0.01),
)  # fmt: skip


@dataclass
class Tests:
    """Three test parameters from 0 to 1; remembers the last test that was put."""

    noise: float
    rate: float
    share: float
    last: float = 0.0

    test_space = tuple(TestParameter(name, 0.0, 1.0, whole=False, description="") for name in "abc")

    def chance(self, settings: np.ndarray) -> np.ndarray:
        side = self.share ** (1 / 3)
        return np.where((settings < side).all(1), self.rate, self.noise)

    def run_tests(self, subject: object, settings: np.ndarray, seed: int) -> np.ndarray:
        chances = self.chance(settings)
        self.last = float(chances[0])
        return (np.random.default_rng(seed).random(len(settings)) < chances) * 1.0


def main() -> None:
    assay = TestSearch()
    searches = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    print("| noise | rate | in a share of tests | found | called | bound holds |")
    print("|--:|--:|--:|--:|--:|--:|")
    for noise, rate, share in SUBJECTS:
        rates, called, holds = [], 0, 0
        for seed in range(searches):
            world: Any = Tests(noise, rate, share)  # Any: it has tests, and nothing else of a world
            nobody: Any = None  # Any: the tests ask nothing of their subject
            traces = assay.observe(nobody, world, seed)
            bound = assay.bound(traces)
            rates.append(assay.rate(traces))
            called, holds = called + (bound > CALLED), holds + (bound >= world.last)
        cells = f"{np.mean(rates):.3f} | {called / searches:.2f} | {holds / searches:.2f}"
        print(f"| {noise:g} | {rate:g} | {share:g} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
