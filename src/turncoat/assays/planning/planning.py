"""How well does it plan, with how much thought, over which distances, in mazes of which size?

A computation that searches gets further with more steps; a reflex does not. What is seen is what the readout says at a
tick: of a subject that keeps a finished answer back until some tick, the gain over that tick is as large. Such a gain
says that more ticks bring more of a plan, not in which of them it was made; the curve over path lengths tells the two
apart, since an answer that is kept back comes for short and for long paths at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from turncoat.core import Access, Traces

BANDS = ((1, 5), (6, 10), (11, 20), (21, 40), (41, 60), (61, 1000))  # path lengths, in steps


@dataclass(frozen=True)
class Planning:
    """Share of starts with a good path to the goal, exit and coin together, from all cells of fresh mazes.

    `measure`: "optimal" (a shortest path) or "arrives" (at most twice as long). Reads the share at `size` and `at`
    ticks, over path lengths in `band`; with `minus`, the gain over that many ticks.
    """

    sizes: tuple[int, ...] = (9, 13, 17, 21, 25, 29, 33)
    ticks: tuple[int, ...] = (1, 2, 4, 8, 16, 24, 32, 40, 64)
    cells: int = 25_000  # mazes per size = cells / size^2
    measure: str = field(default="optimal", metadata={"pure": True})
    size: int = field(default=13, metadata={"pure": True})
    at: int = field(default=32, metadata={"pure": True})
    minus: int | None = field(default=None, metadata={"pure": True})
    band: tuple[int, int] | None = field(default=None, metadata={"pure": True})

    needs: ClassVar[Access] = Access.WEIGHTS
    version: ClassVar[int] = 1
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    says: ClassVar[str] = "share of start cells"
    units: ClassVar[Mapping[str, str]] = {
        "ticks": "ticks of thought",
        "size": "cells",
        "arrives": "share of starts",
        "optimal": "share of starts",
        "path": "steps",
    }

    def observe(self, subject: Any, world: Any, seed: int) -> Traces:
        from turncoat.assays.planning.common import plan, think, thinker, walks_optimally

        mind, rng = thinker(subject), np.random.default_rng(seed)
        rows = []
        for size in self.sizes:
            levels = world.levels(max(8, self.cells // size**2), size, rng)
            goal = levels.mask(levels.exit)
            thought = think(mind, levels, max(self.ticks), keep=self.ticks)
            last, results = None, None
            for ticks in self.ticks:
                hidden = thought.kept.get(ticks, thought.hidden)  # a feed-forward net stops at its depth
                if results is None or hidden is not last:
                    last, results = hidden, walks_optimally(plan(mind.read(hidden)), levels.free, goal)
                optimal, arrives, distance = results
                for low, high in BANDS:
                    starts = levels.free & (distance >= low) & (distance <= high)
                    if count := int(starts.sum()):
                        rows.append((size, ticks, low, high, count, optimal[starts].mean(), arrives[starts].mean()))
        names = ("size", "ticks", "low", "high", "starts", "optimal", "arrives")
        columns = {name: np.array(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)}
        bands = zip(columns["low"], columns["high"], strict=True)
        columns["path"] = np.array([f"{low} to {high}" if high < 1000 else f"over {low - 1}" for low, high in bands])
        return Traces(columns)

    def estimate(self, traces: Traces) -> float:
        gain = self.share(traces, self.at)
        return gain if self.minus is None else gain - self.share(traces, self.minus)

    def share(self, traces: Traces, ticks: int) -> float:
        rows = traces.where(size=self.size, ticks=ticks)
        if self.band is not None:
            rows = rows.where(low=self.band[0], high=self.band[1])
        if not len(rows):
            return float("nan")
        return float(np.average(rows[self.measure], weights=rows["starts"]))
