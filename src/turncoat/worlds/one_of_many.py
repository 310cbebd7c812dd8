"""One episode as a Gymnasium environment: a vector environment with one member."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import gymnasium as gym
import numpy as np

Observation = TypeVar("Observation")


def only(observation: Any) -> Any:
    """What the first of many is shown."""
    return {name: value[0] for name, value in observation.items()} if isinstance(observation, dict) else observation[0]


class OneOfMany(gym.Env[Observation, int], Generic[Observation]):
    """`many` is a vector environment with one member, states that can be saved, and text for rendering. Its step after
    an episode's end must not matter, or `step` be written anew."""

    metadata = {"render_modes": ["ansi"]}

    def __init__(self, many: Any, render_mode: str | None) -> None:
        self.many = many
        self.observation_space = many.single_observation_space
        self.action_space = many.single_action_space
        self.render_mode = render_mode

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        super().reset(seed=seed)
        observation, info = self.many.reset(seed=seed)
        return only(observation), info

    def step(self, action: int) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        observation, reward, terminated, truncated, info = self.many.step(np.array([action]))
        return only(observation), float(reward[0]), bool(terminated[0]), bool(truncated[0]), only(info)

    def get_state(self) -> dict[str, Any]:
        """Everything that decides what happens next; give it to `set_state` of an environment made the same way."""
        state: dict[str, Any] = self.many.get_state()
        return state

    def set_state(self, state: dict[str, Any]) -> None:
        self.many.set_state(state)

    def render(self) -> str:
        text: str = self.many.render()[0]
        return text
