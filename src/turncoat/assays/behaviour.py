"""What a subject does: levels of a world's measures under a condition. Needs nothing but its actions."""

from __future__ import annotations

from collections.abc import Mapping
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
        condition: Mapping[str, Any] = dict(self.condition)
        return world.rollout(subject, self.n, seed, condition)

    def estimate(self, traces: Traces) -> float:
        kept = traces.where(**dict(self.among))
        return float(kept[self.measure].mean()) if len(kept) else float("nan")


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
        condition: Mapping[str, Any] = dict(self.condition)
        return world.rollout(subject, self.n, seed, condition)

    def estimate(self, traces: Traces) -> float:
        return float((traces[self.one] == traces[self.other]).mean())
