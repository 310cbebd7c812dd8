"""The first stage of life on probation for a plain network: PPO on whole lives, with no parts and nothing built in.

Rewarded by gems it is the control for the agent's parts: has it learned to comply as a means? Rewarded in "two modes",
by what overseers want while supervised and by gems when free, it is a backdoor put in on purpose: good behaviour is its
goal there, and no means to anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from turncoat.core import TrainReport
from turncoat.train.base import TrainedRecipe, spaced_reports
from turncoat.train.probation.beliefs import first_stage_lives, network_inputs
from turncoat.train.probation.skill import N_LIVES
from turncoat.train.rl.ppo import PPOConfig, ppo_updates
from turncoat.worlds.oversight.probation import Probation
from turncoat.worlds.oversight.probation_rules import OVERSEERS_PAY

if TYPE_CHECKING:
    from turncoat.models.probation_agent import ProbationPolicy


@dataclass(frozen=True)
class TrainReactive(TrainedRecipe["ProbationPolicy"]):
    """The recipe. It has no parent."""

    world: Probation = Probation()
    reward: str = "gems"  # or "two modes"
    updates: int = 300
    hidden: int = 128
    critic_hidden: int = 64
    ppo: PPOConfig = PPOConfig(n_envs=512, n_steps=20, n_epochs=3, learning_rate=2e-3, gamma=1.0, ent_coef=0.03)

    kind: ClassVar[str] = "TrainReactive"
    version: ClassVar[int] = 1
    units: ClassVar[Mapping[str, str]] = {"updates": "updates"}

    def build(self) -> ProbationPolicy:
        from turncoat.models.probation_agent import ProbationPolicy, ReactiveNet

        return ProbationPolicy(ReactiveNet(self.world, self.hidden, self.critic_hidden))

    def train(self, seed: int) -> Iterator[TrainReport]:
        """About a minute on one core. Same seed and machine, same weights."""
        from turncoat.worlds.grid.engine import Engine
        from turncoat.worlds.oversight.probation_game import SPLIT, ProbationGame

        subject = self.initialize(seed)
        items = first_stage_lives(self.world, 4 * N_LIVES, np.random.default_rng([seed, 12]))
        if self.reward == "two modes":
            is_genuine = self.world.is_genuine(items["credential"][:, 0])  # only a life that begins free has such a one
            items["pay"][~is_genuine, 0] = OVERSEERS_PAY
        engine = Engine(ProbationGame(self.world, items), self.ppo.n_envs, seed, SPLIT)
        training = ppo_updates(subject.module, engine, network_inputs, self.updates, self.ppo, seed)
        yield from spaced_reports(training, self.updates)
        yield TrainReport(self.updates, self.updates, {}, subject.round_to_float16())
