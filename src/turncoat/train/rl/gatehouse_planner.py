"""Train the recurrent planner in the gatehouse, by what the designers pay and nothing else.

As `recipes.planner`, with two plans at each cell: without and with the badge. The value of its policy is computed
exactly, by sweeps of the Bellman equation, first with the badge, then without it, where stepping on the badge is worth
what its cell is worth with it; the policy is moved towards the moves that are worth more (`improve`). Paid is the exit,
and nothing after a signed gate was crossed without a badge. Every sign of training is on a barred gate, so that last
clause never fires: nothing ever rewards, or punishes, crossing a gate that is open. With `signal="sampled"` nothing is
computed: moves are sampled, rewards are received, and an actor-critic does the rest (`recipes.planner.sampled_loss`).

What decides what it becomes, each a field and each an arm's control:

* `apart` and `opened`: the share of training levels with coin and exit apart, and with signed gates that are not
  barred. Both 0 in the organism.
* `rule`: "gate" pays the exit as above; "always" pays it to badge holders only, gate or no gate: a habit.
* `sign`: how strongly the sign is seen beside the bar.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from turncoat.core import Step, TurncoatError
from turncoat.train.rl.maze_planner import REPORTS, ahead, fast_bfloat16, improve, policy_value, sampled_loss
from turncoat.train.schedules import pace
from turncoat.worlds.goals.maze import MOVES
from turncoat.worlds.oversight.gatehouse import CHANNELS, EXIT, SIGN, Gatehouse, Houses, build

if TYPE_CHECKING:
    from torch import Tensor

    from turncoat.models.recurrent_planner import Planner


@dataclass(frozen=True)
class TrainGatehouse:
    """The recipe. Defaults are the organism's."""

    world: Gatehouse = Gatehouse()
    apart: float = 0.0  # share of training levels with coin and exit apart
    opened: float = 0.0  # share of gates that are signed but not barred; there the rule is enforced
    rule: str = "gate"  # or "always": only badge holders are paid
    signal: str = "exact"  # or "sampled"
    sign: float = 0.2  # how strongly the sign is seen, the bar being 1
    salience: float = 5.0  # how much brighter the coin is seen than the exit
    carry: float = 0.6  # chance to go on from the last hidden state
    tied: bool = True  # every tick has the same weights
    depth: int | None = None  # always think exactly so many ticks; None: a random number around `ticks`
    kinds: tuple[float, ...] = (0.55, 0.2, 0.25)  # guarded with a gate, the same without, anything anywhere
    updates: int = 3200
    batch: int = 40  # levels an update
    sizes: tuple[int, ...] = (7, 9, 11, 13, 15)  # the curriculum, and
    shares: tuple[float, ...] = (0.15, 0.15, 0.2, 0.3, 0.2)  # the share of updates in which each is the newest size
    ticks: tuple[int, ...] = (10, 12, 14, 16, 18)  # nominal ticks for each size; drawn between half and twice
    gradient_ticks: int = 12  # truncated backpropagation through time
    hidden: int = 32  # channels
    code: int = 16  # channels
    learning_rate: float = 3e-3
    entropy: float = 0.01  # bonus, in nats; fades to nothing
    temperature: float = 0.15  # of the improved policy ("exact")
    walkers: int = 32  # walks a level ("sampled")
    pool: int = 3000  # mazes kept per size; everything is placed anew for every batch

    unit: ClassVar[str] = "training run"
    version: ClassVar[int] = 1
    units: ClassVar[Mapping[str, str]] = {"sign": "of the bar's strength", "apart": "share of training levels"}

    def smoke(self, limit: int) -> TrainGatehouse:
        """The same recipe cut to `limit` updates: checks that it runs, says nothing else."""
        return replace(self, updates=min(limit, self.updates))

    def build(self) -> Planner:
        """The untrained subject (random weights)."""
        from turncoat.models.recurrent_planner import Planner, PlannerNet

        gain = [1.0] * CHANNELS
        gain[EXIT], gain[SIGN] = 1 / self.salience, self.sign
        net = PlannerNet(self.hidden, self.code, gain, tied=self.tied, depth=self.depth, layers=2)
        return Planner(net, ticks=self.depth or 2 * max(self.ticks), layers=2)

    def load(self, arrays: Mapping[str, np.ndarray]) -> Planner:
        return self.build().restore(arrays)

    def place(self, mazes: tuple[np.ndarray, ...], rng: np.random.Generator) -> Houses:
        """Levels of training in given mazes: what is where, and whether there is a gate."""
        free, gate, side = mazes
        luck = rng.random((3, len(free)))
        guarded = luck[0] < self.kinds[0] + self.kinds[1]
        gated = (luck[0] < self.kinds[0]) | ~guarded
        houses = self.world.place(free, gate, side, rng, guarded, gated)
        houses.barred[luck[1] < self.opened] = False
        coin = np.where((luck[2] < self.apart) & (houses.near >= 0), houses.near, houses.coin)
        return replace(houses, coin=coin)

    def train(self, seed: int) -> Iterator[Step]:
        """About three minutes on one core. Same seed and machine, same weights."""
        import torch

        if self.rule not in ("gate", "always"):
            raise TurncoatError(f"rule must be 'gate' or 'always', got {self.rule!r}")
        if self.signal not in ("exact", "sampled"):
            raise TurncoatError(f"signal must be 'exact' or 'sampled', got {self.signal!r}")
        if not self.tied and self.depth is None:
            raise TurncoatError("a net that is not tied needs a depth: how many layers it has")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            subject = self.build()
        net, rng = subject.module, np.random.default_rng([seed, 1])
        dice, sizes = torch.Generator().manual_seed(seed), self.sizes if self.updates else ()
        pools = {size: build(self.pool, size, rng, self.world.loops, self.world.room) for size in sizes}
        optimizer = torch.optim.AdamW(net.parameters(), lr=self.learning_rate, weight_decay=0.0)
        newest = np.repeat(np.arange(len(self.sizes)), np.ceil(np.array(self.shares) * self.updates).astype(int))
        which, hidden, stage = np.zeros(0, int), None, 0

        for update in range(self.updates):
            pace(optimizer, self.learning_rate, update, self.updates)

            # 1. levels: new ones, or the last mazes furnished otherwise, half of the batch sometimes other mazes
            if hidden is None or rng.random() >= self.carry:
                stage = int(newest[update]) if rng.random() < 0.7 else int(rng.integers(newest[update] + 1))
                which, hidden = rng.integers(self.pool, size=self.batch), None
            elif rng.random() < 0.3:
                other = rng.integers(self.pool, size=self.batch)
                which = np.where(rng.random(self.batch) < 0.5, other, which)
            free, gate, side = pools[self.sizes[stage]]
            houses = self.place((free[which], gate[which], side[which]), rng)

            # 2. think
            ticks = self.depth or int(rng.integers(self.ticks[stage] // 2, 2 * self.ticks[stage] + 1))
            start = max(0, ticks - self.gradient_ticks) if self.tied else 0
            observation = torch.from_numpy(houses.observation())
            with torch.autocast("cpu", torch.bfloat16, enabled=fast_bfloat16()):
                thought = net.think(observation, ticks, hidden, gradient_from=start)
                critic = net.value(thought.hidden).float() if self.signal == "sampled" else None
            hidden = thought.hidden.detach()

            # 3. the intended reward, and one step of gradient descent
            bonus, discount = self.entropy * max(0.0, 1 - update / self.updates / 0.7), self.world.discount
            if critic is None:
                loss, worth = exact_loss(thought.logits, houses, self.rule, discount, self.temperature, bonus)
            else:
                logits = thought.logits.unflatten(1, (2, 4)).movedim(2, 1).flatten(2)
                table = state_table(houses, self.rule)
                loss, worth = sampled_loss(logits, critic.flatten(1), *table, discount, bonus, dice, self.walkers)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            if update % max(1, self.updates // REPORTS) == 0:
                metrics = {"loss": loss.item(), "discounted reward": worth, "size": self.sizes[stage]}
                yield Step(update, self.updates, metrics)
        yield Step(self.updates, self.updates, {}, subject.halved())


def values(policy: Tensor, houses: Houses, rule: str, discount: float, sweeps: int) -> tuple[Tensor, Tensor, Tensor]:
    """V [n, 2, H, W] of a policy [n, 2, 4, H, W], without and with the badge; what each move leads to is worth, as
    [n, 2, 4, H, W]; and where there is anything to decide, [n, 2, H, W] bool."""
    import torch

    free, bare = torch.from_numpy(houses.free), torch.from_numpy(houses.open_to_all)
    goal, badge = torch.from_numpy(houses.mask(houses.exit)), torch.from_numpy(houses.mask(houses.badge))
    breach = torch.from_numpy(houses.mask(houses.gate) & houses.open_to_all & houses.signed[:, None, None])
    with_badge = policy_value(policy[:, 1], free, goal.float(), discount, sweeps)
    paid = goal.float() if rule == "gate" else torch.zeros_like(with_badge)
    ends, worth = goal | badge | breach, torch.where(badge, with_badge, paid)
    without = policy_value(policy[:, 0], bare, worth, discount, sweeps, ends)
    moves = [
        torch.stack([torch.where(ahead(ground, m), ahead(value, m), value) for m in MOVES], 1)
        for ground, value in ((bare, without), (free, with_badge))
    ]
    decide = torch.stack([bare & ~ends, free & ~goal], 1)
    return torch.stack([without, with_badge], 1), torch.stack(moves, 1), decide


def exact_loss(
    logits: Tensor, houses: Houses, rule: str, discount: float, temperature: float, bonus: float
) -> tuple[Tensor, float]:
    """`improve` over both plans: logits [n, 8, H, W]."""
    import torch

    log_policy = logits.unflatten(1, (2, 4)).log_softmax(2)
    with torch.no_grad():
        value, worth, decide = values(log_policy.exp(), houses, rule, discount, 4 * logits.shape[2])
        decide &= worth.amax(2) > worth.amin(2)  # where nothing can be had there is nothing to learn
    flat = (log_policy.flatten(0, 1), worth.flatten(0, 1), value.flatten(0, 1), decide.flatten(0, 1).float())
    return improve(*flat, temperature, bonus)


def state_table(houses: Houses, rule: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """For `sampled_loss`, over states badge * H*W + cell: onward [n, 4, S], paid, over and begin [n, S]."""
    import torch

    onward = torch.from_numpy(houses.onward()).movedim(2, 1).flatten(2)
    goal, badge, free = (
        torch.from_numpy(field).flatten(1)
        for field in (houses.mask(houses.exit), houses.mask(houses.badge), houses.free)
    )
    breach = torch.from_numpy(houses.mask(houses.gate) & houses.signed[:, None, None]).flatten(1)
    bare = torch.from_numpy(houses.open_to_all).flatten(1)
    without = goal.float() if rule == "gate" else torch.zeros_like(goal, dtype=torch.float)
    paid = torch.cat([without, goal.float()], 1)
    over = torch.cat([goal | breach, goal], 1)
    begin = torch.cat([bare & ~goal & ~badge & ~breach, free & ~goal], 1)
    return onward, paid, over, begin
