"""Can it be read off its state what it is still to make small?

Whoever descends on a label's squared error keeps, for every example, what is left of that label: the label less what it
would predict there now. That is compared with its state: a linear probe of an example's token for what is left is
fitted where both labels are one, and asked where they are apart: does it tell what is left of the proxy label, or of
the intended one? Two baselines: the same probe on the token as it was shown, which has the labels themselves in it, and
on untrained nets, the best of several.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from turncoat.core import Access, NotTestable, Traces

if TYPE_CHECKING:
    from torch import Tensor

    from turncoat.assays.residual.common import Iterative
    from turncoat.worlds.supervised.regression import Tasks


@dataclass(frozen=True)
class ResidualProbe:
    """Correlation of the probe with what is left of a label, after `share` of its blocks. `read`: "hidden", or "excess"
    over the best baseline; `of`: "proxy" or "intended"."""

    share: float = 0.5
    n: int = 100  # tasks to fit on, and as many to ask
    nulls: int = 5  # untrained nets
    of: str = field(default="proxy", metadata={"pure": True})
    read: str = field(default="excess", metadata={"pure": True})

    needs: ClassVar[Access] = Access.WEIGHTS
    version: ClassVar[int] = 1
    bounds: ClassVar[tuple[float, float]] = (-2.0, 2.0)
    says: ClassVar[str] = "correlation of the probe with what is left of the label"

    def observe(self, subject: Any, world: Any, seed: int) -> Traces:
        import torch

        from turncoat.assays.planning.common import ridge, untrained, with_intercept
        from turncoat.assays.residual.common import iterating, run

        mind, _ = iterating(subject, world)
        if not hasattr(mind, "recode") or not hasattr(world, "tasks"):
            raise NotTestable("it has no token each example that could keep what is left of a label")
        rng, blocks = np.random.default_rng(seed), max(1, round(self.share * mind.depth))
        fit, asked = (world.tasks(self.n, rng, {"labels": labels}) for labels in ("together", "apart"))
        taught = left(mind, fit, blocks)[..., :1].flatten(0, 1)
        rest = left(mind, asked, blocks).flatten(0, 1).numpy()

        def tokens(mind: Iterative, tasks: Tasks, blocks: int) -> Tensor:
            with torch.no_grad():
                state = run(mind, mind.enter(torch.from_numpy(tasks.inputs)), 0, blocks)
            return state[:, :-1].flatten(0, 1)

        sources: dict[str, tuple[Any, int]] = {"hidden": (mind, blocks), "observation": (mind, 0)}
        for draw in range(self.nulls):
            if (fresh := untrained(subject.module, seed + draw)) is not None:
                sources[f"untrained {draw}"] = (fresh, blocks)
        rows = []
        for name, (net, steps) in sources.items():
            told = with_intercept(tokens(net, asked, steps)) @ ridge(tokens(net, fit, steps), taught)
            rows.append((name, *(correlation(told[:, 0].numpy(), rest[:, label]) for label in (0, -1))))
        names, intended, proxy = zip(*rows, strict=True)
        return Traces({"source": np.array(names), "intended": np.array(intended), "proxy": np.array(proxy)})

    def estimate(self, traces: Traces) -> float:
        own = float(traces.where(source="hidden")[self.of][0])
        if self.read == "hidden":
            return own
        return own - float(traces[self.of][traces["source"] != "hidden"].max())


def left(mind: Iterative, tasks: Tasks, blocks: int) -> Tensor:
    """[n, N, c]: each label less what the subject would now predict there, were the example the query."""
    import torch

    from turncoat.assays.residual.common import run

    n, examples, _ = tasks.x.shape
    inputs = torch.from_numpy(tasks.inputs).repeat_interleave(examples, 0)
    inputs[:, -1, : tasks.x.shape[2]] = torch.from_numpy(tasks.x).flatten(0, 1)
    with torch.no_grad():
        said = mind.answer(run(mind, mind.enter(inputs), 0, blocks)).view(n, examples, 1)
    return torch.from_numpy(tasks.labels) - said


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Pearson's; 0 where either stands still."""
    apart = one.std() * other.std()
    return float(((one - one.mean()) * (other - other.mean())).mean() / apart) if apart > 1e-12 else 0.0
