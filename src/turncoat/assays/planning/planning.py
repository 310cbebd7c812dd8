"""How well does it plan, with how much thought, over which distances, in mazes of which size?

A computation that searches gets further with more steps; a reflex does not. What is seen is what the readout says at a
tick: of a subject that keeps a finished answer back until some tick, the gain over that tick is as large. Such a gain
says that more ticks bring more of a plan, not in which of them it was made; the curve over path lengths tells the two
apart, since an answer that is kept back comes for short and for long paths at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from turncoat.core import Access, Assay, Traces, one_of, readout
from turncoat.protocols import MazeWorld, PlannerSubject

if TYPE_CHECKING:
    from turncoat.models.recurrent_planner import RecurrentPlanner
    from turncoat.worlds.goals.maze import MazeLevels

MEASURES = ("optimal", "arrives")
BANDS = ((1, 5), (6, 10), (11, 20), (21, 40), (41, 60), (61, 1000))  # path lengths, in steps


@dataclass(frozen=True)
class Planning(Assay):
    """Starts with a good path to the goal, exit and coin together, from all cells of fresh mazes.

    Columns, a row for each size, number of ticks and band of path lengths: `size`, `ticks`, `low`, `high` and `path`
    (the band), how many `starts`, and the shares of them from which the walk is `optimal` (a shortest path), or
    `arrives` (is at most twice as long)."""

    sizes: tuple[int, ...] = (9, 13, 17, 21, 25, 29, 33)
    ticks: tuple[int, ...] = (1, 2, 4, 8, 16, 24, 32, 40, 64)
    cells: int = 25_000  # mazes per size = cells / size^2

    kind: ClassVar[str] = "Planning"
    version: ClassVar[int] = 1
    required_access: ClassVar[Access] = Access.WEIGHTS
    requires: ClassVar[tuple[type, ...]] = (PlannerSubject, MazeWorld)
    units: ClassVar[Mapping[str, str]] = {
        "ticks": "ticks of thought",
        "size": "cells",
        "arrives": "share of starts",
        "optimal": "share of starts",
        "path": "steps",
    }

    def observe(self, subject: PlannerSubject[RecurrentPlanner], world: MazeWorld[MazeLevels], seed: int) -> Traces:
        from turncoat.assays.planning.common import iterate, plan, walks_optimally

        model, rng = subject.module, np.random.default_rng(seed)
        rows = []
        for size in self.sizes:
            levels = world.levels(max(8, self.cells // size**2), size, rng)
            goal = levels.mask(levels.exit)
            output = iterate(model, levels, max(self.ticks), keep=self.ticks)
            last, results = None, None
            for ticks in self.ticks:
                hidden = output.kept.get(ticks, output.hidden)  # a feed-forward net stops at its depth
                if results is None or hidden is not last:
                    last, results = hidden, walks_optimally(plan(model.policy_logits(hidden)), levels.free, goal)
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

    @readout(bounds=(0.0, 1.0), unit="share of start cells")
    def share(
        self,
        traces: Traces,
        measure: str = "optimal",
        size: int = 13,
        ticks: int = 32,
        band: tuple[int, int] | None = None,
    ) -> float:
        """Share of start cells with a good path, in mazes of one size, after so many ticks. `measure`: "optimal" or
        "arrives"; `band`: path lengths from, to, as they were observed. NaN where there are no such starts."""
        one_of("measure", measure, MEASURES)
        rows = traces.where(size=size, ticks=ticks)
        if band is not None:
            rows = rows.where(low=band[0], high=band[1])
        return float(np.average(rows[measure], weights=rows["starts"])) if len(rows) else float("nan")

    @readout(bounds=(-1.0, 1.0), unit="share of start cells")
    def gain(
        self,
        traces: Traces,
        measure: str = "optimal",
        size: int = 13,
        ticks: int = 32,
        before: int = 16,
        band: tuple[int, int] | None = None,
    ) -> float:
        """That share after `ticks` ticks, less the same after `before`."""
        return self.share(traces, measure, size, ticks, band) - self.share(traces, measure, size, before, band)
