"""How a measure follows one of the world's factors: a dose-response curve on the same subject and the same items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from turncoat.assays.behaviour.measures import Pairs
from turncoat.core import Access, Assay, Subject, Traces, World, readout


@dataclass(frozen=True)
class DoseResponse(Assay):
    """Mean of `measure` over n episodes at each of a factor's values, on the same items. Columns: `value`, a measure
    each."""

    measure: str
    factor: str
    values: tuple[object, ...]
    condition: Pairs = ()
    n: int = 300
    keep: tuple[str, ...] = ()  # other measures that are recorded, for figures

    kind: ClassVar[str] = "DoseResponse"
    version: ClassVar[int] = 1
    required_access: ClassVar[Access] = Access.ACT

    def observe(self, subject: Subject, world: World, seed: int) -> Traces:
        names, rows = dict.fromkeys((self.measure, *self.keep)), []
        for value in self.values:
            traces = world.rollout(subject, self.n, seed, dict(self.condition) | {self.factor: value})
            rows.append([float(np.asarray(traces[name], float).mean()) for name in names])
        columns = {name: np.array(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}
        return Traces({"value": np.array(self.values)} | columns)

    @readout(bounds=(-1.0, 1.0), unit="difference of means over episodes, last value less first")
    def difference(self, traces: Traces) -> float:
        """Mean of the measure at the last value of the factor less that at the first."""
        return float(traces[self.measure][-1] - traces[self.measure][0])
