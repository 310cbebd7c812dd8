"""Train a residual network to classify small items: plain supervised learning, cross-entropy at the last step alone.

Nothing asks a block of the network to be good for anything by itself, and nothing asks it to hold on to an objective.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from turncoat.core import TrainReport, one_of
from turncoat.train.base import TrainedRecipe, Untrained, gradient_step, report_due
from turncoat.train.schedules import cosine
from turncoat.worlds.supervised.digits import CLASSES, PIXELS, Digits, dataset

if TYPE_CHECKING:
    from turncoat.models.residual import NearestNeighbourClassifier, ResidualClassifier


@dataclass(frozen=True)
class TrainClassifier(TrainedRecipe["ResidualClassifier"]):
    """The recipe. Defaults are the organism's.

    `labels`: "true", or "shuffled" among the training items, once, so that they can only be memorised
    (Zhang et al. 2017).
    `blocks`: "trained", or "random": left as they were drawn, while what is before and after them is trained.
    """

    world: Digits = Digits()
    task: str = "digits"
    depth: int = 8
    tied: bool = True
    labels: str = "true"
    blocks: str = "trained"
    updates: int = 1500
    batch_size: int = 128
    width: int = 64
    mlp_width: int = 128  # of a block
    learning_rate: float = 2e-3
    weight_decay: float = 0.01

    kind: ClassVar[str] = "TrainClassifier"
    version: ClassVar[int] = 1
    units: ClassVar[Mapping[str, str]] = {"depth": "blocks"}

    def data(self) -> dict[str, str]:
        """The digest of the items, which for the digits come from scikit-learn."""
        import hashlib

        items = dataset(self.task)
        return {self.task: hashlib.sha256(items.inputs.tobytes() + items.labels.tobytes()).hexdigest()[:16]}

    def build(self) -> ResidualClassifier:
        from turncoat.models.residual import ResidualClassifier, ResidualNet

        blocks = 1 if self.tied else self.depth
        return ResidualClassifier(ResidualNet(PIXELS, CLASSES, self.width, self.mlp_width, blocks), self.depth)

    def training_set(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """The training items: inputs [m, 64] and the labels [m] that it is trained on. Raises TurncoatError on
        unknown `labels` or `blocks`."""
        one_of("labels", self.labels, ("true", "shuffled"))
        one_of("blocks", self.blocks, ("trained", "random"))
        whole = dataset(self.task)
        inputs, labels = whole.inputs[~whole.held_out], whole.labels[~whole.held_out]
        return inputs, rng.permutation(labels) if self.labels == "shuffled" else labels

    def train(self, seed: int) -> Iterator[TrainReport]:
        """A few seconds on one core. Same seed and machine, same weights."""
        import torch
        from torch.nn import functional as F

        subject, rng = self.initialize(seed), np.random.default_rng([seed, 1])
        net = subject.module
        inputs, labels = (torch.from_numpy(a) for a in self.training_set(rng))
        if self.blocks == "random":
            net.blocks.requires_grad_(False)
        trained = [p for p in net.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(trained, lr=self.learning_rate, weight_decay=self.weight_decay, fused=True)
        for update in range(self.updates):
            cosine(optimizer, self.learning_rate, update, self.updates)
            rows = torch.from_numpy(rng.integers(len(labels), size=self.batch_size))
            logits = net(inputs[rows], self.depth)
            loss = F.cross_entropy(logits, labels[rows])
            gradient_step(optimizer, loss, net.parameters())
            if report_due(update, self.updates):
                right = (logits.argmax(1) == labels[rows]).float().mean()
                yield TrainReport(update, self.updates, {"loss": loss.item(), "right": right.item()})
        yield TrainReport(self.updates, self.updates, {}, subject.round_to_float16())


@dataclass(frozen=True)
class NearestNeighbourBaseline(Untrained["NearestNeighbourClassifier"]):
    """A nearest-neighbour table of the training items, on bare pixels: it computes nothing in steps."""

    world: Digits = Digits()
    task: str = "digits"

    kind: ClassVar[str] = "NearestNeighbourBaseline"
    version: ClassVar[int] = 1

    def load(self, arrays: Mapping[str, np.ndarray]) -> NearestNeighbourClassifier:
        from turncoat.models.residual import NearestNeighbourClassifier

        return NearestNeighbourClassifier(arrays["inputs"], arrays["labels"])

    def train(self, seed: int) -> Iterator[TrainReport]:
        """The one report there is, with the subject."""
        whole = dataset(self.task)
        kept = ~whole.held_out
        yield TrainReport(1, 1, {}, self.load({"inputs": whole.inputs[kept], "labels": whole.labels[kept]}))
