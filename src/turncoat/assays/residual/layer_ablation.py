"""What is lost when a residual block is left out, run twice, or swapped with the next one?

Networks whose blocks refine an answer lose little by any of it, least of all late (Jastrzebski et al. 2018;
Veit et al. 2016). A tied block can also be run more often than it was trained to be: what searches gets further with
more steps; what refines an answer is done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from turncoat.assays.behaviour.measures import Pairs
from turncoat.core import Access, Assay, Traces, one_of, readout
from turncoat.protocols import DifferentiableTask, ResidualModel

EDITS = ("drop", "repeat", "swap")
PARTS = ("all", "early", "late", "last")


@dataclass(frozen=True)
class LayerAblation(Assay):
    """The score with blocks left out, run twice, swapped, or run on. Columns: `edit` ("drop", "repeat", "swap" or
    "stop"), `block` (1 is the first), `score`, `depth`. The edit "stop" answers after that many blocks, 0 to all, or to
    twice as many where they are tied."""

    condition: Pairs = ()
    n: int = 400

    kind: ClassVar[str] = "LayerAblation"
    version: ClassVar[int] = 1
    required_access: ClassVar[Access] = Access.WEIGHTS
    requires: ClassVar[tuple[type, ...]] = (ResidualModel, DifferentiableTask)
    units: ClassVar[Mapping[str, str]] = {"block": "1 is the first", "score": "share of answers right"}

    def observe(self, subject: ResidualModel, world: DifferentiableTask, seed: int) -> Traces:
        import torch

        from turncoat.assays.residual.common import score, tensors

        inputs, target, _ = tensors(world.items(self.n, np.random.default_rng(seed), dict(self.condition)))
        depth, rows = subject.depth, []

        def scored(order: list[int]) -> float:
            """Of the answer after these blocks, in this order."""
            state = subject.embed(inputs)
            for k in order:
                state = subject.block(k, state)
            return score(subject.unembed(state), target, world)

        whole = list(range(depth))
        with torch.no_grad():
            for k in whole:
                edited = {
                    "drop": [*whole[:k], *whole[k + 1 :]],
                    "repeat": [*whole[: k + 1], *whole[k:]],
                    "swap": [*whole[:k], *whole[k + 1 : k + 2], k, *whole[k + 2 :]],  # the last stays where it is
                }
                rows += [(edit, k + 1, scored(order)) for edit, order in edited.items() if order != whole]
            for stop in range(2 * depth + 1 if subject.tied else depth + 1):
                rows.append(("stop", stop, scored(list(range(stop)))))
        edits, blocks, scores = zip(*rows, strict=True)
        return Traces(
            {
                "edit": np.array(edits),
                "block": np.array(blocks),
                "score": np.array(scores),
                "depth": np.full(len(rows), depth),
            }
        )

    @readout(bounds=(-1.0, 1.0), unit="share of answers")
    def loss_of_score(self, traces: Traces, edit: str = "drop", blocks: str = "late") -> float:
        """Score lost by an edit ("drop", "repeat" or "swap"), a share of answers right: the mean over "all" blocks, the
        "early" half, the "late" half, or the "last". NaN where there are none."""
        one_of("edit", edit, EDITS)
        one_of("blocks", blocks, PARTS)
        depth, rows = int(traces["depth"][0]), traces.where(edit=edit)
        at = rows["block"]
        kept = {"all": at > 0, "early": at <= depth // 2, "late": at > depth // 2, "last": at == depth}[blocks]
        return float(stopped(traces, depth)[0] - rows["score"][kept].mean()) if kept.any() else float("nan")

    @readout(bounds=(-1.0, 1.0), unit="share of answers")
    def early_over_late(self, traces: Traces) -> float:
        """How much more is lost by dropping a block of the early half than of the late."""
        return self.loss_of_score(traces, "drop", "early") - self.loss_of_score(traces, "drop", "late")

    @readout(bounds=(-1.0, 1.0), unit="share of answers")
    def gain_of_running_on(self, traces: Traces) -> float:
        """Score gained by running a tied block twice as often as in training; NaN where blocks are not tied."""
        depth = int(traces["depth"][0])
        further = stopped(traces, 2 * depth)
        return float(further[0] - stopped(traces, depth)[0]) if len(further) else float("nan")


def stopped(traces: Traces, blocks: int) -> np.ndarray:
    """The score after so many blocks, [1], or [0] where it was not run for so many."""
    stops = traces.where(edit="stop")
    return stops["score"][stops["block"] == blocks]
