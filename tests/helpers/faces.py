"""Every environment of ours, small, and ways to play it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from turncoat.worlds.goals.cheese import CheeseCorner, CheeseDish
from turncoat.worlds.goals.coin_run import CoinRun
from turncoat.worlds.goals.follow_leader import FollowLeader
from turncoat.worlds.goals.keys_chests import KeysChests
from turncoat.worlds.goals.monster_world import MonsterWorld
from turncoat.worlds.goals.tree_world import TreeWorld
from turncoat.worlds.gym.expressions import ExpressionsEnv, ExpressionsVectorEnv
from turncoat.worlds.gym.grid import GridEnv, GridVectorEnv
from turncoat.worlds.gym.maze import GatehouseEnv, GatehouseVectorEnv, MazeEnv, MazeVectorEnv
from turncoat.worlds.text.expressions import Expressions

GRIDS = (
    CheeseCorner(size=7),
    CheeseDish(size=7),
    CoinRun(width=14),
    KeysChests(size=7, few=2, many=4, horizon=30),
    MonsterWorld(size=8, apples=2, shields=2, monsters=2, short=10, long=30),
    FollowLeader(size=7, horizon=25),
    TreeWorld(size=6, most=4, horizon=30, life=40),
)


class Face:
    """A world's two environments and small arguments for both."""

    def __init__(self, single: Any, many: Any, **arguments: Any) -> None:
        self.single, self.many, self.arguments = single, many, arguments

    def one(self, **more: Any) -> Any:
        return self.single(**self.arguments | more)

    def rows(self, n: int, **more: Any) -> Any:
        return self.many(n, **self.arguments | more)


FACES = {
    type(world).__name__: Face(GridEnv, GridVectorEnv, world=world, levels="deployment", pool=4) for world in GRIDS
}
FACES |= {
    "Mixed": Face(GridEnv, GridVectorEnv, world=GRIDS[3], deployment_fraction=0.5, pool=4),
    "Maze": Face(MazeEnv, MazeVectorEnv, size=7, objects="apart"),
    "Gatehouse": Face(GatehouseEnv, GatehouseVectorEnv, size=7, gate="open"),
    "Expressions": Face(ExpressionsEnv, ExpressionsVectorEnv),
}
every_face = pytest.mark.parametrize("face", FACES.values(), ids=FACES)
some_faces = pytest.mark.parametrize("face", [FACES[name] for name in ("MonsterWorld", "Maze", "Expressions")])


def moves(rng: np.random.Generator, envs: Any, seen: Any) -> np.ndarray:
    """Random actions; in dialogues mostly such as make sense, so that they last."""
    spaces = getattr(envs, "single_action_space", envs.action_space)
    n = getattr(envs, "num_envs", 1)
    if isinstance(seen, dict) or spaces.n < 10 or rng.random() < 0.1:
        return rng.integers(0, spaces.n, n)
    legal = Expressions().legal(np.atleast_2d(seen))
    return (legal * rng.random(legal.shape)).argmax(1)


def played(envs: Any, seen: Any, steps: int, seed: int = 0) -> list[Any]:
    """What a vector environment returns in so many steps."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(steps):
        found.append(envs.step(moves(rng, envs, seen)))
        seen = found[-1][0]
    return found


def to_the_end(env: Any, seen: Any, seed: int = 0) -> tuple[Any, ...]:
    """What a single environment returns last."""
    rng = np.random.default_rng(seed)
    for _ in range(1000):
        seen, reward, terminated, truncated, info = env.step(int(moves(rng, env, seen)[0]))
        if terminated or truncated:
            return seen, reward, terminated, truncated, info
        assert info == {}
    raise AssertionError("the episode does not end")
