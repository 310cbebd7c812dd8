"""Does running the loop on, beyond what it was trained for, bring it further?

One block is repeated, and the error is read after every so many loops, beside that of plain gradient descent with as
many steps of the length that fits the first loop best. A computation that descends gets further with more steps, most
of all on tasks with directions in which a step is short; one that has only learned its own length does not. `damp`
takes only a share of every step: a layer trained to step once steps as far as it can, and repeated would overshoot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from turncoat.assays.behaviour.measures import Pairs
from turncoat.core import Access, NotTestable, Traces


@dataclass(frozen=True)
class Loops:
    """`read`: "gain", the share of the error after its trained depth that is gone after the last of `loops`; or
    "apart", how far its error is from gradient descent's, at the worst of them.

    Errors are squared, over the variance of the answers, at most 1 a task: where few tasks run away, all others count.
    """

    condition: Pairs = ()
    loops: tuple[int, ...] = (1, 2, 3, 4, 6, 8, 12, 16, 24)
    damp: float = 1.0
    n: int = 1000
    read: str = field(default="gain", metadata={"pure": True})

    needs: ClassVar[Access] = Access.WEIGHTS
    version: ClassVar[int] = 1
    bounds: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    says: ClassVar[str] = "share of the error"
    units: ClassVar[Mapping[str, str]] = {"loops": "loops", "error": "share of variance"}

    def observe(self, subject: Any, world: Any, seed: int) -> Traces:
        import torch

        from turncoat.assays.residual.common import iterating
        from turncoat.worlds.supervised.solvers import gradient_descent

        mind, _ = iterating(subject, world)
        if not mind.tied and mind.depth > 1:
            raise NotTestable("it has no block that could be run on")
        if not hasattr(world, "tasks"):
            raise NotTestable("its world has no regression tasks")
        tasks = world.tasks(self.n, np.random.default_rng(seed), dict(self.condition))
        answer, label = tasks.answers[:, 0], tasks.labels[..., 0]

        def error(said: np.ndarray) -> float:
            return float(np.minimum((said - answer) ** 2 / np.mean(answer**2), 1).mean())

        said = {}
        with torch.no_grad():
            state = mind.enter(torch.from_numpy(tasks.inputs))
            for loop in range(1, max(*self.loops, mind.depth) + 1):
                state = state + self.damp * (mind.block(0, state) - state)
                said[loop] = mind.answer(state)[:, 0].numpy()
        unit = (gradient_descent(tasks.x, label, 1, 1.0) * tasks.query).sum(1)
        rate = float(unit @ said[1] / (unit @ unit))
        rows = []
        for loop in sorted({*self.loops, mind.depth}):
            rows.append(("the subject", loop, error(said[loop]), loop == mind.depth))
            with np.errstate(all="ignore"):  # too long a step overflows, and errors are at most 1
                weights = np.nan_to_num(gradient_descent(tasks.x, label, loop, rate), nan=np.inf)
                descent = np.nan_to_num((weights * tasks.query).sum(1), nan=np.inf)
            rows.append(("gradient descent", loop, error(descent), loop == mind.depth))
        names = ("who", "loops", "error", "trained depth")
        return Traces({name: np.array(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)})

    def estimate(self, traces: Traces) -> float:
        own, descent = (traces.where(who=name) for name in ("the subject", "gradient descent"))
        if self.read == "apart":
            return float(np.abs(own["error"] - descent["error"]).max())
        before = float(own["error"][own["trained depth"]][0])
        return max(-1.0, 1 - float(own["error"][-1]) / before)
