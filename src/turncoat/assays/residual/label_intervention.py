"""What is it after, once it has settled: can the labels be changed under it?

The subject runs until it has settled on task a. Then the difference between another task's labels of the same inputs
and a's own is put onto its tokens, the way labels enter them at the start. (`ObjectiveEdit` asks instead what the
settled state tells of the labels. In a descent that is next to nothing: what is left of a label then is its residual.)
The query's token, from which the answer is read, is not touched. It runs on for as long as it has run. The effect lies
between no change (0) and having had the other labels from the start (1), and is compared with random maps from labels
to tokens, norm for norm.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from turncoat.assays.behaviour.measures import Pairs
from turncoat.core import Access, NotTestable, Traces


@dataclass(frozen=True)
class Relabel:
    """Share of the way that predictions go to those of the other labels. `read`: "effect", "random" (the best of them)
    or "at once" (before it runs on)."""

    condition: Pairs = ()
    n: int = 400
    randoms: int = 30
    read: str = field(default="effect", metadata={"pure": True})

    needs: ClassVar[Access] = Access.WEIGHTS
    version: ClassVar[int] = 1
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    says: ClassVar[str] = "share of the way to the other labels' predictions"

    def observe(self, subject: Any, world: Any, seed: int) -> Traces:
        import torch

        from turncoat.assays.residual.common import iterating, run
        from turncoat.assays.residual.objective_edit import became, resized

        (mind, _), rng = iterating(subject, world), np.random.default_rng(seed)
        if not mind.tied:
            raise NotTestable("it has no block that could be run on")
        if not hasattr(world, "tasks"):
            raise NotTestable("its world has no regression tasks")
        tasks, others = (world.tasks(self.n, rng, dict(self.condition)) for _ in range(2))
        instead = replace(tasks, weights=others.weights)
        change_of_code = torch.from_numpy(instead.code - tasks.code)
        pause, stop = mind.depth, 2 * mind.depth
        with torch.no_grad():
            entered, given = (mind.enter(torch.from_numpy(each.inputs)) for each in (tasks, instead))
            state, theirs = run(mind, entered, 0, pause), run(mind, given, 0, stop)
            left, goal = mind.answer(run(mind, state, pause, stop)), mind.answer(theirs)
            mark, dice = given - entered, torch.Generator().manual_seed(seed)
            shares = {
                "effect": became(mind.answer(run(mind, state + mark, pause, stop)), goal, left),
                "at once": became(mind.answer(state + mark), goal, left),
            }
            for draw in range(self.randoms):
                carries = torch.randn(change_of_code.shape[2], state.shape[2], generator=dice)
                change = resized(change_of_code @ carries, mark)
                shares[f"random {draw}"] = became(mind.answer(run(mind, state + change, pause, stop)), goal, left)
        return Traces({"variant": np.array(list(shares)), "share": np.array(list(shares.values()))})

    def estimate(self, traces: Traces) -> float:
        wanted = [str(name).startswith(self.read) for name in traces["variant"]]
        return float(traces["share"][wanted].max())
