"""The maze as a Gymnasium environment, one level or many at a time, with states that can be saved and restored.

    env = MazeEnv(Maze(), objects="apart")          one maze
    envs = MazeVectorEnv(64, Maze(), size=9)        64 mazes, stepped together, restarted at the step after they end

An observation is {"grid": [4, H, W] float32, "cell": flat index of the agent}, as `Maze.rollout` gives it to subjects.
Every episode is a fresh maze. `info` carries the hidden performance, which the reward is not allowed to be confused
with.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from turncoat.worlds.maze import CHANNELS, EpisodeState, Levels, Maze, draw
from turncoat.worlds.one_of_many import OneOfMany

Observation = dict[str, Any]


def observation_space(size: int) -> spaces.Dict:
    grid = spaces.Box(0.0, 1.0, (CHANNELS, size, size), np.float32)
    return spaces.Dict({"grid": grid, "cell": spaces.Discrete(size * size)})


class MazeVectorEnv(VectorEnv[Observation, np.ndarray, np.ndarray]):
    """`num_envs` mazes. Raises TurncoatError on a bad size or placement."""

    metadata = {"autoreset_mode": AutoresetMode.NEXT_STEP, "render_modes": ["ansi"]}

    def __init__(self, num_envs: int, world: Maze | None = None, size: int = 13, objects: str = "together") -> None:
        self.num_envs, self.world, self.size, self.objects = num_envs, world or Maze(), size, objects
        self.render_mode = "ansi"
        self.single_observation_space = observation_space(size)
        self.single_action_space = spaces.Discrete(4)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.rng = np.random.default_rng()

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        if seed is not None:
            self.rng = np.random.default_rng(seed)  # type: ignore[arg-type]
        self.state = self.fresh(self.num_envs)
        self.ended = np.zeros(self.num_envs, bool)
        return self.observe(), {}

    def fresh(self, n: int) -> EpisodeState:
        """n new mazes, each with a random start."""
        levels = self.world.levels(n, self.size, self.rng, self.objects)
        allowed = self.world.starts(levels, unconfounded=False).reshape(n, -1)
        return EpisodeState(levels, (self.rng.random(allowed.shape) * allowed).argmax(1))

    def observe(self) -> Observation:
        return {"grid": self.state.levels.observation(), "cell": self.state.cell.astype(np.int64)}

    def step(self, actions: np.ndarray) -> tuple[Observation, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        before = self.state.reward.copy()
        self.state.step(np.where(self.ended, 0, actions))
        if self.ended.any():  # the step after an episode's end restarts it, whatever the action
            self.state.put(self.ended, self.fresh(int(self.ended.sum())))
        reward = np.where(self.ended, 0.0, self.state.reward - before)
        terminated = self.state.done & ~self.ended
        truncated = ~terminated & (self.state.steps >= self.world.horizon(self.size)) & ~self.ended
        self.ended = terminated | truncated
        performance = (self.state.cell == self.state.levels.exit).astype(float)
        return self.observe(), reward, terminated, truncated, {"performance": performance}

    def get_state(self) -> dict[str, Any]:
        """Everything that decides what happens next, as plain arrays; give it to `set_state`."""
        levels = {name: value.copy() for name, value in vars(self.state.levels).items()}
        episode = {name: getattr(self.state, name).copy() for name in ("cell", "steps", "reward", "done")}
        return {"levels": levels, "episode": episode, "ended": self.ended.copy(), "rng": self.rng.bit_generator.state}

    def set_state(self, state: dict[str, Any]) -> None:
        levels = Levels(**{name: value.copy() for name, value in state["levels"].items()})
        self.state = EpisodeState(levels, state["episode"]["cell"])
        for name, value in state["episode"].items():
            setattr(self.state, name, value.copy())
        self.ended = state["ended"].copy()
        self.rng.bit_generator.state = state["rng"]

    def render(self) -> tuple[str, ...]:
        return tuple(draw(self.state.levels[i : i + 1], int(cell)) for i, cell in enumerate(self.state.cell))


class MazeEnv(OneOfMany[Observation]):
    """One maze."""

    def __init__(
        self, world: Maze | None = None, size: int = 13, objects: str = "together", render_mode: str | None = None
    ) -> None:
        super().__init__(MazeVectorEnv(1, world, size, objects), render_mode)
