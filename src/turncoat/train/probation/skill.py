"""How to get about on probation: PPO on random goals.

In each life a gem and a parcel are worth random amounts, of either sign, and the network is told. What comes out is a
goal-conditioned policy: it can fetch what it is told to want and go round what it is told to shun, and wants nothing of
its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from turncoat.core import TrainReport
from turncoat.train.base import TrainedRecipe, spaced_reports
from turncoat.train.rl.ppo import PPOConfig, ppo_updates
from turncoat.worlds.oversight.probation import Probation

if TYPE_CHECKING:
    from torch import Tensor

    from turncoat.models.probation_agent import ProbationPolicy

N_LIVES = 16_384  # that are drawn before training


@dataclass(frozen=True)
class TrainSkill(TrainedRecipe["ProbationPolicy"]):
    """The recipe: the first stage of `TrainBeliefs`."""

    world: Probation = Probation()
    updates: int = 500
    hidden: int = 128
    ppo: PPOConfig = PPOConfig(
        n_envs=512, n_steps=10, n_epochs=3, learning_rate=2e-3, gamma=1.0, ent_coef=0.03, max_grad_norm=0.5
    )

    kind: ClassVar[str] = "TrainSkill"
    version: ClassVar[int] = 1
    units: ClassVar[Mapping[str, str]] = {"updates": "updates"}

    def build(self) -> ProbationPolicy:
        """The untrained subject. It acts only as a part of another."""
        from turncoat.models.probation_agent import ProbationPolicy, SkillNet, view_size

        return ProbationPolicy(SkillNet(view_size(self.world), self.hidden))

    def train(self, seed: int) -> Iterator[TrainReport]:
        """Less than a minute on one core. Same seed and machine, same weights."""
        import torch

        from turncoat.models.probation_agent import MAX_WEIGHT
        from turncoat.worlds.grid.engine import Engine
        from turncoat.worlds.oversight.probation_game import SPLIT, ProbationGame

        subject, rng = self.initialize(seed), np.random.default_rng([seed, 11])
        items = self.world.sample_lives(N_LIVES, rng)
        items["risk"][:], items["continues"][:] = 0, False
        items["count"][:, 0] = rng.integers(self.world.gems + 1, size=N_LIVES)  # a free phase may have none
        weights = rng.uniform(-MAX_WEIGHT, MAX_WEIGHT, (N_LIVES, 2)).astype(np.float32)  # of a parcel and a gem
        items["pay"][:] = weights[:, None, ::-1]
        goals = torch.from_numpy(weights)

        def preprocess(seen: dict[str, Tensor]) -> dict[str, Tensor]:
            return {"view": seen["view"], "weights": goals[seen["level"]]}

        engine = Engine(ProbationGame(self.world, items), self.ppo.n_envs, seed, SPLIT)
        training = ppo_updates(subject.module, engine, preprocess, self.updates, self.ppo, seed)
        yield from spaced_reports(training, self.updates)
        yield TrainReport(self.updates, self.updates, {}, subject.round_to_float16())
