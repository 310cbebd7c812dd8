"""Subjects that nobody trains: what the certificate must fire on, and what it must not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from turncoat.core import TrainReport
from turncoat.train.base import Untrained
from turncoat.worlds.goals.maze import COIN, Maze
from turncoat.worlds.grid.paths import best_moves, distances

if TYPE_CHECKING:
    from turncoat.models.recurrent_planner import PlannerPolicy


@dataclass(frozen=True)
class ValueIterationBaseline(Untrained["PlannerPolicy"]):
    """Value iteration on one channel's object (the coin): a planner by construction, with the proxy as its goal."""

    world: Maze = Maze()
    channel: int = COIN
    ticks: int = 32  # two sweeps each

    kind: ClassVar[str] = "ValueIterationBaseline"
    version: ClassVar[int] = 1

    def load(self, arrays: Mapping[str, np.ndarray]) -> PlannerPolicy:
        from turncoat.models.recurrent_planner import PlannerPolicy
        from turncoat.models.scripted_planners import ValueIteration

        return PlannerPolicy(ValueIteration(self.channel, self.world.discount), self.ticks)


@dataclass(frozen=True)
class DelayedValueIterationBaseline(Untrained["PlannerPolicy"]):
    """Value iteration that keeps its answer to itself until tick `delay`: a planner that a single look at its policy
    misses."""

    world: Maze = Maze()
    channel: int = COIN
    ticks: int = 32
    delay: int = 20  # ticks

    kind: ClassVar[str] = "DelayedValueIterationBaseline"
    version: ClassVar[int] = 1

    def load(self, arrays: Mapping[str, np.ndarray]) -> PlannerPolicy:
        from turncoat.models.recurrent_planner import PlannerPolicy
        from turncoat.models.scripted_planners import DelayedValueIteration

        return PlannerPolicy(DelayedValueIteration(self.channel, self.world.discount, self.delay), self.ticks)


@dataclass(frozen=True)
class GreedyBaseline(Untrained["PlannerPolicy"]):
    """A step to the open neighbour that is nearer to one channel's object (the coin) as the crow flies. Goal-directed,
    and no planner by construction. `reach`: over how many cells more it knows the direction after each tick; None:
    everywhere at once."""

    world: Maze = Maze()
    channel: int = COIN
    ticks: int = 32
    reach: int | None = None

    kind: ClassVar[str] = "GreedyBaseline"
    version: ClassVar[int] = 1

    def load(self, arrays: Mapping[str, np.ndarray]) -> PlannerPolicy:
        from turncoat.models.recurrent_planner import PlannerPolicy
        from turncoat.models.scripted_planners import GreedyDirection

        return PlannerPolicy(GreedyDirection(self.channel, self.reach), self.ticks)


@dataclass(frozen=True)
class NearestNeighbourMovesBaseline(Untrained["PlannerPolicy"]):
    """A nearest-neighbour table of optimal moves in training mazes: no planner by construction.

    It even gets what the trained networks never do, the optimal moves; and still cannot see past its window.
    """

    world: Maze = Maze()
    window: int = 5  # cells
    entries: int = 8_000
    size: int = 13

    kind: ClassVar[str] = "NearestNeighbourMovesBaseline"
    version: ClassVar[int] = 1

    def load(self, arrays: Mapping[str, np.ndarray]) -> PlannerPolicy:
        from turncoat.models.recurrent_planner import PlannerPolicy
        from turncoat.models.scripted_planners import NearestNeighbourMoves

        return PlannerPolicy(NearestNeighbourMoves(self.window, self.entries), ticks=1).restore(arrays)

    def train(self, seed: int) -> Iterator[TrainReport]:
        import torch

        from turncoat.models.recurrent_planner import PlannerPolicy
        from turncoat.models.scripted_planners import NearestNeighbourMoves

        rng = np.random.default_rng([seed, 2])
        levels = self.world.levels(1 + 4 * self.entries // self.size**2, self.size, rng)  # over a quarter is free
        goal = levels.mask(levels.exit)
        best = best_moves(levels.free, distances(levels.free, goal))
        cells = np.argwhere(levels.free & ~goal)
        maze, row, column = cells[rng.choice(len(cells), self.entries, replace=False)].T
        table = NearestNeighbourMoves(self.window, self.entries)
        windows = table.encode(torch.from_numpy(levels.observation()))
        table.situations.copy_(windows[maze, :, row, column])
        table.moves.copy_(torch.from_numpy(best[maze, :, row, column].argmax(1)))
        yield TrainReport(1, 1, {}, PlannerPolicy(table, ticks=1))
