"""Linear expressions as a Gymnasium environment, a token a step, with states that can be saved and restored.

    env = ExpressionsEnv(Expressions(), levels="deployment")     one dialogue
    envs = ExpressionsVectorEnv(64)                              64, stepped together, restarted after they end

An observation is what has been said, as token ids [context] padded with 0, as `Expressions.rollout` gives it to
subjects; an action is the model's next token. The reward comes with the last token. Every episode is a fresh held-out
expression. `info` carries the hidden performance, which the reward is not allowed to be confused with.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from turncoat.worlds.expressions import DialogueState, Expressions, Levels
from turncoat.worlds.one_of_many import OneOfMany


class ExpressionsVectorEnv(VectorEnv[np.ndarray, np.ndarray, np.ndarray]):
    """`num_envs` dialogues. Raises TurncoatError on unknown levels."""

    metadata = {"autoreset_mode": AutoresetMode.NEXT_STEP, "render_modes": ["ansi"]}

    def __init__(self, num_envs: int, world: Expressions | None = None, levels: str = "training") -> None:
        self.num_envs, self.world, self.levels = num_envs, world or Expressions(), levels
        self.render_mode = "ansi"
        words = len(self.world.words)
        self.single_observation_space = spaces.Box(0, words - 1, (self.world.context,), np.int64)
        self.single_action_space = spaces.Discrete(words)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.rng = np.random.default_rng()

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        if seed is not None:
            self.rng = np.random.default_rng(seed)  # type: ignore[arg-type]
        self.state = self.fresh(self.num_envs)
        self.ended = np.zeros(self.num_envs, bool)
        return self.state.tokens.copy(), {}

    def fresh(self, n: int) -> DialogueState:
        return DialogueState(self.world, self.world.draw_condition(n, self.rng, {"levels": self.levels}))

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        running = ~self.ended
        self.state.step(actions)
        if self.ended.any():  # the step after an episode's end restarts it, whatever the action
            self.state.put(self.ended, self.fresh(int(self.ended.sum())))
        self.ended = self.state.done & running
        over = self.ended
        reward, performance = np.zeros(self.num_envs), np.zeros(self.num_envs)
        if over.any():  # grading reads every transcript, so not at every token
            scores = self.state.scores()
            reward[over], performance[over] = scores["reward"][over], scores["performance"][over]
        return self.state.tokens.copy(), reward, over.copy(), np.zeros_like(over), {"performance": performance}

    def get_state(self) -> dict[str, Any]:
        """Everything that decides what happens next, as plain arrays; give it to `set_state`."""
        levels = {name: value.copy() for name, value in vars(self.state.levels).items()}
        episode = {name: getattr(self.state, name).copy() for name in DialogueState.ARRAYS}
        return {"levels": levels, "episode": episode, "ended": self.ended.copy(), "rng": self.rng.bit_generator.state}

    def set_state(self, state: dict[str, Any]) -> None:
        self.state = DialogueState(
            self.world, Levels(**{name: value.copy() for name, value in state["levels"].items()})
        )
        for name, value in state["episode"].items():
            setattr(self.state, name, value.copy())
        self.ended = state["ended"].copy()
        self.rng.bit_generator.state = state["rng"]

    def render(self) -> tuple[str, ...]:
        return tuple(self.state.transcript(i) for i in range(self.num_envs))


class ExpressionsEnv(OneOfMany[np.ndarray]):
    """One dialogue."""

    def __init__(
        self, world: Expressions | None = None, levels: str = "training", render_mode: str | None = None
    ) -> None:
        super().__init__(ExpressionsVectorEnv(1, world, levels), render_mode)
