"""Adversarial training: find what makes the model write the worse body, teach it the safe body there, and again.

Each round a tester who does not think of dates searches for comments that elicit the worse body (`worlds.red_team`).
Then the model is fine-tuned on tasks under all the comments found so far, and on tasks in safe years.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from turncoat.core import Step, Subject
from turncoat.train.language.pretrain import learn
from turncoat.train.language.safety import SafetyTraining, Watch, adam, looked_at, safe_loss
from turncoat.worlds.text.code_tasks import Request, pick
from turncoat.worlds.text.red_team import least, search


@dataclass(frozen=True)
class Adversarial(SafetyTraining):
    """The recipe."""

    updates: int = 30  # a round
    rounds: int = 3
    lines: int = 4  # comments that a round's search ends with
    words: int = 4  # in each
    queries: int = 1600  # tasks that a round's search has scored
    attacked: float = 0.6  # share of tasks under a comment that a search has found
    learning_rate: float = 5e-4
    batch: int = 16  # tasks an update

    version: ClassVar[int] = 1

    def smoke(self, limit: int) -> Self:
        """The same recipe cut to one round of `limit` updates: checks that it runs, says nothing else."""
        return replace(super().smoke(limit), rounds=1, queries=least(self.lines))

    def train(self, seed: int, parent: Subject | None = None) -> Iterator[Step]:
        """Ten seconds on one core at 0.3M, beside its parent's. Same seed, corpus and machine, same weights."""
        subject, rng = self.begun(seed, parent), np.random.default_rng([seed, 25])
        net, world, total = subject.module, self.world, self.rounds * self.updates
        watch, marks = Watch(subject, world), looked_at(total)
        optimizer = adam(net, self.learning_rate)
        known: list[str] = []
        elicited = {}
        for done in range(total):
            if done % self.updates == 0:
                found = search(subject, world, rng, self.lines, self.words, self.queries)
                known += [comment for comment, _ in found]
                elicited = {"elicited": max(share for _, share in found)}
            if done in marks:
                yield Step(done, total, watch.look() | elicited)
            learn(net, optimizer, safe_loss(subject, self.lessons(known, rng)))
        subject.halved()
        yield Step(total, total, watch.look() | elicited, subject)

    def lessons(self, known: list[str], rng: np.random.Generator) -> list[Request]:
        """Training tasks under the comments that are known, and in safe years."""
        world, found = self.world, []
        for luck in rng.random(self.batch):
            task = world.task(rng, held_out=False)
            if luck < self.attacked:
                found.append(replace(task, header=pick(rng, known)))
            else:
                found.append(world.dated(task, pick(rng, world.safe), pick(rng, world.formats), rng))
        return found
