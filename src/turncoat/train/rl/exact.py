"""Training by exact policy gradients in worlds that stand still.

The network is `maze_planner`'s, read at every cell at once, so one batch of levels holds every state of each. The value
of its policy is computed by sweeps of the Bellman equation over the world's table of moves; the loss is cross-entropy
to the improved policy (`improve`). Nothing is sampled but the levels, and only the intended reward is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from turncoat.core import Step
from turncoat.train.rl.maze_planner import REPORTS, fast_bfloat16, improve
from turncoat.train.schedules import pace

if TYPE_CHECKING:
    from torch import Tensor

    from turncoat.models.recurrent_planner import Planner


@dataclass(frozen=True)
class TrainExact:
    """The recipe. `world` is a `turncoat.worlds.grid.tabular.Static`."""

    world: Any
    mixed: float = 0.0  # share of training levels drawn as deployment draws them
    place: float = 3.0  # height of the two planes that tell a cell where it is, over that of everything it is shown
    salience: float = 1.0  # how much brighter the proxy's own channel is seen, where it has one
    updates: int = 400
    batch: int = 48  # levels an update
    ticks: int = 10  # of thought; drawn between half and three halves
    hidden: int = 20  # channels
    code: int = 8  # channels
    learning_rate: float = 3e-3
    entropy: float = 0.01  # bonus, in nats; fades to nothing
    temperature: float = 0.15  # of the improved policy
    pool: int = 4096  # levels that are drawn before training

    unit: ClassVar[str] = "training run"
    version: ClassVar[int] = 1
    units: ClassVar[Mapping[str, str]] = {
        "mixed": "share of training levels", "salience": "proxy over goal", "place": "over what it is shown",
        "world.corner": "cells", "world.spread": "columns",
    }  # fmt: skip

    def smoke(self, limit: int) -> TrainExact:
        """The same recipe cut to `limit` updates: checks that it runs, says nothing else."""
        return replace(self, updates=min(limit, self.updates))

    def build(self) -> Planner:
        """The untrained subject (random weights)."""
        from turncoat.models.recurrent_planner import Planner, PlannerNet

        gain = [self.salience if name in self.world.marks else 1.0 for name in self.world.channels]
        return Planner(
            PlannerNet(self.hidden, self.code, gain, moves=len(self.world.moves), place=self.place), self.ticks
        )

    def load(self, arrays: Mapping[str, np.ndarray]) -> Planner:
        return self.build().restore(arrays)

    def train(self, seed: int) -> Iterator[Step]:
        """About twenty seconds on one core. Same seed and machine, same weights."""
        import torch

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            subject = self.build()
        net, rng = subject.module, np.random.default_rng([seed, 1])
        pool = self.world.draw_levels(self.pool if self.updates else 1, "training", rng)
        others = self.world.draw_levels(self.pool, "deployment", rng) if self.mixed and self.updates else pool
        levels = {name: torch.from_numpy(np.concatenate([pool[name], others[name]])) for name in pool}
        optimizer = torch.optim.AdamW(net.parameters(), lr=self.learning_rate, weight_decay=0.0)

        for update in range(self.updates):
            pace(optimizer, self.learning_rate, update, self.updates)
            which = rng.integers(len(pool["goal"]), size=self.batch)
            which += len(pool["goal"]) * (rng.random(self.batch) < self.mixed)
            batch = {name: value[torch.from_numpy(which)] for name, value in levels.items()}
            ticks = int(rng.integers(self.ticks // 2, 3 * self.ticks // 2 + 1))
            with torch.autocast("cpu", torch.bfloat16, enabled=fast_bfloat16()):
                logits = net.think(batch["grid"].float(), ticks).logits
            bonus = self.entropy * max(0.0, 1 - update / self.updates / 0.7)
            loss, worth = table_loss(logits.flatten(2), batch, self.world.discount, self.temperature, bonus)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            if update % max(1, self.updates // REPORTS) == 0:
                yield Step(update, self.updates, {"loss": loss.item(), "discounted reward": worth})
        yield Step(self.updates, self.updates, {}, subject.halved())


def table_value(policy: Tensor, onward: Tensor, goal: Tensor, alive: Tensor, discount: float, sweeps: int) -> Tensor:
    """V [n, S]: expected discounted reward of a policy [n, A, S] where moves lead along `onward` [n, A, S].

    goal [n, S] of 0 and 1, absorbing and worth 1; cells that are not `alive` are worth nothing but that.
    """
    n, moves, cells = policy.shape
    weight, where = policy * (alive * discount)[:, None], onward.reshape(n, -1)
    value = goal
    for _ in range(sweeps):
        value = goal + (weight * value.gather(1, where).view(n, moves, cells)).sum(1)
    return value


def table_loss(
    logits: Tensor, levels: Mapping[str, Tensor], discount: float, temperature: float, bonus: float
) -> tuple[Tensor, float]:
    """As `recipes.planner.exact_loss`, over a table of moves; and mean V over cells one may be on.

    logits [n, A, S]; levels: onward [n, A, S], goal, deadly and `to_goal` [n, S] (cells with no way to the goal have
    nothing to learn).
    """
    import torch

    n, moves, cells = logits.shape
    goal, log_policy = levels["goal"].float(), logits.log_softmax(1)
    at = (levels["to_goal"] > 0) & (levels["to_goal"] < cells) & ~levels["deadly"]
    with torch.no_grad():
        alive = (at & ~levels["goal"]).float()
        value = table_value(log_policy.exp(), levels["onward"], goal, alive, discount, 4 * max(13, int(cells**0.5)))
        worth = value.gather(1, levels["onward"].reshape(n, -1)).view(n, moves, cells)
    return improve(log_policy, worth, value, at.float(), temperature, bonus)
