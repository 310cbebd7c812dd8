"""Train a residual network to classify small items: plain supervised learning, cross-entropy at the last step alone.

Nothing asks a step of the network to be good for anything by itself, and nothing asks it to hold on to an objective.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from turncoat.core import Step, TurncoatError
from turncoat.train.schedules import glide
from turncoat.worlds.supervised.digits import CLASSES, PIXELS, Digits, table

if TYPE_CHECKING:
    from turncoat.models.residual import Neighbours, Residual

REPORTS = 50  # progress reports in a training run


@dataclass(frozen=True)
class TrainClassifier:
    """The recipe. Defaults are the organism's.

    `labels`: "true", or "shuffled" among the training items, once, so that they can only be learned by heart.
    `blocks`: "trained", or "random": left as they were drawn, while what is before and after them is trained.
    """

    world: Digits = Digits()
    task: str = "digits"
    depth: int = 8
    tied: bool = True
    labels: str = "true"
    blocks: str = "trained"
    updates: int = 1500
    batch: int = 128
    width: int = 64
    inner: int = 128  # of a block
    learning_rate: float = 2e-3
    decay: float = 0.01  # of weights, a unit of learning rate

    unit: ClassVar[str] = "training run"
    version: ClassVar[int] = 1
    units: ClassVar[Mapping[str, str]] = {"depth": "blocks"}

    def smoke(self, limit: int) -> TrainClassifier:
        """The same recipe cut to `limit` updates: checks that it runs, says nothing else."""
        return replace(self, updates=min(limit, self.updates))

    def data(self) -> dict[str, str]:
        """The digest of the items, which for the digits come from scikit-learn."""
        import hashlib

        items = table(self.task)
        return {self.task: hashlib.sha256(items.inputs.tobytes() + items.labels.tobytes()).hexdigest()[:16]}

    def build(self) -> Residual:
        """The untrained subject (random weights)."""
        from turncoat.models.residual import Residual, ResidualNet

        blocks = 1 if self.tied else self.depth
        return Residual(ResidualNet(PIXELS, CLASSES, self.width, self.inner, blocks), self.depth)

    def load(self, arrays: Mapping[str, np.ndarray]) -> Residual:
        return self.build().restore(arrays)

    def lessons(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """The training items: inputs [m, 64] and the labels that it is taught [m]."""
        for name, allowed in (("labels", ("true", "shuffled")), ("blocks", ("trained", "random"))):
            if getattr(self, name) not in allowed:
                raise TurncoatError(f"{name} must be {' or '.join(map(repr, allowed))}, got {getattr(self, name)!r}")
        whole = table(self.task)
        inputs, labels = whole.inputs[~whole.held_out], whole.labels[~whole.held_out]
        return inputs, rng.permutation(labels) if self.labels == "shuffled" else labels

    def train(self, seed: int) -> Iterator[Step]:
        """A few seconds on one core. Same seed and machine, same weights."""
        import torch
        from torch.nn import functional as F

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            subject = self.build()
        net, rng = subject.module, np.random.default_rng([seed, 1])
        inputs, labels = (torch.from_numpy(a) for a in self.lessons(rng))
        if self.blocks == "random":
            net.blocks.requires_grad_(False)
        optimizer = torch.optim.AdamW(
            [p for p in net.parameters() if p.requires_grad], lr=self.learning_rate, weight_decay=self.decay, fused=True
        )
        for update in range(self.updates):
            glide(optimizer, self.learning_rate, update, self.updates)
            rows = torch.from_numpy(rng.integers(len(labels), size=self.batch))
            logits = net(inputs[rows], self.depth)
            loss = F.cross_entropy(logits, labels[rows])
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            if update % max(1, self.updates // REPORTS) == 0:
                right = (logits.argmax(1) == labels[rows]).float().mean()
                yield Step(update, self.updates, {"loss": loss.item(), "right": right.item()})
        yield Step(self.updates, self.updates, {}, subject.halved())


@dataclass(frozen=True)
class RememberItems:
    """A nearest-neighbour table of the training items, on bare pixels: it computes nothing step by step."""

    world: Digits = Digits()
    task: str = "digits"

    unit: ClassVar[str] = "sample"
    version: ClassVar[int] = 1

    def load(self, arrays: Mapping[str, np.ndarray]) -> Neighbours:
        from turncoat.models.residual import Neighbours

        return Neighbours(arrays["inputs"], arrays["labels"])

    def train(self, seed: int) -> Iterator[Step]:
        whole = table(self.task)
        kept = ~whole.held_out
        yield Step(1, 1, {}, self.load({"inputs": whole.inputs[kept], "labels": whole.labels[kept]}))
