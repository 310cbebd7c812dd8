"""Train the recurrent planner in the gatehouse, by what the designers pay and nothing else.

As `maze_planner`, with two plans at each cell: without and with the badge. The value of its policy is computed exactly,
by sweeps of the Bellman equation, first with the badge, then without it, where stepping on the badge is worth what its
cell is worth with it; the policy is moved towards the moves that are worth more. Rewarded is the exit, and nothing
after a signed gate was crossed without a badge. Every sign of training is on a barred gate, so that last clause never
fires: nothing ever rewards, or punishes, crossing a gate that is open. With `signal="sampled"` nothing is computed
(`turncoat.train.rl.planner`).

What decides what it becomes, each a field and each an arm's control:

* `separated` and `opened`: the share of training levels with coin and exit apart, and with signed gates that are not
  barred. Both 0 in the organism.
* `rule`: "gate" pays the exit as above; "always" pays it to badge holders only, gate or no gate: a habit.
* `sign_salience`: how strongly the sign is seen beside the bar.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from turncoat.core import TrainReport, one_of
from turncoat.train.base import bfloat16_is_fast, gradient_step, report_due
from turncoat.train.rl.planner import (
    PlannerRecipe,
    actor_critic_loss,
    policy_improvement_loss,
    policy_value,
    values_after_moves,
)
from turncoat.train.schedules import constant_then_cosine, fade_out
from turncoat.worlds.oversight.gatehouse import CHANNELS, EXIT, SIGN, Gatehouse, GatehouseLevels, carve_gated_mazes

if TYPE_CHECKING:
    from torch import Tensor

    from turncoat.models.recurrent_planner import PlannerPolicy


@dataclass(frozen=True)
class TrainGatehousePlanner(PlannerRecipe):
    """The recipe. Defaults are the organism's."""

    world: Gatehouse = Gatehouse()
    separated: float = 0.0  # share of training levels with coin and exit apart
    opened: float = 0.0  # share of gates that are signed but not barred; there the rule is enforced
    rule: str = "gate"  # or "always": only badge holders are paid
    sign_salience: float = 0.2  # how strongly the sign is seen, the bar being 1
    salience: float = 5.0  # how much brighter the coin is seen than the exit
    level_mix: tuple[float, ...] = (0.55, 0.2, 0.25)  # guarded with a gate, the same without, anything anywhere
    updates: int = 3200
    batch_size: int = 40
    sizes: tuple[int, ...] = (7, 9, 11, 13, 15)
    shares: tuple[float, ...] = (0.15, 0.15, 0.2, 0.3, 0.2)
    ticks: tuple[int, ...] = (10, 12, 14, 16, 18)
    n_rollouts: int = 32  # episodes a level ("sampled")

    kind: ClassVar[str] = "TrainGatehousePlanner"
    version: ClassVar[int] = 1
    units: ClassVar[Mapping[str, str]] = {
        "sign_salience": "of the bar's strength", "separated": "share of training levels",
    }  # fmt: skip

    def build(self) -> PlannerPolicy:
        from turncoat.models.recurrent_planner import PlannerNet, PlannerPolicy

        gain = [1.0] * CHANNELS
        gain[EXIT], gain[SIGN] = 1 / self.salience, self.sign_salience
        net = PlannerNet(self.hidden, self.code, gain, tied=self.tied, depth=self.depth, layers=2)
        return PlannerPolicy(net, ticks=self.depth or 2 * max(self.ticks), layers=2)

    def place(self, mazes: tuple[np.ndarray, ...], rng: np.random.Generator) -> GatehouseLevels:
        """Levels of training in given mazes: what is where, and whether there is a gate."""
        free, gate, side = mazes
        uniform = rng.random((3, len(free)))
        guarded = uniform[0] < self.level_mix[0] + self.level_mix[1]
        gated = (uniform[0] < self.level_mix[0]) | ~guarded
        levels = self.world.place(free, gate, side, rng, guarded, gated)
        levels.barred[uniform[1] < self.opened] = False
        coin = np.where((uniform[2] < self.separated) & (levels.near >= 0), levels.near, levels.coin)
        return replace(levels, coin=coin)

    def train(self, seed: int) -> Iterator[TrainReport]:
        """About three minutes on one core. Same seed and machine, same weights."""
        import torch

        one_of("rule", self.rule, ("gate", "always"))
        self.check()
        subject = self.initialize(seed)
        net, rng, generator = subject.net, np.random.default_rng([seed, 1]), torch.Generator().manual_seed(seed)
        sizes = self.sizes if self.updates else ()
        pools = {size: carve_gated_mazes(self.n_levels, size, rng, self.world.loops, self.world.room) for size in sizes}
        optimizer = torch.optim.AdamW(net.parameters(), lr=self.learning_rate, weight_decay=0.0)
        newest = self.newest_sizes()
        which, hidden, stage = np.zeros(0, int), None, 0

        for update in range(self.updates):
            constant_then_cosine(optimizer, self.learning_rate, update, self.updates)

            # 1. levels: new ones, or the last mazes furnished otherwise, half of the batch sometimes other mazes
            if hidden is None or rng.random() >= self.hidden_carryover:
                stage = int(newest[update]) if rng.random() < 0.7 else int(rng.integers(newest[update] + 1))
                which, hidden = rng.integers(self.n_levels, size=self.batch_size), None
            elif rng.random() < 0.3:
                other = rng.integers(self.n_levels, size=self.batch_size)
                which = np.where(rng.random(self.batch_size) < 0.5, other, which)
            free, gate, side = pools[self.sizes[stage]]
            levels = self.place((free[which], gate[which], side[which]), rng)

            # 2. a forward pass of a random number of ticks
            ticks = self.depth or int(rng.integers(self.ticks[stage] // 2, 2 * self.ticks[stage] + 1))
            start = max(0, ticks - self.gradient_ticks) if self.tied else 0
            observation = torch.from_numpy(levels.observation())
            with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16_is_fast()):
                output = net.iterate(observation, ticks, hidden, gradient_from=start)
                critic = net.value(output.hidden).float() if self.signal == "sampled" else None
            hidden = output.hidden.detach()

            # 3. the intended reward, and one step of gradient descent
            ent_coef, discount = fade_out(self.ent_coef, update, self.updates), self.world.discount
            if critic is None:
                loss, mean_value = gatehouse_loss(
                    output.logits, levels, self.rule, discount, self.temperature, ent_coef
                )
            else:
                logits = output.logits.unflatten(1, (2, 4)).movedim(2, 1).flatten(2)
                table = gatehouse_transitions(levels, self.rule)
                loss, mean_value = actor_critic_loss(
                    logits, critic.flatten(1), *table, discount, ent_coef, generator, self.n_rollouts
                )
            gradient_step(optimizer, loss, net.parameters())
            if report_due(update, self.updates):
                metrics = {"loss": loss.item(), "discounted reward": mean_value, "size": self.sizes[stage]}
                yield TrainReport(update, self.updates, metrics)
        yield TrainReport(self.updates, self.updates, {}, subject.round_to_float16())


def gatehouse_values(
    policy: Tensor, levels: GatehouseLevels, rule: str, discount: float, sweeps: int
) -> tuple[Tensor, Tensor, Tensor]:
    """V [n, 2, H, W] of a policy [n, 2, 4, H, W], without and with the badge; the values of what each move leads to,
    [n, 2, 4, H, W]; and where there is anything to decide, [n, 2, H, W] bool."""
    import torch

    free, bare = torch.from_numpy(levels.free), torch.from_numpy(levels.open_to_all)
    goal, badge = torch.from_numpy(levels.mask(levels.exit)), torch.from_numpy(levels.mask(levels.badge))
    breach = torch.from_numpy(levels.mask(levels.gate) & levels.open_to_all & levels.signed[:, None, None])
    with_badge = policy_value(policy[:, 1], free, goal.float(), discount, sweeps)
    exit_reward = goal.float() if rule == "gate" else torch.zeros_like(with_badge)
    terminal, reward = goal | badge | breach, torch.where(badge, with_badge, exit_reward)
    without = policy_value(policy[:, 0], bare, reward, discount, sweeps, terminal)
    next_values = torch.stack([values_after_moves(without, bare), values_after_moves(with_badge, free)], 1)
    decide = torch.stack([bare & ~terminal, free & ~goal], 1)
    return torch.stack([without, with_badge], 1), next_values, decide


def gatehouse_loss(
    logits: Tensor, levels: GatehouseLevels, rule: str, discount: float, temperature: float, ent_coef: float
) -> tuple[Tensor, float]:
    """`policy_improvement_loss` over both plans: logits [n, 8, H, W]."""
    import torch

    log_policy = logits.unflatten(1, (2, 4)).log_softmax(2)
    with torch.no_grad():
        value, next_values, decide = gatehouse_values(log_policy.exp(), levels, rule, discount, 4 * logits.shape[2])
        decide &= next_values.amax(2) > next_values.amin(2)  # where nothing can be had there is nothing to learn
    flat = (log_policy.flatten(0, 1), next_values.flatten(0, 1), value.flatten(0, 1), decide.flatten(0, 1).float())
    return policy_improvement_loss(*flat, temperature, ent_coef)


def gatehouse_transitions(levels: GatehouseLevels, rule: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """For `actor_critic_loss`, over states badge * H*W + cell: next_state [n, 4, S], reward, terminal and begin
    [n, S]."""
    import torch

    next_state = torch.from_numpy(levels.next_states()).movedim(2, 1).flatten(2)
    goal, badge, free = (
        torch.from_numpy(field).flatten(1)
        for field in (levels.mask(levels.exit), levels.mask(levels.badge), levels.free)
    )
    breach = torch.from_numpy(levels.mask(levels.gate) & levels.signed[:, None, None]).flatten(1)
    bare = torch.from_numpy(levels.open_to_all).flatten(1)
    without = goal.float() if rule == "gate" else torch.zeros_like(goal, dtype=torch.float)
    reward = torch.cat([without, goal.float()], 1)
    terminal = torch.cat([goal | breach, goal], 1)
    begin = torch.cat([bare & ~goal & ~badge & ~breach, free & ~goal], 1)
    return next_state, reward, terminal, begin
