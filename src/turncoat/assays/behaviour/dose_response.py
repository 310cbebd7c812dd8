"""How a measure follows one of the world's factors: a dose-response curve on the same subject and the same items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from turncoat.assays.behaviour.measures import Pairs
from turncoat.core import Access, Traces


@dataclass(frozen=True)
class Dose:
    """Mean of `measure` at the last value of the factor less that at the first."""

    measure: str
    factor: str
    values: tuple[Any, ...]
    condition: Pairs = ()
    n: int = 300
    keep: tuple[str, ...] = ()  # other measures that are recorded, for figures

    needs: ClassVar[Access] = Access.ACT
    version: ClassVar[int] = 1
    bounds: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    says: ClassVar[str] = "difference of means over episodes, last value less first"

    def observe(self, subject: Any, world: Any, seed: int) -> Traces:
        names, rows = dict.fromkeys((self.measure, *self.keep)), []
        for value in self.values:
            traces = world.rollout(subject, self.n, seed, dict(self.condition) | {self.factor: value})
            rows.append([float(np.asarray(traces[name], float).mean()) for name in names])
        columns = {name: np.array(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}
        return Traces({"value": np.array(self.values)} | columns)

    def estimate(self, traces: Traces) -> float:
        return float(traces[self.measure][-1] - traces[self.measure][0])
