"""Train a network to predict a query's label from labelled examples, on fresh tasks all the time.

Each update: draw tasks, predict, and step down the mean squared error to the intended answer (AdamW). In all tasks the
proxy label is a copy of the intended one, but for a share `mixed`, in which it is another line's.

A tied network is run for `depth` loops and up to `beyond` more, anew in each update: what has to be good after a number
of loops that it cannot know becomes a step that can be repeated. Adam's `epsilon` is large, so that small gradients
make small steps, as with plain momentum; on loops, whose loss has rare huge gradients, that trains faster and further.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from turncoat.core import Step, TurncoatError
from turncoat.train.schedules import glide
from turncoat.worlds.supervised.regression import Regression, Tasks

if TYPE_CHECKING:
    from torch import Tensor

    from turncoat.models.in_context import InContext, Learner, Listener, Neighbours

REPORTS = 50  # progress reports in a training run
MODELS = ("linear", "softmax heads", "gpt")


@dataclass(frozen=True)
class TrainInContext:
    """The recipe. Defaults are the organism's."""

    world: Regression = Regression()
    model: str = "linear"  # attention, or two "softmax heads" of it, or a small "gpt"
    depth: int = 6  # blocks
    tied: bool = True  # one block for all
    beyond: int = 4  # most loops above `depth` in training, of a tied network
    brightness: float = 10.0  # how much stronger the proxy label is drawn
    mixed: float = 0.0  # share of training tasks in which the labels are apart
    spectrum: str = "even"  # of training inputs
    updates: int = 1000
    batch: int = 256  # tasks an update
    learning_rate: float = 2e-2
    epsilon: float = 1e-2
    decay: float = 0.1  # of weights, a unit of learning rate
    spread: float = 0.1  # of the first weights
    width: int = 64  # of the gpt

    unit: ClassVar[str] = "training run"
    version: ClassVar[int] = 1
    units: ClassVar[Mapping[str, str]] = {
        "mixed": "share of training tasks",
        "depth": "blocks",
        "tied": "blocks share their weights",
        "brightness": "of the proxy label, over the intended one's",
    }

    def smoke(self, limit: int) -> TrainInContext:
        """The same recipe cut to `limit` updates: checks that it runs, says nothing else."""
        return replace(self, updates=min(limit, self.updates))

    def build(self) -> InContext:
        """The untrained subject (random weights)."""
        from turncoat.models.in_context import InContext, Learner, Listener

        if self.model not in MODELS:
            raise TurncoatError(f"model must be one of {', '.join(MODELS)}; got {self.model!r}")
        if self.depth < 1:
            raise TurncoatError(f"depth must be 1 or more, got {self.depth}")
        net: Learner | Listener
        if self.model == "gpt":
            net = Listener(self.world.dimensions, self.depth, self.width)
        else:
            shape = (self.world.dimensions, 1 + self.world.proxy, self.depth, self.tied)
            net = Learner(*shape, self.model == "softmax heads", self.brightness, self.spread)
        return InContext(net)

    def load(self, arrays: Mapping[str, np.ndarray]) -> InContext:
        return self.build().restore(arrays)

    def tasks(self, rng: np.random.Generator) -> Tasks:
        """A batch."""
        tasks = self.world.tasks(self.batch, rng, {"labels": "apart", "spectrum": self.spectrum})
        together = rng.random(self.batch) >= self.mixed
        tasks.weights[together, -1] = tasks.weights[together, 0]
        return tasks

    def loss(self, net: Learner | Listener, tasks: Tasks, loops: int) -> Tensor:
        """Mean squared error to the intended answer after so many blocks; of the gpt, at every example too."""
        import torch

        from turncoat.models.in_context import Listener

        state = net.enter(torch.from_numpy(tasks.inputs))
        for k in range(loops):
            state = net.block(k, state)
        target = torch.from_numpy(tasks.target)
        if isinstance(net, Listener):
            every = torch.cat([torch.from_numpy(tasks.labels[..., 0]), target], 1)
            return ((net.answers(state) - every) ** 2).mean()
        return self.world.loss(net.answer(state), target).mean()

    def train(self, seed: int) -> Iterator[Step]:
        """Same seed and machine, same weights."""
        import torch

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            subject = self.build()
        net, rng = subject.module, np.random.default_rng([seed, 1])
        optimizer = torch.optim.AdamW(
            net.parameters(), lr=self.learning_rate, eps=self.epsilon, weight_decay=self.decay, fused=True
        )
        for update in range(self.updates):
            glide(optimizer, self.learning_rate, update, self.updates, least=0.01)
            loops = self.depth + (int(rng.integers(self.beyond + 1)) if net.tied else 0)
            loss = self.loss(net, self.tasks(rng), loops)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            if update % max(1, self.updates // REPORTS) == 0:
                yield Step(update, self.updates, {"loss": loss.item()})
        yield Step(self.updates, self.updates, {}, subject.halved())


@dataclass(frozen=True)
class LookUp:
    """Nobody trains it: it predicts by the labels of the nearest examples, and solves nothing."""

    world: Regression = Regression()
    reach: float = 0.7  # distance over which examples count; the best of several on training tasks

    unit: ClassVar[str] = "sample"
    version: ClassVar[int] = 1

    def load(self, arrays: Mapping[str, np.ndarray]) -> Neighbours:
        from turncoat.models.in_context import Neighbours

        return Neighbours(self.world.dimensions, self.reach)

    def train(self, seed: int) -> Iterator[Step]:
        yield Step(1, 1, {}, self.load({}))
