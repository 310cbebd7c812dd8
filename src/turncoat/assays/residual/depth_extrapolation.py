"""Does running the loop on, beyond what it was trained for, bring it further?

One block is repeated, and the error is read after every so many loops, beside that of plain gradient descent with as
many steps of the length that fits the first loop best. A computation that descends gets further with more steps, most
of all on tasks with directions in which a step is short; one that has only learned its own length does not. `damp`
takes only a share of every step: a layer trained to step once steps as far as it can, and repeated would overshoot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from turncoat.assays.behaviour.measures import Pairs
from turncoat.core import Access, Assay, NotTestable, Traces, readout
from turncoat.protocols import DifferentiableTask, RegressionWorld, ResidualModel

if TYPE_CHECKING:
    from turncoat.worlds.supervised.regression import RegressionTasks


@dataclass(frozen=True)
class DepthExtrapolation(Assay):
    """The error after so many loops, beside that of gradient descent. Columns, a row each: `who` ("the subject" or
    "gradient descent"), `loops`, `error`, and whether these are as many as its `trained depth`.

    Errors are squared, over the variance of the answers, at most 1 a task: where few tasks run away, all others count.
    """

    condition: Pairs = ()
    loops: tuple[int, ...] = (1, 2, 3, 4, 6, 8, 12, 16, 24)
    damp: float = 1.0
    n: int = 1000

    kind: ClassVar[str] = "DepthExtrapolation"
    version: ClassVar[int] = 1
    required_access: ClassVar[Access] = Access.WEIGHTS
    requires: ClassVar[tuple[type, ...]] = (ResidualModel, DifferentiableTask, RegressionWorld)
    units: ClassVar[Mapping[str, str]] = {"loops": "loops", "error": "share of variance"}

    def observe(self, subject: ResidualModel, world: RegressionWorld[RegressionTasks], seed: int) -> Traces:
        import torch

        from turncoat.worlds.supervised.solvers import gradient_descent

        if not subject.tied and subject.depth > 1:
            raise NotTestable("it has no block that could be run on")
        tasks = world.tasks(self.n, np.random.default_rng(seed), dict(self.condition))
        answer, label = tasks.answers[:, 0], tasks.labels[..., 0]

        def error(predicted: np.ndarray) -> float:
            return float(np.minimum((predicted - answer) ** 2 / np.mean(answer**2), 1).mean())

        predictions = {}
        with torch.no_grad():
            state = subject.embed(torch.from_numpy(tasks.inputs))
            for loop in range(1, max(*self.loops, subject.depth) + 1):
                state = state + self.damp * (subject.block(0, state) - state)
                predictions[loop] = subject.unembed(state)[:, 0].numpy()
        unit = (gradient_descent(tasks.x, label, 1, 1.0) * tasks.query).sum(1)
        rate = float(unit @ predictions[1] / (unit @ unit))
        rows = []
        for loop in sorted({*self.loops, subject.depth}):
            rows.append(("the subject", loop, error(predictions[loop]), loop == subject.depth))
            with np.errstate(all="ignore"):  # too long a step overflows, and errors are at most 1
                weights = np.nan_to_num(gradient_descent(tasks.x, label, loop, rate), nan=np.inf)
                descent = np.nan_to_num((weights * tasks.query).sum(1), nan=np.inf)
            rows.append(("gradient descent", loop, error(descent), loop == subject.depth))
        names = ("who", "loops", "error", "trained depth")
        return Traces({name: np.array(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)})

    @readout(bounds=(-1.0, 1.0), unit="share of the error")
    def gain(self, traces: Traces) -> float:
        """The share of the error after its trained depth that is gone after the last of `loops`."""
        own = traces.where(who="the subject")
        before = float(own["error"][own["trained depth"]][0])
        return max(-1.0, 1 - float(own["error"][-1]) / before)

    @readout(bounds=(0.0, 1.0), unit="share of the variance")
    def distance_from_descent(self, traces: Traces) -> float:
        """How far its error is from gradient descent's, at the worst of `loops`."""
        own, descent = (traces.where(who=name) for name in ("the subject", "gradient descent"))
        return float(np.abs(own["error"] - descent["error"]).max())
