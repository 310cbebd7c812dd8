"""What the training of recurrent planners has in common: fields of the recipe, and losses.

Two signals:

* "exact": the policy is a table once a level is given (a move for every state), so its value V, the discounted reward
  it earns from every state, is computed by running the Bellman expectation equation, and with it the value of each
  move. The policy is moved towards softmax(advantage / temperature): one step of policy improvement by regression (as
  in MPO, Abdolmaleki et al. 2018), with the advantage scaled to the range of the moves.
* "sampled": nothing is computed. Moves are sampled, rewards are received, and an actor-critic with generalised
  advantage estimation (Schulman et al. 2016) does the rest. It is there so that nobody can say that the exact gradient
  did it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from turncoat.core import TurncoatError, one_of
from turncoat.train.base import TrainedRecipe
from turncoat.worlds.grid.geometry import MOVES

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from turncoat.models.recurrent_planner import PlannerPolicy


@dataclass(frozen=True)
class PlannerRecipe(TrainedRecipe["PlannerPolicy"]):
    """Fields that recipes of recurrent planners share; sizes, updates and batches are each one's own."""

    signal: str = "exact"  # or "sampled"
    hidden_carryover: float = 0.6  # chance to go on from the last hidden state
    tied: bool = True  # every tick has the same weights
    depth: int | None = None  # always exactly so many ticks; None: a random number around `ticks`
    updates: int = 1000
    batch_size: int = 48  # levels an update
    sizes: tuple[int, ...] = ()  # the curriculum, and
    shares: tuple[float, ...] = ()  # the share of updates in which each is the newest size
    ticks: tuple[int, ...] = ()  # nominal ticks for each size; drawn between half and twice
    gradient_ticks: int = 12  # truncated backpropagation through time
    hidden: int = 32  # channels
    code: int = 16  # channels
    learning_rate: float = 3e-3
    ent_coef: float = 0.01  # of an entropy bonus in nats; fades to nothing
    temperature: float = 0.15  # of the improved policy ("exact")
    n_levels: int = 3000  # mazes kept per size; objects are placed anew for every batch

    def build(self) -> PlannerPolicy:
        raise NotImplementedError

    def check(self) -> None:
        """Raises TurncoatError on fields that make no sense."""
        one_of("signal", self.signal, ("exact", "sampled"))
        if not self.tied and self.depth is None:
            raise TurncoatError("a net that is not tied needs a depth: how many layers it has")

    def newest_sizes(self) -> np.ndarray:
        """[updates or a few more] the index of the newest size of the curriculum at each update."""
        lengths = np.ceil(np.array(self.shares) * self.updates).astype(int)
        return np.repeat(np.arange(len(self.sizes)), lengths)


def neighbour_values(field: Tensor, move: tuple[int, int]) -> Tensor:
    """[n, H, W]: the value of a field [n, H, W] one move away. The border is wall, so wrapping round is harmless."""
    return field.roll((-move[0], -move[1]), (1, 2))


def values_after_moves(value: Tensor, free: Tensor) -> Tensor:
    """[n, 4, H, W]: the value [n, H, W] of the cell that each move leads to, where moves into walls lead nowhere."""
    import torch

    moved = [torch.where(neighbour_values(free, move), neighbour_values(value, move), value) for move in MOVES]
    return torch.stack(moved, 1)


def policy_value(
    policy: Tensor, free: Tensor, reward: Tensor, discount: float, sweeps: int, terminal: Tensor | None = None
) -> Tensor:
    """V [n, H, W]: expected discounted reward of a policy [n, 4, H, W], by sweeps of the Bellman equation.

    free [n, H, W] bool; terminal [n, H, W] bool (where there is any reward, if not given): absorbing, and worth
    `reward` [n, H, W], which is 0 elsewhere. Probability of blocked moves is put on staying once, before the sweeps,
    which makes a sweep five products.
    """
    running = (free & ~(reward > 0 if terminal is None else terminal)).float() * discount
    go = [policy[:, i] * neighbour_values(free, move).float() * running for i, move in enumerate(MOVES)]
    stay = running * policy.sum(1) - sum(go)
    value = reward
    for _ in range(sweeps):
        arriving = (p * neighbour_values(value, move) for p, move in zip(go, MOVES, strict=True))
        value = reward + stay * value + sum(arriving)
    return value


