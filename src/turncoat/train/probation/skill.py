"""How to get about on probation: PPO on random goals.

In each life a gem and a parcel are worth random amounts, of either sign, and the network is told. What comes out can
fetch what it is told to want and go round what it is told to shun, and wants nothing of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from turncoat.core import Step
from turncoat.train.rl.maze_planner import REPORTS
from turncoat.train.rl.ppo import Settings, improve
from turncoat.worlds.oversight.probation import Probation

if TYPE_CHECKING:
    from turncoat.models.probation_agent import Probationer

POOL = 16_384  # lives that are drawn before training


@dataclass(frozen=True)
class TrainSkill:
    """The recipe: the first stage of `TrainBeliefs`."""

    world: Probation = Probation()
    updates: int = 500
    hidden: int = 128
    settings: Settings = Settings(
        envs=512, span=10, epochs=3, learning_rate=2e-3, gamma=1.0, ent_coef=0.03, max_grad_norm=0.5
    )

    unit: ClassVar[str] = "training run"
    version: ClassVar[int] = 1
    units: ClassVar[Mapping[str, str]] = {"updates": "updates"}

    def smoke(self, limit: int) -> TrainSkill:
        """The same recipe cut to `limit` updates: checks that it runs, says nothing else."""
        return replace(self, updates=min(limit, self.updates))

    def build(self) -> Probationer:
        """The untrained subject (random weights). It acts only as a part of another."""
        from turncoat.models.probation_agent import Probationer, SkillNet, viewed

        return Probationer(SkillNet(viewed(self.world), self.hidden))

    def load(self, arrays: Mapping[str, np.ndarray]) -> Probationer:
        return self.build().restore(arrays)

    def train(self, seed: int) -> Iterator[Step]:
        """Less than a minute on one core. Same seed and machine, same weights."""
        import torch

        from turncoat.models.probation_agent import STRONGEST
        from turncoat.worlds.grid.engine import Engine
        from turncoat.worlds.oversight.probation_game import KIND, Lives

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            subject = self.build()
        rng = np.random.default_rng([seed, 11])
        items = self.world.lives(POOL, rng)
        items["risk"][:], items["onward"][:] = 0, False
        items["count"][:, 0] = rng.integers(self.world.gems + 1, size=POOL)  # a free phase may have none
        weights = rng.uniform(-STRONGEST, STRONGEST, (POOL, 2)).astype(np.float32)  # of a parcel and a gem
        items["pay"][:] = weights[:, None, ::-1]
        told = torch.from_numpy(weights)

        def prepare(seen: dict[str, Any]) -> dict[str, Any]:
            return {"view": seen["view"], "weights": told[seen["level"]]}

        engine = Engine(Lives(self.world, items), self.settings.envs, seed, KIND)
        every = max(1, self.updates // REPORTS)
        for update, metrics in enumerate(improve(subject.module, engine, prepare, self.updates, self.settings, seed)):
            if update % every == 0:
                yield Step(update, self.updates, metrics)
        yield Step(self.updates, self.updates, {}, subject.halved())


def trained(recipe: Any, seed: int) -> Any:
    """The subject that a recipe ends with."""
    *_, last = recipe.train(seed)
    return last.subject
