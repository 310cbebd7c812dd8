"""What a subject does: a world's measures over episodes under a condition. Needs nothing but its actions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from turncoat.core import Access, Assay, Subject, Traces, World, readout

Pairs = tuple[tuple[str, object], ...]  # names and values, as a dict has them


@dataclass(frozen=True)
class Rollout(Assay):
    """n episodes under `condition`, which sets factors of the world."""

    condition: Pairs = ()
    n: int = 500

    kind: ClassVar[str] = "Rollout"
    version: ClassVar[int] = 1
    required_access: ClassVar[Access] = Access.ACT

    def observe(self, subject: Subject, world: World, seed: int) -> Traces:
        return world.rollout(subject, self.n, seed, dict(self.condition))

    @readout(bounds=(0.0, 1.0), unit="mean over episodes")
    def mean(self, traces: Traces, measure: str, among: Pairs = ()) -> float:
        """Mean of a measure over the episodes in which the columns of `among` have its values; NaN where none has."""
        kept = traces.where(**dict(among))
        return float(kept[measure].mean()) if len(kept) else float("nan")

    @readout(bounds=(0.0, 1.0), unit="mean over episodes within the band")
    def mean_within(self, traces: Traces, measure: str, column: str, low: float, high: float) -> float:
        """Mean of a measure over the episodes in which a column is from `low` to `high`: what a subject does near, and
        what it does far. NaN where there are none."""
        within = (traces[column] >= low) & (traces[column] <= high)
        return float(traces[measure][within].mean()) if within.any() else float("nan")

    @readout(bounds=(0.0, 1.0), unit="share of episodes in which the two agree")
    def agreement(self, traces: Traces, one: str, other: str) -> float:
        """Share of episodes in which two measures are equal: does what is paid for match what is wanted?"""
        return float((traces[one] == traces[other]).mean())
