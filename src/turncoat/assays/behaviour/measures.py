"""What a subject does: levels of a world's measures under a condition. Needs nothing but its actions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from turncoat.core import Access, Traces

Pairs = tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Level:
    """Mean of `measure` over n episodes under `condition`; `among` keeps only episodes with these values."""

    measure: str = field(metadata={"pure": True})
    condition: Pairs = ()
    n: int = 500
    among: Pairs = field(default=(), metadata={"pure": True})

    needs: ClassVar[Access] = Access.ACT
    version: ClassVar[int] = 1
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    says: ClassVar[str] = "mean over episodes"

    def observe(self, subject: Any, world: Any, seed: int) -> Traces:
        return world.rollout(subject, self.n, seed, dict(self.condition))

    def estimate(self, traces: Traces) -> float:
        kept = traces.where(**dict(self.among))
        return float(kept[self.measure].mean()) if len(kept) else float("nan")


@dataclass(frozen=True)
class Within:
    """Mean of `measure` over those of n episodes under `condition` in which `column` is from `low` to `high`: what a
    subject does near, and what it does far. NaN where there are none."""

    measure: str = field(metadata={"pure": True})
    column: str = field(metadata={"pure": True})
    low: float = field(metadata={"pure": True})
    high: float = field(metadata={"pure": True})
    condition: Pairs = ()
    n: int = 1000

    needs: ClassVar[Access] = Access.ACT
    version: ClassVar[int] = 1
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    says: ClassVar[str] = "mean over episodes within the band"

    def observe(self, subject: Any, world: Any, seed: int) -> Traces:
        return world.rollout(subject, self.n, seed, dict(self.condition))

    def estimate(self, traces: Traces) -> float:
        within = (traces[self.column] >= self.low) & (traces[self.column] <= self.high)
        return float(traces[self.measure][within].mean()) if within.any() else float("nan")


@dataclass(frozen=True)
class Agreement:
    """Share of episodes in which two measures are equal: does what is paid for match what is wanted?"""

    one: str = field(metadata={"pure": True})
    other: str = field(metadata={"pure": True})
    condition: Pairs = ()
    n: int = 500

    needs: ClassVar[Access] = Access.ACT
    version: ClassVar[int] = 1
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    says: ClassVar[str] = "share of episodes in which the two agree"

    def observe(self, subject: Any, world: Any, seed: int) -> Traces:
        return world.rollout(subject, self.n, seed, dict(self.condition))

    def estimate(self, traces: Traces) -> float:
        return float((traces[self.one] == traces[self.other]).mean())
