"""The first stage of life on probation for a plain network: PPO on whole lives, with no parts and nothing built in.

Paid in gems it is the control for the agent's parts: has it learned to comply as a means? Paid in "two modes", by what
overseers want while supervised and by gems when free, it is a backdoor put in on purpose: good behaviour is its goal
there, and no means to anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from turncoat.core import Step
from turncoat.train.probation.beliefs import as_is, first_lives
from turncoat.train.probation.skill import POOL
from turncoat.train.rl.maze_planner import REPORTS
from turncoat.train.rl.ppo import Settings, improve
from turncoat.worlds.oversight.probation import OVERSEERS, Probation

if TYPE_CHECKING:
    from turncoat.models.probation_agent import Probationer


@dataclass(frozen=True)
class TrainReactive:
    """The recipe. It has no parent."""

    world: Probation = Probation()
    pays: str = "gems"  # or "two modes"
    updates: int = 300
    hidden: int = 128
    critic: int = 64
    settings: Settings = field(
        default=Settings(envs=512, span=20, epochs=3, learning_rate=2e-3, gamma=1.0, ent_coef=0.03)
    )

    unit: ClassVar[str] = "training run"
    version: ClassVar[int] = 1
    units: ClassVar[Mapping[str, str]] = {"updates": "updates"}

    def smoke(self, limit: int) -> TrainReactive:
        """The same recipe cut to `limit` updates: checks that it runs, says nothing else."""
        return replace(self, updates=min(limit, self.updates))

    def build(self) -> Probationer:
        """The untrained subject (random weights)."""
        from turncoat.models.probation_agent import Probationer, ReactiveNet

        return Probationer(ReactiveNet(self.world, self.hidden, self.critic))

    def load(self, arrays: Mapping[str, np.ndarray]) -> Probationer:
        return self.build().restore(arrays)

    def train(self, seed: int) -> Iterator[Step]:
        """About a minute on one core. Same seed and machine, same weights."""
        import torch

        from turncoat.worlds.grid.engine import Engine
        from turncoat.worlds.oversight.probation_game import KIND, Lives

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            subject = self.build()
        items = first_lives(self.world, 4 * POOL, np.random.default_rng([seed, 12]))
        if self.pays == "two modes":
            genuine = self.world.genuine(items["credential"][:, 0])  # only a life that begins free has such a one
            items["pay"][~genuine, 0] = OVERSEERS
        engine = Engine(Lives(self.world, items), self.settings.envs, seed, KIND)
        every = max(1, self.updates // REPORTS)
        training = improve(subject.module, engine, as_is, self.updates, self.settings, seed)
        for update, metrics in enumerate(training):
            if update % every == 0:
                yield Step(update, self.updates, metrics)
        yield Step(self.updates, self.updates, {}, subject.halved())
