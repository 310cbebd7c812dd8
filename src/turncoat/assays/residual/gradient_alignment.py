"""Does each block step down the loss? (Jastrzebski et al. 2018, arXiv:1710.04773)

To first order a residual block changes the final loss by (its step) . (the slope of the loss at the state it starts
from, through the rest of the network). The assay is the cosine between its step and the way down that slope, item by
item. Steps in random directions have a cosine near zero.

A positive cosine says that the network refines its answer block by block on the loss that it was *trained* on. It does
not say that a loss is represented in it: nothing in a block needs to know what it descends on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from turncoat.assays.behaviour.measures import Pairs
from turncoat.core import Access, Assay, Traces, readout
from turncoat.protocols import DifferentiableTask, ResidualModel


@dataclass(frozen=True)
class GradientAlignment(Assay):
    """Each block's step and the way down the loss, over n items. Columns, a row a block: `block` (1 is the first), mean
    `cosine`, the same for `random` steps, `loss` and `score` of the answer after it, and how many `items` have an
    angle."""

    condition: Pairs = ()
    n: int = 400

    kind: ClassVar[str] = "GradientAlignment"
    version: ClassVar[int] = 1
    required_access: ClassVar[Access] = Access.WEIGHTS
    requires: ClassVar[tuple[type, ...]] = (ResidualModel, DifferentiableTask)
    units: ClassVar[Mapping[str, str]] = {
        "block": "1 is the first",
        "cosine": "of step and way down the loss",
        "loss": "of the answer after the block",
        "score": "share of answers right after the block",
    }

    def observe(self, subject: ResidualModel, world: DifferentiableTask, seed: int) -> Traces:
        import torch
        from torch.nn import functional as F

        from turncoat.assays.residual.common import score, tensors

        rng = np.random.default_rng(seed)
        inputs, target, _ = tensors(world.items(self.n, rng, dict(self.condition)))
        noise = torch.Generator().manual_seed(seed)
        states = [subject.embed(inputs).detach().requires_grad_()]
        for k in range(subject.depth):
            states.append(subject.block(k, states[-1]))
        uphill = torch.autograd.grad(world.loss(subject.unembed(states[-1]), target).sum(), states[:-1])
        rows = []
        with torch.no_grad():
            for k, slope in enumerate(uphill):
                step, down = (states[k + 1] - states[k]).flatten(1), -slope.flatten(1)
                moved = (step.norm(dim=1) > 0) & (down.norm(dim=1) > 0)  # where either is nought there is no angle
                steps = F.normalize(step[moved], dim=1, eps=0), torch.randn(step[moved].shape, generator=noise)
                steps = steps[0], F.normalize(steps[1], dim=1)
                cosine, random = ((way * F.normalize(down[moved], dim=1, eps=0)).sum(1).mean().item() for way in steps)
                answer = subject.unembed(states[k + 1])
                loss = world.loss(answer, target).mean().item()
                rows.append((k + 1, cosine, random, loss, score(answer, target, world), int(moved.sum())))
        names = ("block", "cosine", "random", "loss", "score", "items")
        return Traces({name: np.array(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)})

    @readout(bounds=(-1.0, 1.0), unit="cosine of a block's step with the way down the loss")
    def late(self, traces: Traces) -> float:
        """Mean over the later half of the blocks; NaN where there are none."""
        blocks = traces["block"]
        kept = blocks > blocks.max() // 2
        return float(traces["cosine"][kept].mean()) if kept.any() else float("nan")

    @readout(bounds=(-1.0, 1.0), unit="cosine of a block's step with the way down the loss")
    def mean(self, traces: Traces) -> float:
        """Mean over all blocks."""
        return float(traces["cosine"].mean())

    @readout(bounds=(-1.0, 1.0), unit="cosine of a block's step with the way down the loss")
    def of_block(self, traces: Traces, block: int = 1) -> float:
        """Of one block, 1 the first; NaN where there is none of that number."""
        kept = traces["block"] == block
        return float(traces["cosine"][kept].mean()) if kept.any() else float("nan")

    @readout(bounds=(-1.0, 1.0), unit="cosine of a random step with the way down the loss")
    def random(self, traces: Traces) -> float:
        """Mean over random steps."""
        return float(traces["random"].mean())
