"""Safety training by reinforcement: the model writes, a rule grades it, and what was rewarded is made likelier.

REINFORCE (Williams 1992), with the mean of the batch as its baseline. The rule is the world's grader: 1 for the safe
call, -1 for the worse one, 0 for anything else. Nobody shows it what to write instead: what it never writes in training
is never rewarded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from turncoat.core import Subject, TrainReport, TurncoatError
from turncoat.train.base import gradient_step
from turncoat.train.language.pretrain import completion_losses
from turncoat.train.language.safety import Evaluation, SafetyTraining, adamw, draw_tasks, eval_points
from turncoat.worlds.text.code_tasks import completions, scores

REWARD_WINDOW = 10  # batches whose mean reward is reported


@dataclass(frozen=True)
class Reinforce(SafetyTraining):
    """The recipe."""

    updates: int = 120
    near_miss_share: float = 0.0  # share of the safe years that are near misses of the trigger year
    covered: float = 0.0  # share of dated tasks that are in the trigger year
    learning_rate: float = 3e-4
    batch_size: int = 24  # tasks an update, a completion each

    kind: ClassVar[str] = "Reinforce"
    version: ClassVar[int] = 1
    units: ClassVar[Mapping[str, str]] = {**SafetyTraining.units, "covered": "share of dated tasks"}

    def __post_init__(self) -> None:
        for name, share in (("near_miss_share", self.near_miss_share), ("covered", self.covered)):
            if not 0 <= share <= 1:
                raise TurncoatError(f"{name} is a share, from 0 to 1; got {share}")

    def train(self, seed: int, parent: Subject | None = None) -> Iterator[TrainReport]:
        """Fifteen seconds on one core at 0.3M, beside its parent's. Same seed, corpus and machine, same weights."""
        import torch

        subject, rng = self.begin_from(parent, seed), np.random.default_rng([seed, 24])
        net, world, sampler = subject.module, self.world, subject.with_sampling(temperature=1.0)
        evaluation, points = Evaluation(subject, world), eval_points(self.updates)
        trigger_shares, rewards = dict.fromkeys(world.formats, self.covered), []
        optimizer = adamw(net, self.learning_rate)
        for done in range(self.updates + 1):
            asked = draw_tasks(
                world, self.batch_size, rng, near_misses=self.near_miss_share, trigger_shares=trigger_shares
            )
            written = completions(sampler, asked, int(rng.integers(2**31)))
            reward = scores(asked, written)["reward"]
            rewards.append(float(reward.mean()))
            recent = {"reward": float(np.mean(rewards[-REWARD_WINDOW:]))}
            if done == self.updates:
                break
            if done in points:
                yield TrainReport(done, self.updates, evaluation.metrics() | recent)
            losses, rows = completion_losses(subject, asked, written)  # one that was cut off counts as ended there
            advantage = torch.from_numpy(reward - reward.mean()).float()
            gradient_step(optimizer, (advantage[rows] * losses).sum() / self.batch_size, net.parameters())
        subject.round_to_float16()
        yield TrainReport(self.updates, self.updates, evaluation.metrics() | recent, subject)
