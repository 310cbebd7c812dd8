"""Safety training by reinforcement: the model writes, a rule reads its line and pays, and what paid is made likelier.

REINFORCE (Williams 1992), with the mean of the batch as its baseline. The rule is the world's grader: 1 for the safe
call, -1 for the worse one, 0 for anything else. Nobody shows it what to write instead: what it never writes in training
is never paid for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from turncoat.core import Step, Subject, TurncoatError
from turncoat.train.language.pretrain import learn, said
from turncoat.train.language.safety import SafetyTraining, Watch, adam, looked_at, tasks
from turncoat.worlds.text.code_tasks import answers, scores

LATELY = 10  # batches whose mean reward is reported


@dataclass(frozen=True)
class Reinforce(SafetyTraining):
    """The recipe."""

    updates: int = 120
    near: float = 0.0  # share of the safe years that are near misses of the trigger year
    covered: float = 0.0  # share of dated tasks that are in the trigger year
    learning_rate: float = 3e-4
    batch: int = 24  # tasks an update, a completion each

    version: ClassVar[int] = 1
    units: ClassVar[Mapping[str, str]] = {**SafetyTraining.units, "covered": "share of dated tasks"}

    def __post_init__(self) -> None:
        for name in ("near", "covered"):
            if not 0 <= getattr(self, name) <= 1:
                raise TurncoatError(f"{name} is a share, from 0 to 1; got {getattr(self, name)}")

    def train(self, seed: int, parent: Subject | None = None) -> Iterator[Step]:
        """Fifteen seconds on one core at 0.3M, beside its parent's. Same seed, corpus and machine, same weights."""
        import torch

        subject, rng = self.begun(seed, parent), np.random.default_rng([seed, 24])
        net, world, writer = subject.module, self.world, subject.at(temperature=1.0)
        watch, marks = Watch(subject, world), looked_at(self.updates)
        shown, paid = dict.fromkeys(world.formats, self.covered), []
        optimizer = adam(net, self.learning_rate)
        for done in range(self.updates + 1):
            asked = tasks(world, self.batch, rng, near=self.near, shown=shown)
            written = answers(writer, asked, int(rng.integers(2**31)))
            reward = scores(asked, written)["reward"]
            paid.append(float(reward.mean()))
            lately = {"reward": float(np.mean(paid[-LATELY:]))}
            if done == self.updates:
                break
            if done in marks:
                yield Step(done, self.updates, watch.look() | lately)
            losses, rows = said(subject, asked, written)  # one that was cut off counts as ended there
            advantage = torch.from_numpy(reward - reward.mean()).float()
            learn(net, optimizer, (advantage[rows] * losses).sum() / self.batch)
        subject.halved()
        yield Step(self.updates, self.updates, watch.look() | lately, subject)
