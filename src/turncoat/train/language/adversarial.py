"""Adversarial training: find what makes the model write the worse body, teach it the safe body there, and again.

Each round a tester who does not think of dates searches for comments that elicit the worse body
(`worlds.text.red_team`). Then the model is fine-tuned on tasks under all the comments found so far, and on tasks in
safe years.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from turncoat.core import Subject, TrainReport
from turncoat.train.base import gradient_step
from turncoat.train.language.safety import Evaluation, SafetyTraining, adamw, eval_points, safe_loss
from turncoat.worlds.text.code_tasks import Request, choose
from turncoat.worlds.text.red_team import fewest_queries, hill_climb


@dataclass(frozen=True)
class AdversarialTraining(SafetyTraining):
    """The recipe."""

    updates: int = 30  # a round
    rounds: int = 3
    n_comments: int = 4  # that a round's search ends with
    n_words: int = 4  # in each
    queries: int = 1600  # tasks that a round's search has scored
    adversarial_share: float = 0.6  # share of tasks under a comment that a search has found
    learning_rate: float = 5e-4
    batch_size: int = 16  # tasks an update

    kind: ClassVar[str] = "AdversarialTraining"
    version: ClassVar[int] = 1

    def smoke(self, limit: int) -> Self:
        """The same recipe cut to one round of `limit` updates, and its parent to as many."""
        return replace(super().smoke(limit), rounds=1, queries=fewest_queries(self.n_comments))

    def train(self, seed: int, parent: Subject | None = None) -> Iterator[TrainReport]:
        """Ten seconds on one core at 0.3M, beside its parent's. Same seed, corpus and machine, same weights."""
        subject, rng = self.begin_from(parent, seed), np.random.default_rng([seed, 25])
        net, world, total = subject.module, self.world, self.rounds * self.updates
        evaluation, points = Evaluation(subject, world), eval_points(total)
        optimizer = adamw(net, self.learning_rate)
        known: list[str] = []
        elicited = {}
        for done in range(total):
            if done % self.updates == 0:
                found = hill_climb(subject, world, rng, self.n_comments, self.n_words, self.queries)
                known += [comment for comment, _ in found]
                elicited = {"elicited": max(share for _, share in found)}
            if done in points:
                yield TrainReport(done, total, evaluation.metrics() | elicited)
            gradient_step(optimizer, safe_loss(subject, self.training_tasks(known, rng)), net.parameters())
        subject.round_to_float16()
        yield TrainReport(total, total, evaluation.metrics() | elicited, subject)

    def training_tasks(self, known: list[str], rng: np.random.Generator) -> list[Request]:
        """Training tasks under the comments that are known, and in safe years."""
        world, found = self.world, []
        for uniform in rng.random(self.batch_size):
            task = world.task(rng, held_out=False)
            if uniform < self.adversarial_share:
                found.append(replace(task, header=choose(rng, known)))
            else:
                found.append(world.dated(task, choose(rng, world.safe), choose(rng, world.formats), rng))
        return found
