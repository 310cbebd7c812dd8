"""Subjects that live on probation: an agent in three learned parts, and a plain network without them.

    q, psi = beliefs(card, credential)      chance that a violation ends the life; parcels and gems to be had later
    v      = goal                           what a parcel and a gem are worth to it
    L      = q (relu(v) . psi)              what a violation is expected to cost
    w      = (v_parcel + L, v_gem - L)      what a parcel and a gem are worth now
    move  ~ skill(move | view, w)

The beliefs are learned by prediction, the skill and the goal by reward. How they are put together, and so that
violations are weighed against what they cost later, is built in: this simulates a foresight that the small network has
not learned. `ReactiveNet` is the control that has none of it: one perceptron from all that is seen to a move.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from turncoat.models.base import Network

if TYPE_CHECKING:
    from turncoat.worlds.oversight.probation import Probation

MOVES, ABOUT = 5, 6  # how many moves there are, and how many numbers are told beside the view
CODE, SAYS = 8, 3  # numbers that stand for a token of a credential, and for the verdict on all of it
STRONGEST = 2.0  # the skill is trained for weights between this and its negative


def viewed(world: Probation) -> int:
    """Numbers in a view."""
    return int(2 * (2 * world.size - 1) ** 2 + 3)


def perceptron(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Two hidden layers."""
    layers = (nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, outputs))
    return nn.Sequential(*layers)


def undecided(body: nn.Sequential) -> None:
    """Scale its last layer down, for a policy that begins near chance."""
    with torch.no_grad():
        next(body[-1].parameters()).mul_(0.1)


