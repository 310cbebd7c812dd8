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

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from torch import Generator, Tensor

from turncoat.core import Factor, Measure
from turncoat.worlds.grid.engine import Arrays, Engine, Tensors
from turncoat.worlds.gym import tiles
from turncoat.worlds.gym.base import Face, SingleEnv, VectorizedEnv, configured
from turncoat.worlds.text.expressions import TURN, DialogueState, ExpressionLevels, Expressions


@dataclass(frozen=True, eq=False)
class DialogueEpisodes:
    """Dialogues on `turncoat.worlds.grid.engine`, a token a step: a `VectorWorld`. A level is an expression."""

    world: Expressions

    action_names: ClassVar[tuple[str, ...]] = ()  # an action is a token of the world's vocabulary
    splits: ClassVar[tuple[str, ...]] = tuple(Expressions.captions)
    captions: ClassVar[Mapping[str, str]] = Expressions.captions
    factors: ClassVar[tuple[Factor, ...]] = Expressions.factors
    measures: ClassVar[tuple[Measure, ...]] = Expressions.measures

    @property
    def horizon(self) -> int:
        return self.world.context  # dialogues end by themselves, before

    def draw_levels(self, n: int, split: str, rng: np.random.Generator) -> Arrays:
        return dict(vars(self.world.draw_condition(n, rng, {"levels": split})))

    def precompute(self, levels: Tensors) -> Tensors:
        return {}

    def static_observation(self, levels: Tensors) -> Tensors:
        return {}

    def initial_state(self, levels: Tensors, which: Tensor, generator: Generator) -> Tensors:
        begun = DialogueState(self.world, read_levels(levels, which))
        return {name: torch.from_numpy(array) for name, array in begun.arrays().items()}

    def dialogues(self, state: Tensors, levels: Tensors) -> DialogueState:
        """The dialogues that the state is of; what changes in them changes in the state."""
        arrays = {name: state[name].numpy() for name in DialogueState.ARRAYS}
        return DialogueState(self.world, read_levels(levels, state["level"]), arrays)

    def step(self, state: Tensors, levels: Tensors, actions: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        dialogues, reward = self.dialogues(state, levels), np.zeros(len(actions))
        running = ~dialogues.done
        dialogues.step(actions.numpy())
        if len(over := np.flatnonzero(running & dialogues.done)):  # grading reads transcripts, so not at every token
            reward[over] = dialogues[over].measure()["reward"]
        return torch.from_numpy(reward), state["done"].clone()

    def observe(self, state: Tensors, levels: Tensors) -> Tensors:
        """tokens [n, context], what has been said, padded."""
        return {"tokens": state["tokens"].clone()}

    def measure(self, state: Tensors, levels: Tensors) -> Mapping[str, np.ndarray]:
        measures = self.dialogues(state, levels).measure()
        del measures["reward"]
        return measures

    def render_text(self, state: Tensors, levels: Tensors, row: int) -> str:
        return self.dialogues(state, levels).transcript(row)


def read_levels(levels: Tensors, which: Tensor) -> ExpressionLevels:
    """The levels `which` [m] of an engine."""
    return ExpressionLevels(*(levels[name][which].numpy() for name in ("signs", "terms", "values")))


def engine(episodes: DialogueEpisodes, levels: str, n: int, seed: int) -> Engine:
    """Every episode is about a fresh expression."""
    return Engine(episodes, n, seed, levels, pool=None)


def face(world: Expressions, levels: str) -> Face:
    """Raises TurncoatError on unknown levels."""
    world.draw_condition(1, np.random.default_rng(0), {"levels": levels})
    words, longest = len(world.words), max(map(len, world.words)) + 1
    page = partial(tiles.page, lines=2 * world.most_questions + 2, columns=len("model: ") + TURN * longest)
    return Face(
        partial(engine, DialogueEpisodes(world), levels), spaces.Box(0, words - 1, (world.context,), np.int64), words,
        page, only="tokens",
    )  # fmt: skip


class ExpressionsVectorEnv(VectorizedEnv):
    """`num_envs` dialogues."""

    def __init__(
        self, num_envs: int, world: Expressions | None = None, levels: str = "training",
        render_mode: str | None = None, autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        shared_stream: bool = False, **parameters: object,
    ) -> None:  # fmt: skip
        self.world = configured(world or Expressions(), {}, parameters)
        super().__init__(face(self.world, levels), num_envs, render_mode, autoreset_mode, shared_stream)


class ExpressionsEnv(SingleEnv):
    """One dialogue."""

    def __init__(
        self, world: Expressions | None = None, levels: str = "training", render_mode: str | None = None,
        **parameters: object,
    ) -> None:  # fmt: skip
        self.world = configured(world or Expressions(), {}, parameters)
        super().__init__(face(self.world, levels), render_mode)
