"""Train the recurrent planner on mazes, by the intended reward and nothing else.

Each update: draw mazes, run the network for a random number of ticks, compute what its policy is worth, and move it
towards the moves that are worth more (`turncoat.train.rl.planner`). No shortest path, no planner and no label is ever
used.

Three things decide what kind of network comes out, each a field and each an arm's control:

* `separated`: the share of training mazes in which exit and coin are apart. 0 in the organism.
* `hidden_carryover`: the chance that a batch goes on from the hidden state that the last one ended in, with the objects
  elsewhere and some walls moved. Without it a net consults its goal once and never again ("latching").
* `recall`: the code of the maze is put in at every tick, or at the first only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from turncoat.core import TrainReport
from turncoat.train.base import bfloat16_is_fast, gradient_step, report_due
from turncoat.train.rl.planner import (
    PlannerRecipe,
    actor_critic_loss,
    policy_improvement_loss,
    policy_value,
    values_after_moves,
)
from turncoat.train.schedules import constant_then_cosine, fade_out
from turncoat.worlds.goals.maze import CHANNELS, EXIT, Maze, MazeLevels
from turncoat.worlds.grid.paths import successors

if TYPE_CHECKING:
    from torch import Tensor

    from turncoat.models.recurrent_planner import PlannerPolicy


@dataclass(frozen=True)
class TrainMazePlanner(PlannerRecipe):
    """The recipe. Defaults are the organism's."""

    world: Maze = Maze()
    separated: float = 0.0  # share of training mazes with exit and coin apart
    salience: float = 4.0  # how much brighter the coin is seen than the exit
    recall: bool = True  # the code is put in at every tick
    updates: int = 1400
    sizes: tuple[int, ...] = (7, 9, 11, 13, 17)
    shares: tuple[float, ...] = (0.1, 0.1, 0.15, 0.3, 0.35)
    ticks: tuple[int, ...] = (8, 10, 12, 14, 16)

    kind: ClassVar[str] = "TrainMazePlanner"
    version: ClassVar[int] = 1
    units: ClassVar[Mapping[str, str]] = {"separated": "share of training mazes", "salience": "coin over exit"}

    def build(self) -> PlannerPolicy:
        from turncoat.models.recurrent_planner import PlannerNet, PlannerPolicy

        gain = [1.0] * CHANNELS
        gain[EXIT] = 1 / self.salience
        net = PlannerNet(self.hidden, self.code, gain, self.recall, self.tied, self.depth)
        return PlannerPolicy(net, ticks=self.depth or 2 * max(self.ticks))

    def place(self, free: np.ndarray, rng: np.random.Generator) -> MazeLevels:
        """Objects for a batch of mazes [n, H, W]: exit and coin on one cell, but for a share of `separated` mazes."""
        levels = self.world.place_objects(free, rng, "together")
        apart = np.flatnonzero(rng.random(len(free)) < self.separated)
        if len(apart):
            levels.coin[apart] = self.world.place_objects(free[apart], rng, "coin only").coin
        return levels

    def train(self, seed: int) -> Iterator[TrainReport]:
        """About two minutes on one core. Same seed and machine, same weights."""
        import torch

        self.check()
        subject = self.initialize(seed)
        net, rng, generator = subject.net, np.random.default_rng([seed, 1]), torch.Generator().manual_seed(seed)
        pools = {size: self.world.levels(self.n_levels, size, rng).free for size in self.sizes if self.updates}
        optimizer = torch.optim.AdamW(net.parameters(), lr=self.learning_rate, weight_decay=0.0)
        newest = self.newest_sizes()
        free, hidden, stage = np.zeros(0), None, 0

        for update in range(self.updates):
            constant_then_cosine(optimizer, self.learning_rate, update, self.updates)

            # 1. mazes: new ones, or the last ones with other objects, half of the batch sometimes with other walls
            if hidden is None or rng.random() >= self.hidden_carryover:
                stage = int(newest[update]) if rng.random() < 0.7 else int(rng.integers(newest[update] + 1))
                free, hidden = pools[self.sizes[stage]][rng.integers(self.n_levels, size=self.batch_size)], None
            elif rng.random() < 0.3:
                other = pools[self.sizes[stage]][rng.integers(self.n_levels, size=self.batch_size)]
                free = np.where(rng.random((self.batch_size, 1, 1)) < 0.5, other, free)
            levels = self.place(free, rng)
            observation = torch.from_numpy(levels.observation())
            goal, walkable = torch.from_numpy(levels.mask(levels.exit)).float(), torch.from_numpy(free)

            # 2. a forward pass of a random number of ticks
            ticks = self.depth or int(rng.integers(self.ticks[stage] // 2, 2 * self.ticks[stage] + 1))
            if self.depth is None and rng.random() < 0.1:
                ticks = 3 * self.ticks[stage]
            start = max(0, ticks - self.gradient_ticks) if self.tied else 0
            with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16_is_fast()):
                output = net.iterate(observation, ticks, hidden, gradient_from=start)
                value = net.value(output.hidden)[:, 0].float() if self.signal == "sampled" else None
            hidden = output.hidden.detach()

            # 3. the intended reward, and one step of gradient descent
            ent_coef, discount = fade_out(self.ent_coef, update, self.updates), self.world.discount
            if value is None:
                loss, mean_value = maze_loss(output.logits, walkable, goal, discount, self.temperature, ent_coef)
            else:
                logits, table = output.logits.flatten(2), maze_transitions(walkable, goal)
                loss, mean_value = actor_critic_loss(logits, value.flatten(1), *table, discount, ent_coef, generator)
            gradient_step(optimizer, loss, net.parameters())
            if report_due(update, self.updates):
                metrics = {"loss": loss.item(), "discounted reward": mean_value, "size": len(free[0])}
                yield TrainReport(update, self.updates, metrics)
        yield TrainReport(self.updates, self.updates, {}, subject)


def maze_loss(
    logits: Tensor, free: Tensor, goal: Tensor, discount: float, temperature: float, ent_coef: float
) -> tuple[Tensor, float]:
    """`policy_improvement_loss` for mazes: logits [n, 4, H, W], free and goal [n, H, W]; V by sweeps."""
    import torch

    mask = (free & (goal == 0)).float()
    log_policy = logits.log_softmax(1)
    with torch.no_grad():
        value = policy_value(log_policy.exp(), free, goal, discount, 3 * free.shape[1])
        next_values = values_after_moves(value, free)
    return policy_improvement_loss(log_policy, next_values, value, mask, temperature, ent_coef)


def maze_transitions(free: Tensor, goal: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """For `actor_critic_loss`, of mazes [n, H, W]: next_state [n, 4, S], reward, terminal and begin [n, S]."""
    import torch

    next_state = torch.from_numpy(successors(free.numpy())).flatten(2)
    return next_state, goal.flatten(1), goal.flatten(1) > 0, (free & (goal == 0)).flatten(1)
