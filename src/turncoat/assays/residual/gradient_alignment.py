"""Does each block step down the loss? (Jastrzebski et al. 2018, arXiv:1710.04773)

To first order a residual block changes the final loss by (its step) . (the slope of the loss at the state it starts
from, through the rest of the network). The assay is the cosine between its step and the way down that slope, item by
item. Steps in random directions have a cosine near zero.

A positive cosine says that the network refines its answer block by block on the loss that it was *trained* on. It does
not say that a loss is represented in it: nothing in a block needs to know what it descends on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from turncoat.assays.behaviour.measures import Pairs
from turncoat.core import Access, Traces


@dataclass(frozen=True)
class GradientAlignment:
    """Mean cosine over n items. `read`: "mean" over the blocks, "late" for the later half of them, "block 1" (the
    first) and so on, or "random" for the mean over random steps."""

    condition: Pairs = ()
    n: int = 400
    read: str = field(default="late", metadata={"pure": True})

    needs: ClassVar[Access] = Access.WEIGHTS
    version: ClassVar[int] = 1
    bounds: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    says: ClassVar[str] = "cosine of a block's step with the way down the loss"
    units: ClassVar[Mapping[str, str]] = {
        "block": "1 is the first",
        "cosine": "of step and way down the loss",
        "loss": "of the answer after the block",
        "score": "share of answers right after the block",
    }

    def observe(self, subject: Any, world: Any, seed: int) -> Traces:
        import torch
        from torch.nn import functional as F

        from turncoat.assays.residual.common import iterating, score, tensors

        (mind, poser), rng = iterating(subject, world), np.random.default_rng(seed)
        inputs, target, _ = tensors(poser.items(self.n, rng, dict(self.condition)))
        noise = torch.Generator().manual_seed(seed)
        states = [mind.enter(inputs).detach().requires_grad_()]
        for k in range(mind.depth):
            states.append(mind.block(k, states[-1]))
        uphill = torch.autograd.grad(poser.loss(mind.answer(states[-1]), target).sum(), states[:-1])
        rows = []
        with torch.no_grad():
            for k, slope in enumerate(uphill):
                step, down = (states[k + 1] - states[k]).flatten(1), -slope.flatten(1)
                moved = (step.norm(dim=1) > 0) & (down.norm(dim=1) > 0)  # where either is nought there is no angle
                steps = F.normalize(step[moved], dim=1, eps=0), torch.randn(step[moved].shape, generator=noise)
                steps = steps[0], F.normalize(steps[1], dim=1)
                cosine, random = ((way * F.normalize(down[moved], dim=1, eps=0)).sum(1).mean().item() for way in steps)
                answer = mind.answer(states[k + 1])
                loss = poser.loss(answer, target).mean().item()
                rows.append((k + 1, cosine, random, loss, score(answer, target, poser), int(moved.sum())))
        names = ("block", "cosine", "random", "loss", "score", "items")
        return Traces({name: np.array(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)})

    def estimate(self, traces: Traces) -> float:
        blocks = traces["block"]
        if self.read == "random":
            return float(traces["random"].mean())
        kept = {"mean": blocks > 0, "late": blocks > blocks.max() // 2}.get(self.read)
        if kept is None:
            kept = blocks == int(self.read.removeprefix("block "))
        return float(traces["cosine"][kept].mean()) if kept.any() else float("nan")
