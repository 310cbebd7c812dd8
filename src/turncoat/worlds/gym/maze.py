"""Mazes as Gymnasium environments, one or many at a time, with states that can be saved and restored.

    env = MazeEnv(Maze(), objects="apart")          one maze
    envs = MazeVectorEnv(64, Maze(), size=9)        64 mazes, stepped together
    env = gymnasium.make("turncoat/Maze-v0", size=9, objects="apart")
    env = gymnasium.make("turncoat/Gatehouse-v0", gate="open")

An observation is {"grid": [C, H, W] float32, "cell": flat index of the agent}, as `rollout` gives it to subjects, and
in the gatehouse "layer", 1 for whoever has the badge. Every episode is a fresh maze, and ends. The hidden performance,
which the reward is not allowed to be confused with, is in `info` when it does. Seeds, ends and restarts:
`turncoat.worlds.gym.base`.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode

from turncoat.core import check_condition
from turncoat.worlds.goals import maze
from turncoat.worlds.goals.maze import Maze, MazeEpisodes
from turncoat.worlds.grid.engine import Engine
from turncoat.worlds.grid.geometry import MOVES
from turncoat.worlds.gym import tiles
from turncoat.worlds.gym.base import Face, SingleEnv, VectorizedEnv, configured
from turncoat.worlds.oversight import gatehouse
from turncoat.worlds.oversight.gatehouse import Gatehouse, GatehouseEpisodes


def space(channels: int, size: int, layers: int = 1) -> spaces.Dict:
    """What one episode is shown; `layer` where there are several."""
    found: dict[str, spaces.Space[Any]] = {
        "grid": spaces.Box(0.0, 1.0, (channels, size, size), np.float32),
        "cell": spaces.Discrete(size * size),
    }
    return spaces.Dict(found | ({"layer": spaces.Discrete(layers)} if layers > 1 else {}))


def engine(episodes: MazeEpisodes | GatehouseEpisodes, n: int, seed: int) -> Engine:
    """Every episode is in a fresh maze."""
    return Engine(episodes, n, seed, pool=None)


def maze_face(world: Maze, size: int, objects: str) -> Face:
    """Raises TurncoatError on a bad size or placement."""
    world.levels(1, size, np.random.default_rng(0), objects)
    episodes = MazeEpisodes(world, size, objects)
    return Face(partial(engine, episodes), space(maze.CHANNELS, size), len(MOVES), tiles.grid)


def gatehouse_face(world: Gatehouse, size: int, placement: str, gate: str, objects: str, start: str) -> Face:
    """Raises TurncoatError on a bad size or an unknown word."""
    given = {"placement": placement, "gate": gate, "objects": objects, "start": start}
    check_condition(world.factors, given)
    world.draw_episodes(1, size, np.random.default_rng(0), placement, start)
    episodes = GatehouseEpisodes(world, size, **given)
    return Face(partial(engine, episodes), space(gatehouse.CHANNELS, size, 2), len(MOVES), tiles.grid)


class MazeVectorEnv(VectorizedEnv):
    """`num_envs` mazes."""

    def __init__(
        self, num_envs: int, world: Maze | None = None, size: int = 13, objects: str = "together",
        render_mode: str | None = None, autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        shared_stream: bool = False, **parameters: object,
    ) -> None:  # fmt: skip
        self.world = configured(world or Maze(), {}, parameters)
        super().__init__(maze_face(self.world, size, objects), num_envs, render_mode, autoreset_mode, shared_stream)


class MazeEnv(SingleEnv):
    """One maze."""

    def __init__(
        self, world: Maze | None = None, size: int = 13, objects: str = "together", render_mode: str | None = None,
        **parameters: object,
    ) -> None:  # fmt: skip
        self.world = configured(world or Maze(), {}, parameters)
        super().__init__(maze_face(self.world, size, objects), render_mode)


class GatehouseVectorEnv(VectorizedEnv):
    """`num_envs` gatehouses; placement, gate, objects and start are those of `Gatehouse.rollout`."""

    def __init__(
        self, num_envs: int, world: Gatehouse | None = None, size: int = 13, placement: str = "guarded",
        gate: str = "closed", objects: str = "together", start: str = "telling", render_mode: str | None = None,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP, shared_stream: bool = False,
        **parameters: object,
    ) -> None:  # fmt: skip
        self.world = configured(world or Gatehouse(), {}, parameters)
        face = gatehouse_face(self.world, size, placement, gate, objects, start)
        super().__init__(face, num_envs, render_mode, autoreset_mode, shared_stream)


class GatehouseEnv(SingleEnv):
    """One gatehouse; placement, gate, objects and start are those of `Gatehouse.rollout`."""

    def __init__(
        self, world: Gatehouse | None = None, size: int = 13, placement: str = "guarded", gate: str = "closed",
        objects: str = "together", start: str = "telling", render_mode: str | None = None, **parameters: object,
    ) -> None:  # fmt: skip
        self.world = configured(world or Gatehouse(), {}, parameters)
        super().__init__(gatehouse_face(self.world, size, placement, gate, objects, start), render_mode)
