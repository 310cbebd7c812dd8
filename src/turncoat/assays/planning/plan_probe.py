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
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from turncoat.core import Access, Assay, Traces, readout
from turncoat.protocols import MazeWorld, PlannerSubject

if TYPE_CHECKING:
    from turncoat.models.recurrent_planner import RecurrentPlanner
    from turncoat.worlds.goals.maze import MazeLevels


@dataclass(frozen=True)
class PlanProbe(Assay):
    """Accuracy of probes of the optimal move (an optimal one is named; chance is about 0.3), on held-out mazes.

    Columns: `source` ("hidden", "untrained" or "observation KxK"), `tick`, `accuracy` over all cells, and over the
    `contested` ones."""

    size: int = 13
    fit: int = 200  # mazes
    n: int = 120  # held-out mazes
    ticks: tuple[int, ...] = (1, 2, 3, 4, 6, 8, 12, 16, 32)
    windows: tuple[int, ...] = (3, 7)  # observation baselines, in cells

    kind: ClassVar[str] = "PlanProbe"
    version: ClassVar[int] = 2
    required_access: ClassVar[Access] = Access.WEIGHTS
    requires: ClassVar[tuple[type, ...]] = (PlannerSubject, MazeWorld)
    units: ClassVar[Mapping[str, str]] = {"tick": "ticks of thought", "accuracy": "share of cells"}

    def observe(self, subject: PlannerSubject[RecurrentPlanner], world: MazeWorld[MazeLevels], seed: int) -> Traces:
        from turncoat.assays.planning.common import iterate, move_probe, shown, untrained, windows

        model, rng = subject.module, np.random.default_rng(seed)
        fit, held = world.levels(self.fit, self.size, rng), world.levels(self.n, self.size, rng)
        rows = []
        for source, module in (("hidden", model), ("untrained", untrained(model, seed))):
            if module is not None:
                seen, tested = (
                    iterate(module, levels, max(self.ticks), keep=self.ticks).kept for levels in (fit, held)
                )
                for tick in seen:
                    rows.append((source, tick, *move_probe(fit, held, seen[tick], tested[tick])))
        for window in self.windows:
            found = move_probe(fit, held, windows(shown(fit), window), windows(shown(held), window))
            rows.append((f"observation {window}x{window}", max(self.ticks), *found))
        names = ("source", "tick", "accuracy", "contested")
        return Traces({name: np.array(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)})

    @readout(bounds=(-1.0, 1.0), unit="accuracy of a linear probe of the optimal move")
    def excess(self, traces: Traces) -> float:
        """Accuracy at the last tick over that of the best null, over all cells or the contested ones, whichever is
        less."""
        own, nulls = traces.where(source="hidden"), traces["source"] != "hidden"
        last = own["tick"].argmax()
        return min(float(own[name][last] - traces[name][nulls].max()) for name in ("accuracy", "contested"))

    @readout(bounds=(-2.0, 1.0), unit="accuracy of a linear probe of the optimal move")
    def rise(self, traces: Traces) -> float:
        """Accuracy gained from the first tick to the last, over what the untrained net gains, over all cells or the
        contested ones, whichever is less."""
        own, fresh = traces.where(source="hidden"), traces.where(source="untrained")
        names = ("accuracy", "contested")
        return min(gained(own, name) - (max(0.0, gained(fresh, name)) if len(fresh) else 0.0) for name in names)

    @readout(bounds=(0.0, 1.0), unit="accuracy of a linear probe of the optimal move")
    def accuracy(self, traces: Traces) -> float:
        """Accuracy at the last tick over all cells."""
        own = traces.where(source="hidden")
        return float(own["accuracy"][own["tick"].argmax()])


def gained(rows: Traces, name: str) -> float:
    """A column at the last tick minus the same at the first."""
    return float(rows[name][rows["tick"].argmax()] - rows[name][rows["tick"].argmin()])
