"""What is it after, once it has settled: can the labels be changed under it?

The subject runs until it has settled on task a. Then the difference between another task's labels of the same inputs
and a's own is put onto its tokens, the way labels enter them at the start. (`ObjectiveEdit` asks instead what the
settled state tells of the labels. In a descent that is next to nothing: what is left of a label then is its residual.)
The query's token, from which the answer is read, is not touched. It runs on for as long as it has run. The effect lies
between no change (0) and having had the other labels from the start (1), and is compared with random maps from labels
to tokens, norm for norm.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from turncoat.assays.behaviour.measures import Pairs
from turncoat.assays.variants import by_variant
from turncoat.core import Access, Assay, NotTestable, Traces, readout
from turncoat.protocols import DifferentiableTask, RegressionWorld, ResidualModel

if TYPE_CHECKING:
    from turncoat.worlds.supervised.regression import RegressionTasks


@dataclass(frozen=True)
class LabelIntervention(Assay):
    """How far predictions go to those of the other labels. Columns: `variant` ("effect"; "at once", before it runs on;
    or "random K"), `share` of the way."""

    condition: Pairs = ()
    n: int = 400
    randoms: int = 30

    kind: ClassVar[str] = "LabelIntervention"
    version: ClassVar[int] = 1
    required_access: ClassVar[Access] = Access.WEIGHTS
    requires: ClassVar[tuple[type, ...]] = (ResidualModel, DifferentiableTask, RegressionWorld)

    def observe(self, subject: ResidualModel, world: RegressionWorld[RegressionTasks], seed: int) -> Traces:
        import torch

        from turncoat.assays.residual.common import run_blocks
        from turncoat.assays.residual.objective_edit import match_norm, share_converted

        model, rng = subject, np.random.default_rng(seed)
        if not model.tied:
            raise NotTestable("it has no block that could be run on")
        tasks, others = (world.tasks(self.n, rng, dict(self.condition)) for _ in range(2))
        instead = replace(tasks, weights=others.weights)
        change_of_code = torch.from_numpy(instead.code - tasks.code)
        pause, stop = model.depth, 2 * model.depth
        with torch.no_grad():
            entered, given = (model.embed(torch.from_numpy(each.inputs)) for each in (tasks, instead))
            state, theirs = run_blocks(model, entered, 0, pause), run_blocks(model, given, 0, stop)
            left, goal = model.unembed(run_blocks(model, state, pause, stop)), model.unembed(theirs)
            mark, generator = given - entered, torch.Generator().manual_seed(seed)
            shares = {
                "effect": share_converted(model.unembed(run_blocks(model, state + mark, pause, stop)), goal, left),
                "at once": share_converted(model.unembed(state + mark), goal, left),
            }
            for draw in range(self.randoms):
                carries = torch.randn(change_of_code.shape[2], state.shape[2], generator=generator)
                change = match_norm(change_of_code @ carries, mark)
                shares[f"random {draw}"] = share_converted(
                    model.unembed(run_blocks(model, state + change, pause, stop)), goal, left
                )
        return Traces({"variant": np.array(list(shares)), "share": np.array(list(shares.values()))})

    @readout(bounds=(0.0, 1.0), unit="share of the way to the other labels' predictions")
    def effect(self, traces: Traces) -> float:
        """The change of labels, after it has run on."""
        return by_variant(traces, "share")["effect"]

    @readout(bounds=(0.0, 1.0), unit="share of the way to the other labels' predictions")
    def best_random(self, traces: Traces) -> float:
        """The best of the random maps."""
        return max(value for name, value in by_variant(traces, "share").items() if name.startswith("random"))

    @readout(bounds=(0.0, 1.0), unit="share of the way to the other labels' predictions")
    def at_once(self, traces: Traces) -> float:
        """The change of labels, before it runs on."""
        return by_variant(traces, "share")["at once"]
