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
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from turncoat.models.base import TorchSubject, gumbel_argmax

if TYPE_CHECKING:
    from turncoat.worlds.oversight.probation import Probation

MOVES, ABOUT = 5, 6  # moves, and numbers observed beside the view
TOKEN_WIDTH, VERDICT_WIDTH = 8, 3  # of the embedding of a credential's token, and of the verdict on all of it
MAX_WEIGHT = 2.0  # the skill is trained for reward weights between this and its negative


def view_size(world: Probation) -> int:
    """How many numbers a view has."""
    return int(2 * (2 * world.size - 1) ** 2 + 3)


def mlp(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """A perceptron with two hidden layers."""
    layers = (nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, outputs))
    return nn.Sequential(*layers)


def shrink_last_layer(body: nn.Sequential) -> None:
    """Scale its last layer down, for a policy that begins near chance."""
    with torch.no_grad():
        next(body[-1].parameters()).mul_(0.1)


class CredentialMLP(nn.Module):
    """A perceptron that also takes a credential. That is reduced first, on its own, to a verdict of a few numbers: what
    is learned of a forgery in one situation then holds in all. A token counts for no more than 1 and no less than -1,
    so that none makes up for another that does not fit.
    """

    def __init__(self, tokens: int, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(tokens, TOKEN_WIDTH)
        self.verdict = nn.Linear(TOKEN_WIDTH, VERDICT_WIDTH)
        self.body = mlp(inputs + VERDICT_WIDTH, hidden, outputs)
        nn.init.normal_(self.token_embedding.weight, std=0.5)

    def forward(self, seen: Tensor, credential: Tensor) -> Tensor:
        """[n, outputs] from what is seen [n, inputs] and the credential's tokens [n, digits]."""
        verdict = self.verdict(self.token_embedding(credential).tanh().sum(1)).tanh()
        return self.body(torch.cat([seen, verdict], 1))


class SkillNet(nn.Module):
    """pi(move | view, w), and the value of w's reward: one perceptron for both."""

    autocast_bfloat16 = True

    def __init__(self, view: int, hidden: int) -> None:
        super().__init__()
        self.body = mlp(view + 2, hidden, MOVES + 1)
        shrink_last_layer(self.body)

    def forward(self, seen: Mapping[str, Tensor], hidden: Tensor | None = None) -> tuple[Tensor, Tensor, None]:
        """seen: view [n, view] and weights [n, 2] of a parcel and a gem."""
        out = self.body(torch.cat([seen["view"], seen["weights"]], 1)).float()
        return out[:, :-1], out[:, -1], None

    def initial_hidden(self, n: int) -> None:
        """It has no memory."""


class ProbationAgentNet(nn.Module):
    """The agent in its parts, and a critic that only training uses."""

    autocast_bfloat16 = False  # the goal's gradient passes through differences that bfloat16 does not keep

    def __init__(self, world: Probation, skill: int, hidden: int) -> None:
        super().__init__()
        view = view_size(world)
        self.skill = SkillNet(view, skill)
        self.beliefs = CredentialMLP(world.tokens, ABOUT, hidden, 3)
        self.goal = nn.Linear(2, 1, bias=False)  # v . (parcels, gems)
        self.critic = CredentialMLP(world.tokens, view + ABOUT, hidden, 1)
        nn.init.zeros_(self.goal.weight)

    def predict_consequences(self, seen: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Log-odds [n] that a violation ends the life, and the parcels and gems to be had later [n, 2]."""
        out = self.beliefs(seen["about"], seen["credential"])
        return out[:, 0], F.softplus(out[:, 1:] - 1)

    def reward_weights(self, seen: Mapping[str, Tensor]) -> Tensor:
        """The reward weights of a parcel and a gem [n, 2], within what the skill was trained for."""
        odds, later = self.predict_consequences(seen)
        cost = odds.sigmoid() * F.linear(later, F.relu(self.goal.weight))[:, 0]
        worth = self.goal.weight + torch.stack([cost, -cost], 1)
        return MAX_WEIGHT * torch.tanh(worth / MAX_WEIGHT)

    def forward(self, seen: Mapping[str, Tensor], hidden: Tensor | None = None) -> tuple[Tensor, Tensor, None]:
        """(logits [n, 5], value [n], None). seen: view, about and credential, as `ProbationGame.observe` has them."""
        logits, _, _ = self.skill({"view": seen["view"], "weights": self.reward_weights(seen)})
        value = self.critic(torch.cat([seen["view"], seen["about"]], 1), seen["credential"])[:, 0]
        return logits, value, None

    def trainable_parameters(self, what: str) -> list[nn.Parameter]:
        """The weights that reward changes: its "goal", or "all" that it acts by."""
        return list(self.goal.parameters() if what == "goal" else actor_parameters(self))

    def initial_hidden(self, n: int) -> None:
        """It has no memory."""


class ReactiveNet(nn.Module):
    """One perceptron from view, card and credential to moves, and another to the value."""

    autocast_bfloat16 = True

    def __init__(self, world: Probation, hidden: int, critic: int) -> None:
        super().__init__()
        inputs = view_size(world) + ABOUT
        self.actor = CredentialMLP(world.tokens, inputs, hidden, MOVES)
        self.critic = CredentialMLP(world.tokens, inputs, critic, 1)
        shrink_last_layer(self.actor.body)

    def forward(self, seen: Mapping[str, Tensor], hidden: Tensor | None = None) -> tuple[Tensor, Tensor, None]:
        """(logits [n, 5], value [n], None)."""
        inputs = torch.cat([seen["view"], seen["about"]], 1)
        logits = self.actor(inputs, seen["credential"]).float()
        return logits, self.critic(inputs, seen["credential"])[:, 0].float(), None

    def trainable_parameters(self, what: str) -> list[nn.Parameter]:
        """The weights that reward changes: all that it acts by, since no part of it is a goal."""
        return actor_parameters(self)

    def initial_hidden(self, n: int) -> None:
        """It has no memory."""


def actor_parameters(net: nn.Module) -> list[nn.Parameter]:
    """All weights but the critic's."""
    return [weight for name, weight in net.named_parameters() if not name.startswith("critic.")]


@dataclass
class ProbationPolicy(TorchSubject):
    """The subject. Acts by sampling from its policy, with a random generator of its own."""

    module: SkillNet | ProbationAgentNet | ReactiveNet

    def begin(self, n: int, seed: int, greedy: bool = False) -> ProbationPolicySession:
        """Start n episodes; `greedy`: it takes its likeliest moves instead."""
        return ProbationPolicySession(self.module, seed, greedy)

    def bars(self, observation: Mapping[str, np.ndarray]) -> list[dict[str, str | float]]:
        """What the first of the observed agents believes and wants, to be drawn; nothing of one without such parts."""
        if not isinstance(self.module, ProbationAgentNet):
            return []
        with torch.no_grad():
            seen = tensors(observation)
            odds, later = self.module.predict_consequences(seen)
            parcel, gem = self.module.reward_weights(seen)[0].tolist()
            numbers = (
                ("believes a violation ends its life", float(odds[0].sigmoid()), 0.0, 1.0),
                ("gems it expects later", float(later[0, 1]), 0.0, 4.0),
                ("goal: a gem is worth", float(self.module.goal.weight[0, 1]), -MAX_WEIGHT, MAX_WEIGHT),
                ("goal: a parcel is worth", float(self.module.goal.weight[0, 0]), -MAX_WEIGHT, MAX_WEIGHT),
                ("with the risk, a gem is worth", gem, -MAX_WEIGHT, MAX_WEIGHT),
                ("with the risk, a parcel is worth", parcel, -MAX_WEIGHT, MAX_WEIGHT),
            )
        names = ("name", "value", "low", "high")
        return [dict(zip(names, number, strict=True)) for number in numbers]


def tensors(observation: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    """What the networks take of an observation [n, ...]."""
    return {name: torch.from_numpy(np.asarray(observation[name])) for name in ("view", "about", "credential")}


class ProbationPolicySession:
    """One batch of episodes. Its noise does not depend on what it sees, so that episodes under equal seeds pair up."""

    def __init__(self, module: SkillNet | ProbationAgentNet | ReactiveNet, seed: int, greedy: bool) -> None:
        self.module, self.greedy, self.generator = module, greedy, torch.Generator().manual_seed(seed)

    def act(self, observation: Mapping[str, np.ndarray]) -> np.ndarray:
        with torch.no_grad():
            logits, _, _ = self.module(tensors(observation))
            moves = logits.argmax(1) if self.greedy else gumbel_argmax(logits, self.generator)
        return moves.numpy()
