"""Grid worlds as Gymnasium environments, one episode or many at a time, with states that can be saved and restored.

    env = GridEnv(KeysChests(), levels="deployment")     one episode
    envs = GridVectorEnv(64, CoinRun(), mixed=0.1)       64, stepped together
    env = gymnasium.make("turncoat/CoinRun-v0", levels="deployment", spread=4)  # import turncoat.worlds.gym.ids

For every world that runs on `turncoat.worlds.grid.engine`: CheeseCorner, CheeseDish, CoinRun, KeysChests, MonsterWorld,
FollowLeader, TreeWorld. Observations are what its subjects are shown, a dict of arrays. An episode is in one of `pool`
levels of the chosen kind, which a seed given to `reset` draws anew; `mixed` is the share of episodes that are put in
deployment levels instead. Where each row is given a seed, each has a pool of its own: make it small for many rows.

The reward is what training pays. What the world really measures, hidden performance among it, is in `info` when an
episode ends and not before (some of it takes an exact oracle). Seeds, ends and restarts: `turncoat.worlds.gym.base`.

Training in TreeWorld never ends, and so does its training episode here: `TreeWorld(life=400)` ends after 400 steps, and
`gymnasium.make("turncoat/TreeWorld-v0")` is that. All other levels end.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode

from turncoat.worlds.goals.cheese import CheeseCorner, CheeseDish
from turncoat.worlds.goals.coin_run import CoinRun
from turncoat.worlds.goals.follow_leader import FollowLeader
from turncoat.worlds.goals.keys_chests import KeysChests
from turncoat.worlds.goals.monster_world import MonsterWorld
from turncoat.worlds.goals.tree_world import TreeWorld
from turncoat.worlds.grid.engine import Engine
from turncoat.worlds.gym import tiles
from turncoat.worlds.gym.base import Episodes, Face, ManyEnv, SingleEnv, named

WORLDS: dict[str, type[Any]] = {
    world.__name__: world
    for world in (CheeseCorner, CheeseDish, CoinRun, KeysChests, MonsterWorld, FollowLeader, TreeWorld)
}


def observation_space(world: Any, kind: str) -> spaces.Dict:
    """What one episode is shown. Raises TurncoatError on levels that the world does not have.

    Masks [H, W] or [C, H, W] are uint8 of 0 and 1; `cell` is a flat index; `objects` [K] are such indices, -1 where one
    is gone; float32 are `marks` [K, M] of objects, from 0 to 1, and numbers `about` the agent [G], from -1 to 1.
    """
    seen = Engine(world, 1, 0, kind, each=True).show()
    height, width = next(value.shape[-2:] for value in seen.values() if value.dtype == np.uint8)

    def space(name: str, value: np.ndarray) -> spaces.Space[Any]:
        if value.dtype == np.uint8:
            return spaces.Box(0, 1, value.shape[1:], np.uint8)
        if value.dtype == np.float32:
            return spaces.Box(-1.0 if name == "about" else 0.0, 1.0, value.shape[1:], np.float32)
        if value.ndim == 1:
            return spaces.Discrete(height * width)
        return spaces.Box(-1, height * width - 1, value.shape[1:], np.int64)

    return spaces.Dict({name: space(name, value) for name, value in seen.items()})


class GridEpisodes(Episodes):
    """n episodes on one engine."""

    def __init__(self, world: Any, levels: str, mixed: float, pool: int, n: int, seed: int) -> None:
        self.seed, self.engine = seed, Engine(world, n, seed, levels, mixed, pool)

    def begin(self, rows: np.ndarray) -> None:
        self.engine.restart(torch.from_numpy(rows))

    def observe(self, rows: np.ndarray | None = None) -> dict[str, np.ndarray]:
        engine = self.engine
        seen = engine.observe()
        if rows is not None:
            chosen = torch.from_numpy(rows)
            return engine.whole({name: value.index_select(0, chosen) for name, value in seen.items()})
        shown = engine.whole(seen)  # the scenery has been looked up anew; the rest may still be the state's
        return {name: value if name in engine.scenery else value.copy() for name, value in shown.items()}

    def move(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        reward, terminated, truncated = self.engine.move(torch.from_numpy(actions))
        return reward.double().numpy(), terminated.numpy(), truncated.numpy()

    def measure(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        return dict(self.engine.measure(torch.from_numpy(rows)))

    def text(self, row: int) -> str:
        return self.engine.text(row)

    def frame(self, row: int) -> np.ndarray:
        return tiles.grid(self.text(row).rpartition("\n")[0])  # without the line of words below it

    def get_state(self) -> dict[str, Any]:
        return self.engine.get_state()

    def set_state(self, state: Mapping[str, Any]) -> None:
        self.engine.set_state(state)


def face(world: Any, levels: str, mixed: float, pool: int) -> Face:
    """Raises TurncoatError on unknown levels and ValueError."""
    if pool < 1 or not 0 <= mixed <= 1:
        raise ValueError(f"pool must be at least 1 and mixed from 0 to 1, got {pool} and {mixed}")
    return Face(partial(GridEpisodes, world, levels, mixed, pool), observation_space(world, levels), len(world.moves))


class GridVectorEnv(ManyEnv):
    """`num_envs` episodes of a world, given itself or by its name and parameters."""

    def __init__(
        self, num_envs: int, world: Any, levels: str = "training", mixed: float = 0.0, pool: int = 256,
        render_mode: str | None = None, autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        **parameters: Any,
    ) -> None:  # fmt: skip
        self.world = named(world, WORLDS, parameters)
        super().__init__(face(self.world, levels, mixed, pool), num_envs, render_mode, autoreset_mode)


class GridEnv(SingleEnv):
    """One episode of a world, given itself or by its name and parameters."""

    def __init__(
        self, world: Any, levels: str = "training", render_mode: str | None = None, pool: int = 256,
        mixed: float = 0.0, **parameters: Any,
    ) -> None:  # fmt: skip
        self.world = named(world, WORLDS, parameters)
        super().__init__(face(self.world, levels, mixed, pool), render_mode)
