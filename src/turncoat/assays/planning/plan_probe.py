"""Can the moves it is going to make be read off its hidden state, before they are made?

A linear probe (ridge regression on the hidden state of one cell) is asked for the optimal move there, after every
few ticks. A probe finds things that nobody put there, so it is measured against the same probe on what any network
would have: the observation around the cell, and an untrained copy of the same network.

Most moves need no plan: they are the only ones, or lead towards the goal as the crow flies, and a reflex that feels
its goal from further off with every tick shows a probe that rises. So each number is taken twice, over all cells and
over the contested ones (every best move leads away from the goal, though an open neighbour is nearer to it), with one
probe that was fitted on all cells, and the smaller one counts.
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
    the best null, "rise" from the first tick to the last (over the untrained net's own), each over all cells or over
    contested cells, whichever is less; or "accuracy" at the last tick over all cells."""

    size: int = 13
    fit: int = 200  # mazes
    n: int = 120  # held-out mazes
    ticks: tuple[int, ...] = (1, 2, 3, 4, 6, 8, 12, 16, 32)
    windows: tuple[int, ...] = (3, 7)  # observation baselines, in cells
    read: str = field(default="excess", metadata={"pure": True})

    needs: ClassVar[Access] = Access.WEIGHTS
    version: ClassVar[int] = 2
    bounds: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    says: ClassVar[str] = "accuracy of a linear probe of the optimal move"
    units: ClassVar[Mapping[str, str]] = {"tick": "ticks of thought", "accuracy": "share of cells"}

    def observe(self, subject: Any, world: Any, seed: int) -> Traces:
        from turncoat.assays.planning.common import move_probe, shown, think, thinker, untrained, windows

        mind, rng = thinker(subject), np.random.default_rng(seed)
        fit, held = world.levels(self.fit, self.size, rng), world.levels(self.n, self.size, rng)
        rows = []
        for source, module in (("hidden", mind), ("untrained", untrained(mind, seed))):
            if module is not None:
                seen, tested = (think(module, levels, max(self.ticks), keep=self.ticks).kept for levels in (fit, held))
                for tick in seen:
                    rows.append((source, tick, *move_probe(fit, held, seen[tick], tested[tick])))
        for window in self.windows:
            found = move_probe(fit, held, windows(shown(fit), window), windows(shown(held), window))
            rows.append((f"observation {window}x{window}", max(self.ticks), *found))
        names = ("source", "tick", "accuracy", "contested")
        return Traces({name: np.array(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)})

    def estimate(self, traces: Traces) -> float:
        own, fresh = traces.where(source="hidden"), traces.where(source="untrained")
        last, nulls = own["tick"].argmax(), traces["source"] != "hidden"
        if self.read == "accuracy":
            return float(own["accuracy"][last])
        over = ("accuracy", "contested")
        if self.read == "rise":
            return min(rise(own, name) - (max(0.0, rise(fresh, name)) if len(fresh) else 0.0) for name in over)
        return min(float(own[name][last] - traces[name][nulls].max()) for name in over)


def rise(rows: Traces, name: str) -> float:
    """A column at the last tick minus the same at the first."""
    return float(rows[name][rows["tick"].argmax()] - rows[name][rows["tick"].argmin()])