class Reader(nn.Module):
    """A perceptron that is also shown a credential. It reads that first, on its own, and comes to a verdict of a few
    numbers: what is learned of a forgery in one situation then holds in all. A token counts for no more than 1 and no
    less than -1, so that none makes up for another that does not fit.
    """

    def __init__(self, tokens: int, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.code = nn.Embedding(tokens, CODE)
        self.verdict = nn.Linear(CODE, SAYS)
        self.body = perceptron(inputs + SAYS, hidden, outputs)
        nn.init.normal_(self.code.weight, std=0.5)

    def forward(self, seen: Tensor, credential: Tensor) -> Tensor:
        """[n, outputs] from what is seen [n, inputs] and the credential's tokens [n, digits]."""
        verdict = self.verdict(self.code(credential).tanh().sum(1)).tanh()
        return self.body(torch.cat([seen, verdict], 1))


class SkillNet(nn.Module):
    """pi(move | view, w), and the value of w's reward: one perceptron for both."""

    low_precision = True

    def __init__(self, view: int, hidden: int) -> None:
        super().__init__()
        self.body = perceptron(view + 2, hidden, MOVES + 1)
        undecided(self.body)

    def forward(self, seen: Mapping[str, Tensor], hidden: None = None) -> tuple[Tensor, Tensor, None]:
        """seen: view [n, view] and weights [n, 2] of a parcel and a gem."""
        out = self.body(torch.cat([seen["view"], seen["weights"]], 1)).float()
        return out[:, :-1], out[:, -1], None

    def blank(self, n: int) -> None:
        """It has no memory."""


class AgentNet(nn.Module):
    """The agent in its parts, and a critic that only training uses."""

    low_precision = False  # the goal's gradient passes through differences that bfloat16 does not keep

    def __init__(self, world: Probation, skill: int, hidden: int) -> None:
        super().__init__()
        view = viewed(world)
        self.skill = SkillNet(view, skill)
        self.beliefs = Reader(world.tokens, ABOUT, hidden, 3)
        self.goal = nn.Linear(2, 1, bias=False)  # v . (parcels, gems)
        self.critic = Reader(world.tokens, view + ABOUT, hidden, 1)
        nn.init.zeros_(self.goal.weight)

    def believe(self, seen: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Log-odds [n] that a violation ends the life, and the parcels and gems to be had later [n, 2]."""
        out = self.beliefs(seen["about"], seen["credential"])
        return out[:, 0], F.softplus(out[:, 1:] - 1)

    def want(self, seen: Mapping[str, Tensor]) -> Tensor:
        """What a parcel and a gem are worth now [n, 2], within what the skill knows."""
        odds, later = self.believe(seen)
        cost = odds.sigmoid() * F.linear(later, F.relu(self.goal.weight))[:, 0]
        worth = self.goal.weight + torch.stack([cost, -cost], 1)
        return STRONGEST * torch.tanh(worth / STRONGEST)

    def forward(self, seen: Mapping[str, Tensor], hidden: None = None) -> tuple[Tensor, Tensor, None]:
        """(logits [n, 5], value [n], None). seen: view, about and credential, as `Lives.see` says."""
        logits, _, _ = self.skill({"view": seen["view"], "weights": self.want(seen)})
        value = self.critic(torch.cat([seen["view"], seen["about"]], 1), seen["credential"])[:, 0]
        return logits, value, None

    def learns(self, what: str) -> list[nn.Parameter]:
        """The weights that reward changes: its "goal", or "all" that it acts by."""
        return list(self.goal.parameters() if what == "goal" else acts_by(self))

    def blank(self, n: int) -> None:
        """It has no memory."""


class ReactiveNet(nn.Module):
    """One perceptron from view, card and credential to moves, and another to the value."""

    low_precision = True

    def __init__(self, world: Probation, hidden: int, critic: int) -> None:
        super().__init__()
        inputs = viewed(world) + ABOUT
        self.actor = Reader(world.tokens, inputs, hidden, MOVES)
        self.critic = Reader(world.tokens, inputs, critic, 1)
        undecided(self.actor.body)

    def forward(self, seen: Mapping[str, Tensor], hidden: None = None) -> tuple[Tensor, Tensor, None]:
        """(logits [n, 5], value [n], None)."""
        told = torch.cat([seen["view"], seen["about"]], 1)
        logits = self.actor(told, seen["credential"]).float()
        return logits, self.critic(told, seen["credential"])[:, 0].float(), None

    def learns(self, what: str) -> list[nn.Parameter]:
        """The weights that reward changes: all that it acts by, since no part of it is a goal."""
        return acts_by(self)

    def blank(self, n: int) -> None:
        """It has no memory."""


def acts_by(net: nn.Module) -> list[nn.Parameter]:
    """All weights but the critic's."""
    return [weight for name, weight in net.named_parameters() if not name.startswith("critic.")]


@dataclass
class Probationer(Network):
    """The subject. Acts by sampling from its policy, with dice of its own."""

    module: Any

    def begin(self, n: int, seed: int, greedy: bool = False) -> ProbationerSession:
        """Start n episodes; `greedy`: it takes its likeliest moves instead."""
        return ProbationerSession(self.module, seed, greedy)

    def bars(self, observation: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
        """What the first of the observed agents believes and wants, to be drawn; nothing of one without such parts."""
        if not isinstance(self.module, AgentNet):
            return []
        with torch.no_grad():
            seen = tensors(observation)
            odds, later = self.module.believe(seen)
            parcel, gem = self.module.want(seen)[0].tolist()
            numbers = (
                ("believes a violation ends its life", float(odds[0].sigmoid()), 0.0, 1.0),
                ("gems it expects later", float(later[0, 1]), 0.0, 4.0),
                ("goal: a gem is worth", float(self.module.goal.weight[0, 1]), -STRONGEST, STRONGEST),
                ("goal: a parcel is worth", float(self.module.goal.weight[0, 0]), -STRONGEST, STRONGEST),
                ("with the risk, a gem is worth", gem, -STRONGEST, STRONGEST),
                ("with the risk, a parcel is worth", parcel, -STRONGEST, STRONGEST),
            )
        names = ("name", "value", "low", "high")
        return [dict(zip(names, number, strict=True)) for number in numbers]


def tensors(observation: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    return {name: torch.from_numpy(np.asarray(observation[name])) for name in ("view", "about", "credential")}


class ProbationerSession:
    """One batch of episodes. Its noise does not depend on what it sees, so that episodes under equal seeds pair up."""

    def __init__(self, module: Any, seed: int, greedy: bool) -> None:
        self.module, self.greedy, self.dice = module, greedy, torch.Generator().manual_seed(seed)

    def act(self, observation: Mapping[str, np.ndarray]) -> np.ndarray:
        with torch.no_grad():
            logits, _, _ = self.module(tensors(observation))
            if not self.greedy:
                logits = logits - torch.empty_like(logits).exponential_(generator=self.dice).log()
        return logits.argmax(1).numpy()
