"""Grid worlds as Gymnasium environments, one episode or many at a time, with states that can be saved and restored.

    env = GridEnv(KeysChests(), levels="deployment")     one episode
    envs = GridVectorEnv(64, CoinRun(), mixed=0.1)       64, stepped together; one that ends starts afresh at once

For every world that runs on `turncoat.worlds.engine`: CheeseCorner, CheeseDish, CoinRun, KeysChests, MonsterWorld,
FollowLeader, TreeWorld. Observations are what its subjects are shown, a dict of arrays. An episode is in one of `pool`
levels of the chosen kind, which a seed given to `reset` draws anew.

The reward is what training pays. What the world really measures, hidden performance among it, is in `info` when an
episode ends and not before (some of it takes an exact oracle). GridVectorEnv restarts as Gymnasium's SAME_STEP says:
what was seen last and those measures are in `info["final_obs"]` and `info["final_info"]`.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from turncoat.worlds.engine import Engine
from turncoat.worlds.one_of_many import OneOfMany, only

Observation = dict[str, Any]


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


class GridVectorEnv(VectorEnv[Observation, np.ndarray, np.ndarray]):
    """`num_envs` episodes; `mixed` is the share of them that are put in deployment levels instead."""

    metadata = {"autoreset_mode": AutoresetMode.SAME_STEP, "render_modes": ["ansi"]}

    def __init__(
        self, num_envs: int, world: Any, levels: str = "training", mixed: float = 0.0, pool: int = 256
    ) -> None:
        self.num_envs, self.world, self.levels, self.mixed, self.pool = num_envs, world, levels, mixed, pool
        self.render_mode = "ansi"
        self.single_observation_space = observation_space(world, levels)
        self.single_action_space = spaces.Discrete(len(world.moves))
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.engine: Engine | None = None

    @property
    def running(self) -> Engine:
        if self.engine is None:
            raise gym.error.ResetNeeded("reset the environment before anything else")
        return self.engine

    def start(self, seed: int) -> Engine:
        self.seed, self.engine = seed, Engine(self.world, self.num_envs, seed, self.levels, self.mixed, self.pool)
        return self.engine

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        super().reset(seed=seed)
        if seed is None and self.engine is not None:
            self.engine.reset()
        else:
            self.start(int(self.np_random.integers(1 << 31)) if seed is None else seed)
        return self.show(), {}

    def show(self) -> Observation:
        return {name: value.copy() for name, value in self.running.show().items()}

    def step(self, actions: np.ndarray) -> tuple[Observation, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        reward, terminated, truncated = self.move(actions)
        info: dict[str, Any] = {}
        if len(rows := np.flatnonzero(terminated | truncated)):
            last = self.show()
            for row, measures in zip(rows.tolist(), self.measure(rows), strict=True):
                final = {"final_obs": {name: value[row] for name, value in last.items()}, "final_info": measures}
                info = self._add_info(info, final, row)
            self.running.restart(torch.from_numpy(rows))
        return self.show(), reward, terminated, truncated, info

    def move(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(reward float64, terminated, truncated), [n] each: a step without a restart."""
        reward, terminated, truncated = self.running.move(torch.as_tensor(actions))
        return reward.double().numpy(), terminated.numpy(), truncated.numpy()

    def measure(self, rows: np.ndarray) -> list[dict[str, float]]:
        """What the world measures of the given episodes as they stand."""
        found = self.running.measure(torch.from_numpy(rows))
        return [{name: float(values[i]) for name, values in found.items()} for i in range(len(rows))]

    def get_state(self) -> dict[str, Any]:
        """Everything that decides what happens next; give it to `set_state` of an environment made the same way."""
        return self.running.get_state() | {"seed": self.seed}

    def set_state(self, state: dict[str, Any]) -> None:
        """Play on from there; levels are drawn anew where they are of another seed."""
        engine = self.engine if self.engine is not None and self.seed == state["seed"] else self.start(state["seed"])
        engine.set_state(state)

    def render(self) -> tuple[str, ...]:
        return tuple(self.running.text(row) for row in range(self.num_envs))


class GridEnv(OneOfMany[Observation]):
    """One episode. It stands still at its end until it is reset."""

    def __init__(self, world: Any, levels: str = "training", render_mode: str | None = None, pool: int = 256) -> None:
        super().__init__(GridVectorEnv(1, world, levels, pool=pool), render_mode)

    def step(self, action: int) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        reward, terminated, truncated = self.many.move(np.array([action]))
        over = bool(terminated[0] | truncated[0])
        info = self.many.measure(np.zeros(1, np.int64))[0] if over else {}
        return only(self.many.show()), float(reward[0]), bool(terminated[0]), bool(truncated[0]), dict(info)
