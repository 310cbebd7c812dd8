"""Small worlds that run on the engine, and subjects that play them by a rule."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from turncoat.worlds.goals.cheese import CheeseCorner, CheeseDish
from turncoat.worlds.goals.coin_run import CoinRun
from turncoat.worlds.goals.follow_leader import FollowLeader
from turncoat.worlds.goals.keys_chests import KeysChests
from turncoat.worlds.goals.maze import Maze, MazeLevels
from turncoat.worlds.goals.monster_world import MonsterWorld
from turncoat.worlds.goals.tree_world import TreeWorld
from turncoat.worlds.grid.geometry import MOVES
from turncoat.worlds.grid.paths import (
    UNREACHABLE,
    transition_distances,
)

TABULAR = (CheeseCorner(size=7), CheeseDish(size=7), CoinRun(width=14))

OBJECTS = (
    KeysChests(size=7, few=2, many=4, horizon=30),
    MonsterWorld(size=8, apples=2, shields=2, monsters=2, short=10, long=30),
    FollowLeader(size=7, horizon=25),
    TreeWorld(size=6, most=4, horizon=30),
)

WORLDS = (*TABULAR, *OBJECTS)

every_tabular = pytest.mark.parametrize("world", TABULAR, ids=lambda world: type(world).__name__)

every_world = pytest.mark.parametrize("world", WORLDS, ids=lambda world: type(world).__name__)


@dataclass
class Acts:
    """A subject that plays by a rule: what is shown -> moves [n]."""

    rule: Callable[[Any], Any]

    def begin(self, n: int, seed: int) -> Acts:
        return self

    def act(self, seen: Any) -> np.ndarray:
        return np.asarray(self.rule(seen))


def at_random(world: Any, seed: int = 0) -> Acts:
    rng = np.random.default_rng(seed)
    return Acts(lambda seen: rng.integers(0, len(world.action_names), len(seen["cell"])))


class Fixed:
    """A world with one level of one's own."""

    def __init__(self, world: Any, level: dict[str, np.ndarray]) -> None:
        self.world, self.level = world, level

    def __getattr__(self, name: str) -> Any:
        return getattr(self.world, name)

    def draw_levels(self, n: int, kind: str, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {name: np.repeat(value, n, 0) for name, value in self.level.items()}


def search(onward: np.ndarray, start: int, wanted: np.ndarray, shut: np.ndarray) -> int:
    """Fewest moves from a cell to a wanted one: breadth-first, one cell at a time. onward [A, S]."""
    queue, steps = deque([start]), {start: 0}
    while queue:
        cell = queue.popleft()
        if wanted[cell]:
            return steps[cell]
        for ahead in () if shut[cell] else onward[:, cell].tolist():
            if ahead not in steps:
                steps[ahead] = steps[cell] + 1
                queue.append(ahead)
    return int(UNREACHABLE)


def pursues(world: Any, what: str) -> Acts:
    """Walks a shortest way to `what` (goal or proxy), knowing the world's rules and what it is shown."""
    known: dict[str, np.ndarray] = {}

    def rule(seen: dict[str, np.ndarray]) -> np.ndarray:
        if not known:
            level = world.read({name: seen["grid"][:, i] > 0 for i, name in enumerate(world.channels)})
            known.update(level, steps=transition_distances(level["next_state"], level[what], level["deadly"]))
        ahead = known["next_state"][np.arange(len(seen["cell"])), :, seen["cell"]]
        return np.take_along_axis(known["steps"], ahead, 1).argmin(1)

    return Acts(rule)


TINY_CHEESE = """
#####
#  @#
# # #
#*# #
#####
"""


def spread(free: np.ndarray, source: int) -> dict[int, int]:
    """Fewest steps to every cell that can be reached: plain breadth-first search in one level [H, W]."""
    steps, queue = {source: 0}, deque([source])
    while queue:
        cell = queue.popleft()
        for dr, dc in MOVES:
            ahead = cell + dr * free.shape[1] + dc
            if free.ravel()[ahead] and ahead not in steps:
                steps[ahead] = steps[cell] + 1
                queue.append(ahead)
    return steps


CORRIDOR = """
#######
#@  #E#
# # # #
# #   #
#C#####
#######
"""


def one_maze(seed: int, size: int = 7, objects: str = "apart") -> MazeLevels:
    """One maze."""
    return Maze(loops=0.3).levels(1, size, np.random.default_rng(seed), objects)