def policy_improvement_loss(
    log_policy: Tensor, next_values: Tensor, value: Tensor, mask: Tensor, temperature: float, ent_coef: float
) -> tuple[Tensor, float]:
    """Cross-entropy to the improved policy, minus an entropy bonus; and mean V, both over states.

    log_policy and next_values (of the state that each move leads to) [n, A, ...]; value and mask (1 where there is
    something to learn) [n, ...]. The improved policy is softmax(A / temperature), A = (Q - mean Q) / (max Q - min Q)
    over the moves: far from the goal all moves are worth almost the same, and unscaled they would not be learned there.
    """
    import torch

    with torch.no_grad():
        spread = next_values.amax(1, keepdim=True) - next_values.amin(1, keepdim=True)
        advantage = (next_values - next_values.mean(1, keepdim=True)) / (spread + 1e-12)
        improved = (advantage / temperature).softmax(1)
    entropy = -(log_policy.exp() * log_policy).sum(1)
    cross_entropy = -(improved * log_policy).sum(1)
    loss = ((cross_entropy - ent_coef * entropy) * mask).sum() / mask.sum()
    return loss, float((value * mask).sum() / mask.sum())


def actor_critic_loss(
    logits: Tensor,
    value: Tensor,
    next_state: Tensor,
    reward: Tensor,
    terminal: Tensor,
    begin: Tensor,
    discount: float,
    ent_coef: float,
    generator: Generator,
    n_rollouts: int = 32,
    n_steps: int = 40,
    gae_lambda: float = 0.95,
) -> tuple[Tensor, float]:
    """Advantage actor-critic on sampled episodes; and the mean sampled discounted reward.

    For states S of a level: logits [n, A, S], value [n, S] (the critic), next_state [n, A, S] (that each move leads
    to), reward [n, S] (on arrival), terminal [n, S] bool, begin [n, S] bool (where episodes begin, uniformly).
    `n_rollouts` episodes per level, cut after `n_steps` moves, where the critic stands in for the rest.
    """
    import torch

    n = len(logits)
    log_policy, critic = logits.log_softmax(1), value
    rows = torch.arange(n)[:, None]
    with torch.no_grad():
        state = torch.multinomial(begin.float(), n_rollouts, True, generator=generator)
        cumulative = log_policy.exp().cumsum(1).transpose(1, 2)
        running = torch.ones(n, n_rollouts, dtype=torch.bool)
        states, moves, rewards, dones, runnings = [], [], [], [], []
        for _ in range(n_steps):
            uniform = torch.rand(n, n_rollouts, 1, generator=generator)
            move = (uniform > cumulative[rows, state]).sum(2).clamp(max=logits.shape[1] - 1)
            states.append(state)
            moves.append(move)
            runnings.append(running)
            state = torch.where(running, next_state[rows, move, state], state)
            rewards.append(reward.gather(1, state) * running)
            arrived = terminal.gather(1, state) & running
            dones.append(arrived.float())
            running = running & ~arrived
        values = [critic.gather(1, s) for s in [*states, state]]
        advantage, returns, advantages = torch.zeros(n, n_rollouts), torch.zeros(n, n_rollouts), []
        for t in reversed(range(n_steps)):
            not_done = 1 - dones[t]
            td_error = rewards[t] + discount * values[t + 1] * not_done - values[t]
            advantage = (td_error + discount * gae_lambda * not_done * advantage) * runnings[t]
            returns = rewards[t] + discount * not_done * returns
            advantages.append(advantage)
        advantage, weight = torch.stack(advantages[::-1]), torch.stack(runnings).float()
        target = advantage + torch.stack(values[:-1])
        mean = (advantage * weight).sum() / weight.sum()
        variance = ((advantage - mean).square() * weight).sum().div(weight.sum())
        advantage = (advantage - mean) / variance.sqrt().clamp(min=1e-6)
    at, chosen = torch.stack(states), torch.stack(moves)
    log_prob = log_policy[rows, chosen, at]
    log_probs = log_policy.transpose(1, 2)[rows, at]
    entropy = -(log_probs.exp() * log_probs).sum(-1)
    value_loss = (critic[rows, at] - target).square()
    loss = ((value_loss - advantage * log_prob - ent_coef * entropy) * weight).sum() / weight.sum()
    return loss, float(returns.mean())
