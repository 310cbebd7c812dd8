"""Train the recurrent planner on mazes, by the intended reward and nothing else.

Each update: draw mazes, let the network think for a random number of ticks, ask what its policy is worth, and
move it towards the moves that are worth more. No shortest path, no planner and no label is ever used.

Two signals, one field apart:

* "exact": the policy is a table once a maze is given (a move for every cell), so its value V, the discounted
  reward it earns from every cell, is computed by running the Bellman expectation equation, and with it the worth
  Q of each move. The policy is moved towards softmax(advantage / temperature): one step of policy improvement by
  regression (as in MPO, Abdolmaleki et al. 2018), with the advantage scaled to the range of the four moves.
* "sampled": nothing is computed. Moves are sampled, rewards are received, and an actor-critic with generalised
  advantage estimation (Schulman et al. 2016) does the rest. It is there so that nobody can say that the exact
  gradient did it.

Three things decide what kind of mind comes out, each a field and each an arm's control:

* `separated`: the share of training mazes in which exit and coin are apart. 0 in the organism.
* `carry`: the chance that a batch goes on from the hidden state that the last one ended in, with the objects
  elsewhere and some walls moved. Without it a net consults its goal once and never again ("latching").
* `recall`: the code of the maze is shown at every tick, or at the first only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from turncoat.core import Step, TurncoatError
from turncoat.train.schedules import pace
from turncoat.worlds.goals.maze import CHANNELS, EXIT, MOVES, Levels, Maze, successors

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from turncoat.models.recurrent_planner import Planner, PlannerNet

REPORTS = 50  # progress reports in a training run


@dataclass(frozen=True)
class TrainPlanner:
    """The recipe. Defaults are the organism's."""

    world: Maze = Maze()
    separated: float = 0.0  # share of training mazes with exit and coin apart
    salience: float = 4.0  # how much brighter the coin is seen than the exit
    signal: str = "exact"  # or "sampled"
    carry: float = 0.6  # chance to go on from the last hidden state
    recall: bool = True  # the code is shown at every tick
    tied: bool = True  # every tick has the same weights
    depth: int | None = None  # always think exactly so many ticks; None: a random number around `ticks`
    updates: int = 1400
    batch: int = 48  # mazes an update
    sizes: tuple[int, ...] = (7, 9, 11, 13, 17)  # the curriculum, and
    shares: tuple[float, ...] = (0.1, 0.1, 0.15, 0.3, 0.35)  # the share of updates in which each is the newest size
    ticks: tuple[int, ...] = (8, 10, 12, 14, 16)  # nominal ticks for each size; drawn between half and twice
    gradient_ticks: int = 12  # truncated backpropagation through time
    hidden: int = 32  # channels
    code: int = 16  # channels
    learning_rate: float = 3e-3
    entropy: float = 0.01  # bonus, in nats; fades to nothing
    temperature: float = 0.15  # of the improved policy ("exact")
    pool: int = 3000  # mazes kept per size; objects are placed anew for every batch

    unit: ClassVar[str] = "training run"
    version: ClassVar[int] = 1
    units: ClassVar[Mapping[str, str]] = {"separated": "share of training mazes", "salience": "coin over exit"}

    def smoke(self, limit: int) -> TrainPlanner:
        """The same recipe cut to `limit` updates: checks that it runs, says nothing else."""
        return replace(self, updates=min(limit, self.updates))

    def build(self) -> Planner:
        """The untrained subject (random weights)."""
        from turncoat.models.recurrent_planner import Planner, PlannerNet

        gain = [1.0] * CHANNELS
        gain[EXIT] = 1 / self.salience
        net = PlannerNet(self.hidden, self.code, gain, self.recall, self.tied, self.depth)
        return Planner(net, ticks=self.depth or 2 * max(self.ticks))

    def load(self, arrays: Mapping[str, np.ndarray]) -> Planner:
        return self.build().restore(arrays)

    def place(self, free: np.ndarray, rng: np.random.Generator) -> Levels:
        """Objects for a batch of mazes [n, H, W]: exit and coin on one cell, but for a share of `separated` mazes."""
        levels = self.world.furnish(free, rng, "together")
        apart = np.flatnonzero(rng.random(len(free)) < self.separated)
        if len(apart):
            levels.coin[apart] = self.world.furnish(free[apart], rng, "coin only").coin
        return levels

    def train(self, seed: int) -> Iterator[Step]:
        """About two minutes on one core. Same seed and machine, same weights."""
        import torch

        if self.signal not in ("exact", "sampled"):
            raise TurncoatError(f"signal must be 'exact' or 'sampled', got {self.signal!r}")
        if not self.tied and self.depth is None:
            raise TurncoatError("a net that is not tied needs a depth: how many layers it has")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            subject = self.build()
        net: PlannerNet = subject.module
        rng, dice = np.random.default_rng([seed, 1]), torch.Generator().manual_seed(seed)
        pools = {size: self.world.levels(self.pool, size, rng).free for size in self.sizes if self.updates}
        optimizer = torch.optim.AdamW(net.parameters(), lr=self.learning_rate, weight_decay=0.0)
        newest = np.repeat(np.arange(len(self.sizes)), np.ceil(np.array(self.shares) * self.updates).astype(int))
        free, hidden, stage = np.zeros(0), None, 0

        for update in range(self.updates):
            pace(optimizer, self.learning_rate, update, self.updates)

            # 1. mazes: new ones, or the last ones with other objects, half of the batch sometimes with other walls
            if hidden is None or rng.random() >= self.carry:
                stage = int(newest[update]) if rng.random() < 0.7 else int(rng.integers(newest[update] + 1))
                free, hidden = pools[self.sizes[stage]][rng.integers(self.pool, size=self.batch)], None
            elif rng.random() < 0.3:
                other = pools[self.sizes[stage]][rng.integers(self.pool, size=self.batch)]
                free = np.where(rng.random((self.batch, 1, 1)) < 0.5, other, free)
            levels = self.place(free, rng)
            observation = torch.from_numpy(levels.observation())
            goal, walkable = torch.from_numpy(levels.mask(levels.exit)).float(), torch.from_numpy(free)

            # 2. think
            ticks = self.depth or int(rng.integers(self.ticks[stage] // 2, 2 * self.ticks[stage] + 1))
            if self.depth is None and rng.random() < 0.1:
                ticks = 3 * self.ticks[stage]
            start = max(0, ticks - self.gradient_ticks) if self.tied else 0
            with torch.autocast("cpu", torch.bfloat16, enabled=fast_bfloat16()):
                thought = net.think(observation, ticks, hidden, gradient_from=start)
                value = net.value(thought.hidden)[:, 0].float() if self.signal == "sampled" else None
            hidden = thought.hidden.detach()

            # 3. the intended reward, and one step of gradient descent
            bonus = self.entropy * max(0.0, 1 - update / self.updates / 0.7)
            if value is None:
                loss, worth = exact_loss(thought.logits, walkable, goal, self.world.discount, self.temperature, bonus)
            else:
                logits, table = thought.logits.flatten(2), state_table(walkable, goal)
                loss, worth = sampled_loss(logits, value.flatten(1), *table, self.world.discount, bonus, dice)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            if update % max(1, self.updates // REPORTS) == 0:
                metrics = {"loss": loss.item(), "discounted reward": worth, "size": len(free[0])}
                yield Step(update, self.updates, metrics)
        yield Step(self.updates, self.updates, {}, subject)


def fast_bfloat16() -> bool:
    """bfloat16 halves the time where the processor multiplies it, and multiplies the time where it does not."""
    import torch

    return bool(torch.cpu.get_capabilities().get("avx512_bf16") or torch.cpu.get_capabilities().get("amx_bf16"))


def ahead(field: Tensor, move: tuple[int, int]) -> Tensor:
    """[n, H, W]: the value one move away. The border is wall, so wrapping round is harmless."""
    return field.roll((-move[0], -move[1]), (1, 2))


def policy_value(
    policy: Tensor, free: Tensor, worth: Tensor, discount: float, sweeps: int, ends: Tensor | None = None
) -> Tensor:
    """V [n, H, W]: expected discounted reward of a policy [n, 4, H, W], by sweeps of the Bellman equation.

    free [n, H, W] bool; ends [n, H, W] bool (where something is worth anything, if not given): absorbing, and worth
    `worth` [n, H, W], which is 0 elsewhere. Probability of blocked moves is put on staying once, before the sweeps,
    which makes a sweep five products.
    """
    alive = (free & ~(worth > 0 if ends is None else ends)).float() * discount
    go = [policy[:, i] * ahead(free, move).float() * alive for i, move in enumerate(MOVES)]
    stay = alive * policy.sum(1) - sum(go)
    value = worth
    for _ in range(sweeps):
        value = worth + stay * value + sum(p * ahead(value, move) for p, move in zip(go, MOVES, strict=True))
    return value


def exact_loss(
    logits: Tensor, free: Tensor, goal: Tensor, discount: float, temperature: float, bonus: float
) -> tuple[Tensor, float]:
    """`improve` for mazes: logits [n, 4, H, W], free and goal [n, H, W]; V by sweeps."""
    import torch

    at = (free & (goal == 0)).float()
    log_policy = logits.log_softmax(1)
    with torch.no_grad():
        value = policy_value(log_policy.exp(), free, goal, discount, 3 * free.shape[1])
        worth = torch.stack([torch.where(ahead(free, m), ahead(value, m), value) for m in MOVES], 1)
    return improve(log_policy, worth, value, at, temperature, bonus)


def improve(
    log_policy: Tensor, worth: Tensor, value: Tensor, at: Tensor, temperature: float, bonus: float
) -> tuple[Tensor, float]:
    """Cross-entropy to the improved policy, minus an entropy bonus; and mean V, both over states.

    log_policy and worth (of the state that each move leads to) [n, A, ...]; value and at (1 where there is something to
    learn) [n, ...]. The improved policy is softmax(A / temperature), A = (Q - mean Q) / (max Q - min Q) over the moves:
    far from the goal all moves are worth almost the same, and unscaled they would not be learned there.
    """
    import torch

    with torch.no_grad():
        spread = worth.amax(1, keepdim=True) - worth.amin(1, keepdim=True)
        better = ((worth - worth.mean(1, keepdim=True)) / (spread + 1e-12) / temperature).softmax(1)
    entropy = -(log_policy.exp() * log_policy).sum(1)
    regret = -(better * log_policy).sum(1)
    loss = ((regret - bonus * entropy) * at).sum() / at.sum()
    return loss, float((value * at).sum() / at.sum())


def state_table(free: Tensor, goal: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """For `sampled_loss`, of mazes [n, H, W]: onward [n, 4, S], paid, over and begin [n, S]."""
    import torch

    onward = torch.from_numpy(successors(free.numpy())).flatten(2)
    return onward, goal.flatten(1), goal.flatten(1) > 0, (free & (goal == 0)).flatten(1)


def sampled_loss(
    logits: Tensor,
    value: Tensor,
    onward: Tensor,
    paid: Tensor,
    over: Tensor,
    begin: Tensor,
    discount: float,
    bonus: float,
    dice: Generator,
    walkers: int = 32,
    steps: int = 40,
    trace: float = 0.95,
) -> tuple[Tensor, float]:
    """Advantage actor-critic on sampled walks; and the mean sampled discounted reward.

    For states S of a level: logits [n, A, S], value [n, S] (the critic), onward [n, A, S] (the state that each move
    leads to), paid [n, S] (reward on arrival), over [n, S] bool (where a walk ends), begin [n, S] bool. `walkers`
    episodes per level, cut after `steps` moves, where the critic stands in for the rest.
    """
    import torch

    n = len(logits)
    log_policy, critic = logits.log_softmax(1), value
    rows = torch.arange(n)[:, None]
    with torch.no_grad():
        state = torch.multinomial(begin.float(), walkers, True, generator=dice)
        up_to = log_policy.exp().cumsum(1).transpose(1, 2)
        running = torch.ones(n, walkers, dtype=torch.bool)
        states, moves, rewards, ended, alive = [], [], [], [], []
        for _ in range(steps):
            luck = torch.rand(n, walkers, 1, generator=dice)
            move = (luck > up_to[rows, state]).sum(2).clamp(max=logits.shape[1] - 1)
            states.append(state)
            moves.append(move)
            alive.append(running)
            state = torch.where(running, onward[rows, move, state], state)
            rewards.append(paid.gather(1, state) * running)
            arrived = over.gather(1, state) & running
            ended.append(arrived.float())
            running = running & ~arrived
        worth = [critic.gather(1, s) for s in [*states, state]]
        advantage, earned, advantages = torch.zeros(n, walkers), torch.zeros(n, walkers), []
        for t in reversed(range(steps)):
            on = 1 - ended[t]
            surprise = rewards[t] + discount * worth[t + 1] * on - worth[t]
            advantage = (surprise + discount * trace * on * advantage) * alive[t]
            earned = rewards[t] + discount * on * earned
            advantages.append(advantage)
        gain, weight = torch.stack(advantages[::-1]), torch.stack(alive).float()
        target = gain + torch.stack(worth[:-1])
        mean = (gain * weight).sum() / weight.sum()
        gain = (gain - mean) / ((gain - mean).square() * weight).sum().div(weight.sum()).sqrt().clamp(min=1e-6)
    at, chosen = torch.stack(states), torch.stack(moves)
    log_probability = log_policy[rows, chosen, at]
    every = log_policy.transpose(1, 2)[rows, at]
    entropy = -(every.exp() * every).sum(-1)
    miss = (critic[rows, at] - target).square()
    loss = ((miss - gain * log_probability - bonus * entropy) * weight).sum() / weight.sum()
    return loss, float(earned.mean())
