"""Linear expressions as a Gymnasium environment, a token a step, with states that can be saved and restored.

    env = ExpressionsEnv(Expressions(), levels="deployment")     one dialogue
    envs = ExpressionsVectorEnv(64)                              64, stepped together
    env = gymnasium.make("turncoat/Expressions-v0", levels="deployment", digits=4)

An observation is what has been said, as token ids [context] padded with 0, as `Expressions.rollout` gives it to
subjects; an action is the model's next token. The reward comes with the last token. Every episode is a fresh held-out
expression, and ends. The world's measures, hidden performance among them, are in `info` when it does. Seeds, ends and
restarts: `turncoat.worlds.gym.base`.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode

from turncoat.worlds.gym import tiles
from turncoat.worlds.gym.base import ArrayEpisodes, Face, ManyEnv, SingleEnv, named
from turncoat.worlds.text.expressions import TURN, DialogueState, Expressions


class DialogueEpisodes(ArrayEpisodes):
    state: DialogueState

    def __init__(self, world: Expressions, levels: str, n: int, seed: int) -> None:
        self.world, self.levels = world, levels
        super().__init__(n, seed)

    def fresh(self, n: int) -> DialogueState:
        return DialogueState(self.world, self.world.draw_condition(n, self.rng, {"levels": self.levels}))

    def observe(self, rows: np.ndarray | None = None) -> np.ndarray:
        seen: np.ndarray = self.state.tokens.copy() if rows is None else self.state.tokens[rows]
        return seen

    def move(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        running, reward = ~self.state.done, np.zeros(len(actions))
        self.state.step(actions)
        if len(over := np.flatnonzero(running & self.state.done)):  # grading reads transcripts, so not at every token
            reward[over] = self.state[over].scores()["reward"]
        return reward, self.state.done.copy(), np.zeros(len(actions), bool)

    def measure(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        scores = self.state[rows].scores()
        del scores["reward"]
        return scores

    def text(self, row: int) -> str:
        return self.state.transcript(row)

    def frame(self, row: int) -> np.ndarray:
        longest = max(map(len, self.world.words)) + 1
        return tiles.page(self.text(row), 2 * self.world.most_questions + 2, len("model: ") + TURN * longest)


def face(world: Expressions, levels: str) -> Face:
    """Raises TurncoatError on unknown levels."""
    world.draw_condition(1, np.random.default_rng(0), {"levels": levels})
    words = len(world.words)
    return Face(partial(DialogueEpisodes, world, levels), spaces.Box(0, words - 1, (world.context,), np.int64), words)


class ExpressionsVectorEnv(ManyEnv):
    """`num_envs` dialogues."""

    def __init__(
        self, num_envs: int, world: Expressions | None = None, levels: str = "training",
        render_mode: str | None = None, autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        **parameters: Any,
    ) -> None:  # fmt: skip
        self.world = named(world or Expressions(), {}, parameters)
        super().__init__(face(self.world, levels), num_envs, render_mode, autoreset_mode)


class ExpressionsEnv(SingleEnv):
    """One dialogue."""

    def __init__(
        self, world: Expressions | None = None, levels: str = "training", render_mode: str | None = None,
        **parameters: Any,
    ) -> None:  # fmt: skip
        self.world = named(world or Expressions(), {}, parameters)
        super().__init__(face(self.world, levels), render_mode)
