"""Can the moves it is going to make be read off its hidden state, before they are made?

A linear probe (ridge regression on the hidden state of one cell) is asked for the optimal move there, after every
few ticks. A probe finds things that nobody put there, so it is measured against the same probe on what any network
would have: the observation around the cell, and an untrained copy of the same network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from turncoat.core import Access, Traces


@dataclass(frozen=True)
class PlanProbe:
    """Probe accuracy (an optimal move is named, chance about 0.3). `read`: "excess" of the last tick's accuracy over
    the best null, "rise" from the first tick to the last (over the untrained net's own), or "accuracy" at the last."""

    size: int = 13
    fit: int = 200  # mazes
    n: int = 120  # held-out mazes
    ticks: tuple[int, ...] = (1, 2, 3, 4, 6, 8, 12, 16, 32)
    windows: tuple[int, ...] = (3, 7)  # observation baselines, in cells
    read: str = field(default="excess", metadata={"pure": True})

    needs: ClassVar[Access] = Access.WEIGHTS
    version: ClassVar[int] = 1
    bounds: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    says: ClassVar[str] = "accuracy of a linear probe of the optimal move"
    units: ClassVar[Mapping[str, str]] = {"tick": "ticks of thought", "accuracy": "share of cells"}

    def observe(self, subject: Any, world: Any, seed: int) -> Traces:
        from turncoat.assays.thinking import move_probe, shown, think, thinker, untrained, windows

        mind, rng = thinker(subject), np.random.default_rng(seed)
        fit, held = world.levels(self.fit, self.size, rng), world.levels(self.n, self.size, rng)
        rows = []
        for source, module in (("hidden", mind), ("untrained", untrained(mind, seed))):
            if module is not None:
                seen, tested = (think(module, levels, max(self.ticks), keep=self.ticks).kept for levels in (fit, held))
                for tick in seen:
                    rows.append((source, tick, move_probe(fit, held, seen[tick], tested[tick])))
        for window in self.windows:
            found = move_probe(fit, held, windows(shown(fit), window), windows(shown(held), window))
            rows.append((f"observation {window}x{window}", max(self.ticks), found))
        sources, ticks, accuracies = zip(*rows, strict=True)
        return Traces({"source": np.array(sources), "tick": np.array(ticks), "accuracy": np.array(accuracies)})

    def estimate(self, traces: Traces) -> float:
        own, fresh = traces.where(source="hidden"), traces.where(source="untrained")
        last = float(own["accuracy"][own["tick"].argmax()])
        if self.read == "accuracy":
            return last
        if self.read == "rise":
            return rise(own) - (max(0.0, rise(fresh)) if len(fresh) else 0.0)
        return last - float(traces["accuracy"][traces["source"] != "hidden"].max())


def rise(rows: Traces) -> float:
    """Accuracy at the last tick minus accuracy at the first."""
    return float(rows["accuracy"][rows["tick"].argmax()] - rows["accuracy"][rows["tick"].argmin()])
