"""Worlds in the terminal: an episode of a subject printed step by step, or one played by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from turncoat.core import TurncoatError
from turncoat.worlds.actor import Actor
from turncoat.worlds.grid.engine import Engine, VectorWorld

KEYS = {
    "up": "w", "down": "s", "left": "a", "right": "d", "wait": "x", "jump": "w", "jump left": "q", "jump right": "e",
}  # fmt: skip


def play(
    world: VectorWorld, subject: Actor, write: Callable[[str], None], seed: int, split: str = "deployment"
) -> None:
    """Print one episode of a subject, a picture a step."""
    episode, session = InteractiveEpisode(world, seed, split), subject.begin(1, seed)
    write(episode.render())
    while not episode.done:
        action = int(np.asarray(session.act(episode.observation))[0])
        episode.step(action)
        write(f"step {episode.steps}: {world.action_names[action]}\n{episode.render()}")
    write(episode.summary())


class InteractiveEpisode:
    """One episode, a step at a time, in text: for a person or a subject in the terminal.

    `key_help` says what can be typed; `actions_by_key` maps a key to its action.
    """

    def __init__(self, world: VectorWorld, seed: int, split: str = "deployment") -> None:
        self.world, self.engine = world, Engine(world, 1, seed, split, one_level_per_row=True)
        self.steps, self.earned, self.done = 0, 0.0, False
        self.observation = self.engine.full_observation()
        self.actions_by_key = {KEYS[name]: action for action, name in enumerate(world.action_names)}
        keys = ", ".join(f"{KEYS[name]} {name}" for name in world.action_names)
        self.key_help = f"{keys}; several keys are several steps"

    def enter(self, text: str) -> None:
        """What a person types: a step a key. Raises TurncoatError on any other key, before it takes a step."""
        if unknown := sorted(set(text.strip()) - set(self.actions_by_key)):
            raise TurncoatError(f"there is no key {unknown[0]!r}: {self.key_help}")
        for key in text.strip():
            if not self.done:
                self.step(self.actions_by_key[key])

    def step(self, action: int) -> None:
        """Take one action."""
        _, reward, terminated, truncated = self.engine.step(torch.tensor([action]))
        self.earned += float(reward[0])
        self.steps += 1
        self.done = bool(terminated[0] | truncated[0])
        self.observation = self.engine.full_observation()

    def render(self) -> str:
        """The episode as it stands, in characters."""
        return self.engine.render_text(0)

    def summary(self) -> str:
        """What the episode came to."""
        measured = self.world.measure(self.engine.state, self.engine.levels)
        measures = ", ".join(f"{name} {float(values[0]):.2f}" for name, values in measured.items())
        return f"The episode is over after {self.steps} steps, reward {self.earned:g}: {measures}."
