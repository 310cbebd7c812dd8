"""Grid worlds as Gymnasium environments, one episode or many at a time, with states that can be saved and restored.

    env = GridEnv(KeysChests(), levels="deployment")                   one episode
    envs = GridVectorEnv(64, CoinRun(), deployment_fraction=0.1)       64, stepped together
    env = gymnasium.make("turncoat/CoinRun-v0", levels="deployment", spread=4)  # import turncoat.worlds.gym.ids

For CheeseCorner, CheeseDish, CoinRun, KeysChests, MonsterWorld, FollowLeader and TreeWorld. Observations are what their
subjects are shown, a dict of arrays. An episode is in one of `pool` levels of the chosen kind, which a seed given to
`reset` draws anew; `deployment_fraction` is the share of episodes that are put in deployment levels instead. A row with
a stream of its own has a pool of its own: make it small for many rows.

The reward is what training pays. What the world really measures, hidden performance among it, is in `info` when an
episode ends and not before (some of it takes an exact oracle). Seeds, ends and restarts: `turncoat.worlds.gym.base`.

Training in TreeWorld never ends, and so does its training episode here: `TreeWorld(life=400)` ends after 400 steps, and
`gymnasium.make("turncoat/TreeWorld-v0")` is that. All other levels end.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode

from turncoat.worlds.goals.cheese import CheeseCorner, CheeseDish
from turncoat.worlds.goals.coin_run import CoinRun
from turncoat.worlds.goals.follow_leader import FollowLeader
from turncoat.worlds.goals.keys_chests import KeysChests
from turncoat.worlds.goals.monster_world import MonsterWorld
from turncoat.worlds.goals.tree_world import TreeWorld
from turncoat.worlds.grid.engine import Engine, VectorWorld
from turncoat.worlds.gym import tiles
from turncoat.worlds.gym.base import Face, SingleEnv, VectorizedEnv, configured

WORLDS: dict[str, type[VectorWorld]] = {
    world.kind: world
    for world in (CheeseCorner, CheeseDish, CoinRun, KeysChests, MonsterWorld, FollowLeader, TreeWorld)
}


def observation_space(world: VectorWorld, levels: str) -> spaces.Dict:
    """What one episode is shown. Raises TurncoatError on levels that the world does not have.

    Masks [H, W] or [C, H, W] are uint8 of 0 and 1; `cell` is a flat index; `objects` [K] are such indices, -1 where one
    is gone; float32 are `marks` [K, M] of objects, from 0 to 1, and numbers `about` the agent [G], from -1 to 1.
    """
    observation = Engine(world, 1, 0, levels, one_level_per_row=True).full_observation()
    height, width = next(value.shape[-2:] for value in observation.values() if value.dtype == np.uint8)

    def space(name: str, value: np.ndarray) -> spaces.Space[Any]:
        if value.dtype == np.uint8:
            return spaces.Box(0, 1, value.shape[1:], np.uint8)
        if value.dtype == np.float32:
            return spaces.Box(-1.0 if name == "about" else 0.0, 1.0, value.shape[1:], np.float32)
        if value.ndim == 1:
            return spaces.Discrete(height * width)
        return spaces.Box(-1, height * width - 1, value.shape[1:], np.int64)

    return spaces.Dict({name: space(name, value) for name, value in observation.items()})


def engine(world: VectorWorld, levels: str, deployment_fraction: float, pool: int, n: int, seed: int) -> Engine:
    return Engine(world, n, seed, levels, deployment_fraction, pool)


def face(world: VectorWorld, levels: str, deployment_fraction: float, pool: int) -> Face:
    """Raises TurncoatError on unknown levels and ValueError."""
    if pool < 1 or not 0 <= deployment_fraction <= 1:
        raise ValueError(
            f"pool must be at least 1 and deployment_fraction from 0 to 1, got {pool} and {deployment_fraction}"
        )
    made = partial(engine, world, levels, deployment_fraction, pool)
    return Face(made, observation_space(world, levels), len(world.action_names), tiles.grid)


class GridVectorEnv(VectorizedEnv):
    """`num_envs` episodes of a world, given itself or by its name and parameters."""

    def __init__(
        self, num_envs: int, world: VectorWorld | str, levels: str = "training", deployment_fraction: float = 0.0,
        pool: int = 256, render_mode: str | None = None,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP, shared_stream: bool = False,
        **parameters: object,
    ) -> None:  # fmt: skip
        self.world = configured(world, WORLDS, parameters)
        chosen = face(self.world, levels, deployment_fraction, pool)
        super().__init__(chosen, num_envs, render_mode, autoreset_mode, shared_stream)


class GridEnv(SingleEnv):
    """One episode of a world, given itself or by its name and parameters."""

    def __init__(
        self, world: VectorWorld | str, levels: str = "training", render_mode: str | None = None, pool: int = 256,
        deployment_fraction: float = 0.0, **parameters: object,
    ) -> None:  # fmt: skip
        self.world = configured(world, WORLDS, parameters)
        super().__init__(face(self.world, levels, deployment_fraction, pool), render_mode)
