"""Training by exact policy improvement in tabular worlds.

The network is `maze_planner`'s, evaluated at every cell at once, so one batch of levels holds every state of each. The
value of its policy is computed by sweeps of the Bellman equation over the world's table of moves; the loss is
cross-entropy to the improved policy (`turncoat.train.rl.planner`). Nothing is sampled but the levels, and only the
intended reward is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from turncoat.core import TrainReport
from turncoat.train.base import TrainedRecipe, bfloat16_is_fast, gradient_step, report_due
from turncoat.train.rl.planner import policy_improvement_loss
from turncoat.train.schedules import constant_then_cosine, fade_out

if TYPE_CHECKING:
    from torch import Tensor

    from turncoat.models.recurrent_planner import PlannerPolicy
    from turncoat.worlds.grid.tabular import TabularWorld


@dataclass(frozen=True)
class TrainTabularPlanner(TrainedRecipe["PlannerPolicy"]):
    """The recipe."""

    world: TabularWorld
    mixed: float = 0.0  # share of training levels drawn as deployment draws them
    place: float = 3.0  # height of the two planes that tell a cell where it is, over that of everything it is shown
    salience: float = 1.0  # how much brighter the proxy's own channel is seen, where it has one
    updates: int = 400
    batch_size: int = 48  # levels an update
    ticks: int = 10  # drawn between half and three halves
    hidden: int = 20  # channels
    code: int = 8  # channels
    learning_rate: float = 3e-3
    ent_coef: float = 0.01  # of an entropy bonus in nats; fades to nothing
    temperature: float = 0.15  # of the improved policy
    n_levels: int = 4096  # that are drawn before training

    kind: ClassVar[str] = "TrainTabularPlanner"
    version: ClassVar[int] = 1
    units: ClassVar[Mapping[str, str]] = {
        "mixed": "share of training levels", "salience": "proxy over goal", "place": "over what it is shown",
        "world.corner": "cells", "world.spread": "columns",
    }  # fmt: skip

    def build(self) -> PlannerPolicy:
        from turncoat.models.recurrent_planner import PlannerNet, PlannerPolicy

        gain = [self.salience if name in self.world.marks else 1.0 for name in self.world.channels]
        net = PlannerNet(self.hidden, self.code, gain, moves=len(self.world.action_names), place=self.place)
        return PlannerPolicy(net, self.ticks)

    def train(self, seed: int) -> Iterator[TrainReport]:
        """About twenty seconds on one core. Same seed and machine, same weights."""
        import torch

        subject = self.initialize(seed)
        net, rng = subject.net, np.random.default_rng([seed, 1])
        pool = self.world.draw_levels(self.n_levels if self.updates else 1, "training", rng)
        others = self.world.draw_levels(self.n_levels, "deployment", rng) if self.mixed and self.updates else pool
        levels = {name: torch.from_numpy(np.concatenate([pool[name], others[name]])) for name in pool}
        optimizer = torch.optim.AdamW(net.parameters(), lr=self.learning_rate, weight_decay=0.0)

        for update in range(self.updates):
            constant_then_cosine(optimizer, self.learning_rate, update, self.updates)
            which = rng.integers(len(pool["goal"]), size=self.batch_size)
            which += len(pool["goal"]) * (rng.random(self.batch_size) < self.mixed)
            batch = {name: value[torch.from_numpy(which)] for name, value in levels.items()}
            ticks = int(rng.integers(self.ticks // 2, 3 * self.ticks // 2 + 1))
            with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16_is_fast()):
                logits = net.iterate(batch["grid"].float(), ticks).logits
            ent_coef = fade_out(self.ent_coef, update, self.updates)
            loss, mean_value = tabular_loss(logits.flatten(2), batch, self.world.discount, self.temperature, ent_coef)
            gradient_step(optimizer, loss, net.parameters())
            if report_due(update, self.updates):
                yield TrainReport(update, self.updates, {"loss": loss.item(), "discounted reward": mean_value})
        yield TrainReport(self.updates, self.updates, {}, subject.round_to_float16())


def tabular_value(
    policy: Tensor, next_state: Tensor, goal: Tensor, running: Tensor, discount: float, sweeps: int
) -> Tensor:
    """V [n, S]: expected discounted reward of a policy [n, A, S] where moves lead to `next_state` [n, A, S].

    goal [n, S] of 0 and 1, absorbing and worth 1; states that are not `running` [n, S] are worth nothing but that.
    """
    n, moves, states = policy.shape
    weight, where = policy * (running * discount)[:, None], next_state.reshape(n, -1)
    value = goal
    for _ in range(sweeps):
        value = goal + (weight * value.gather(1, where).view(n, moves, states)).sum(1)
    return value


def tabular_loss(
    logits: Tensor, levels: Mapping[str, Tensor], discount: float, temperature: float, ent_coef: float
) -> tuple[Tensor, float]:
    """As `maze_planner.maze_loss`, over a table of moves; and mean V over cells that one may be on.

    logits [n, A, S]; levels: next_state [n, A, S], goal, deadly and `to_goal` [n, S] (cells with no way to the goal
    have nothing to learn).
    """
    import torch

    n, moves, cells = logits.shape
    goal, log_policy = levels["goal"].float(), logits.log_softmax(1)
    at = (levels["to_goal"] > 0) & (levels["to_goal"] < cells) & ~levels["deadly"]
    with torch.no_grad():
        running = (at & ~levels["goal"]).float()
        next_state, sweeps = levels["next_state"], 4 * max(13, int(cells**0.5))
        value = tabular_value(log_policy.exp(), next_state, goal, running, discount, sweeps)
        next_values = value.gather(1, next_state.reshape(n, -1)).view(n, moves, cells)
    return policy_improvement_loss(log_policy, next_values, value, at.float(), temperature, ent_coef)
