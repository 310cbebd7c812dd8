"""What is lost when a residual block is left out, run twice, or swapped with the next one?

Networks whose blocks refine an answer lose little by any of it, least of all late (Jastrzebski et al. 2018;
Veit et al. 2016). A tied block can also be run more often than it was trained to be: what searches gets further with
more steps; what refines an answer is done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from turncoat.assays.behaviour.measures import Pairs
from turncoat.core import Access, Traces, TurncoatError

EDITS = ("drop", "repeat", "swap")


@dataclass(frozen=True)
class BlockEdits:
    """Score lost by an edit, a share of answers right. `read`:

    "drop", "repeat", "swap"    the mean over all blocks, or with "early", "late" or "last" over these ("drop late")
    "early over late"           how much more is lost by dropping a block of the early half than of the late
    "run on"                    score gained by running a tied block twice as often as in training

    Columns: `edit`, `block` (1 is the first), `score`. The edit "stop" answers after that many blocks, 0 to all, or to
    twice as many where they are tied.
    """

    condition: Pairs = ()
    n: int = 400
    read: str = field(default="drop late", metadata={"pure": True})

    needs: ClassVar[Access] = Access.WEIGHTS
    version: ClassVar[int] = 1
    bounds: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    says: ClassVar[str] = "share of answers"
    units: ClassVar[Mapping[str, str]] = {"block": "1 is the first", "score": "share of answers right"}

    def observe(self, subject: Any, world: Any, seed: int) -> Traces:
        import torch

        from turncoat.assays.residual.common import iterating, score, tensors

        mind, poser = iterating(subject, world)
        inputs, target, _ = tensors(poser.items(self.n, np.random.default_rng(seed), dict(self.condition)))
        depth, rows = mind.depth, []

        def scored(order: list[int]) -> float:
            """Of the answer after these blocks, in this order."""
            state = mind.enter(inputs)
            for k in order:
                state = mind.block(k, state)
            return score(mind.answer(state), target, poser)

        whole = list(range(depth))
        with torch.no_grad():
            for k in whole:
                edited = {
                    "drop": [*whole[:k], *whole[k + 1 :]],
                    "repeat": [*whole[: k + 1], *whole[k:]],
                    "swap": [*whole[:k], *whole[k + 1 : k + 2], k, *whole[k + 2 :]],  # the last stays where it is
                }
                rows += [(edit, k + 1, scored(order)) for edit, order in edited.items() if order != whole]
            for stop in range(2 * depth + 1 if mind.tied else depth + 1):
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

    def estimate(self, traces: Traces) -> float:
        depth = int(traces["depth"][0])
        stops = traces.where(edit="stop")
        whole = stops["score"][stops["block"] == depth][0]
        if self.read == "run on":
            further = stops["score"][stops["block"] == 2 * depth]
            return float(further[0] - whole) if len(further) else float("nan")
        if self.read == "early over late":
            early, late = (replace(self, read=f"drop {half}").estimate(traces) for half in ("early", "late"))
            return early - late
        edit, _, where = self.read.partition(" ")
        if edit not in EDITS or where not in ("", "early", "late", "last"):
            raise TurncoatError(
                f"read must be 'run on' or one of {', '.join(EDITS)} (early, late, last); got {self.read!r}"
            )
        rows = traces.where(edit=edit)
        blocks = rows["block"]
        halves = {"": blocks > 0, "early": blocks <= depth // 2, "late": blocks > depth // 2, "last": blocks == depth}
        kept = halves[where]
        return float(whole - rows["score"][kept].mean()) if kept.any() else float("nan")
