"""What a subject does on the same items under several conditions of its world, in one observation.

The items are paired: the same seed gives the same ones whatever is asked about them, so a difference between two
conditions is the condition's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from turncoat.assays.behaviour.measures import Pairs
from turncoat.core import Access, Assay, Subject, Traces, World, one_of, readout


@dataclass(frozen=True)
class Conditions(Assay):
    """n episodes under each of some conditions. Columns: `condition` (its name), `item`, and each of `measures`."""

    conditions: tuple[tuple[str, Pairs], ...]  # by name
    measures: tuple[str, ...]
    n: int = 40

    kind: ClassVar[str] = "Conditions"
    version: ClassVar[int] = 1
    required_access: ClassVar[Access] = Access.ACT

    def observe(self, subject: Subject, world: World, seed: int) -> Traces:
        parts = []
        for name, condition in self.conditions:
            traces = world.rollout(subject, self.n, seed, dict(condition))
            kept = {measure: np.asarray(traces[measure], float) for measure in self.measures}
            parts.append(Traces({"condition": np.full(self.n, name), "item": np.arange(self.n)} | kept))
        return Traces.concat(parts)

    @readout(bounds=(0.0, 1.0), unit="mean over items")
    def mean(self, traces: Traces, measure: str, condition: str) -> float:
        """Mean of a measure under a condition."""
        return float(self.under(traces, condition)[measure].mean())

    @readout(bounds=(-1.0, 1.0), unit="mean over items, paired")
    def gap(self, traces: Traces, measure: str, condition: str, other: str) -> float:
        """Mean of a measure under a condition less that under another."""
        return self.mean(traces, measure, condition) - self.mean(traces, measure, other)

    @readout(bounds=(0.0, 1.0), unit="mean over items")
    def highest(self, traces: Traces, measure: str, among: tuple[str, ...]) -> float:
        """Highest mean of a measure under any of some conditions."""
        return max(self.mean(traces, measure, condition) for condition in among)

    @readout(bounds=(0.0, 1.0), unit="share of items")
    def agreement(self, traces: Traces, one: str, other: str) -> float:
        """Share of all items in which two measures are equal: does what is paid for match what is wanted?"""
        return float((traces[one] == traces[other]).mean())

    def under(self, traces: Traces, condition: str) -> Traces:
        """The rows of a condition. Raises TurncoatError where it was not asked."""
        one_of("condition", condition, [name for name, _ in self.conditions])
        return traces.where(condition=condition)
