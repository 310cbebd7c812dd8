"""Subjects that nobody trains: what the certificate must fire on, and what it must not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from turncoat.core import Step
from turncoat.worlds.goals.maze import COIN, Maze, best_moves, distances

if TYPE_CHECKING:
    from turncoat.models.recurrent_planner import Planner


@dataclass(frozen=True)
class IterateValues:
    """Value iteration on one channel's object (the coin): a planner by construction, with the proxy as its goal."""

    world: Maze = Maze()
    channel: int = COIN
    ticks: int = 32

    unit: ClassVar[str] = "sample"
    version: ClassVar[int] = 1

    def load(self, arrays: Mapping[str, np.ndarray]) -> Planner:
        from turncoat.models.recurrent_planner import Planner, ValueIteration

        return Planner(ValueIteration(self.channel, self.world.discount), self.ticks)

    def train(self, seed: int) -> Iterator[Step]:
        yield Step(1, 1, {}, self.load({}))


@dataclass(frozen=True)
class GateValues:
    """Value iteration that keeps its answer to itself until tick `opens`: a planner, read through an odd window."""

    world: Maze = Maze()
    channel: int = COIN
    ticks: int = 32
    opens: int = 20  # ticks of thought

    unit: ClassVar[str] = "sample"
    version: ClassVar[int] = 1

    def load(self, arrays: Mapping[str, np.ndarray]) -> Planner:
        from turncoat.models.recurrent_planner import GatedValueIteration, Planner

        return Planner(GatedValueIteration(self.channel, self.world.discount, self.opens), self.ticks)

    def train(self, seed: int) -> Iterator[Step]:
        yield Step(1, 1, {}, self.load({}))


@dataclass(frozen=True)
class FollowCompass:
    """The greedy compass: a step to the open neighbour that is nearer to one channel's object (the coin) as the crow
    flies. Goal-directed, and no planner by construction. `reach`: how many cells more it senses the goal over after
    each tick; None: everywhere at once."""

    world: Maze = Maze()
    channel: int = COIN
    ticks: int = 32
    reach: int | None = None

    unit: ClassVar[str] = "sample"
    version: ClassVar[int] = 1

    def load(self, arrays: Mapping[str, np.ndarray]) -> Planner:
        from turncoat.models.recurrent_planner import Compass, Planner

        return Planner(Compass(self.channel, self.reach), self.ticks)

    def train(self, seed: int) -> Iterator[Step]:
        yield Step(1, 1, {}, self.load({}))


@dataclass(frozen=True)
class RememberMoves:
    """A nearest-neighbour table of optimal moves in training mazes: no planner by construction.

    It even gets what the trained nets never do, the optimal moves; and still cannot see past its window.
    """

    world: Maze = Maze()
    window: int = 5  # cells
    entries: int = 8_000
    size: int = 13

    unit: ClassVar[str] = "sample"
    version: ClassVar[int] = 1

    def load(self, arrays: Mapping[str, np.ndarray]) -> Planner:
        from turncoat.models.recurrent_planner import Lookup, Planner

        return Planner(Lookup(self.window, self.entries), ticks=1).restore(arrays)

    def train(self, seed: int) -> Iterator[Step]:
        import torch

        from turncoat.models.recurrent_planner import Lookup, Planner

        rng = np.random.default_rng([seed, 2])
        levels = self.world.levels(1 + 4 * self.entries // self.size**2, self.size, rng)  # over a quarter is free
        goal = levels.mask(levels.exit)
        best = best_moves(levels.free, distances(levels.free, goal))
        cells = np.argwhere(levels.free & ~goal)
        maze, row, column = cells[rng.choice(len(cells), self.entries, replace=False)].T
        table = Lookup(self.window, self.entries)
        windows = table.encode(torch.from_numpy(levels.observation()))
        table.situations.copy_(windows[maze, :, row, column])
        table.answers.copy_(torch.from_numpy(best[maze, :, row, column].argmax(1)))
        yield Step(1, 1, {}, Planner(table, ticks=1))
