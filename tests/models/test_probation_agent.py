"""The agent on probation: how its parts fit together, and how it acts."""

from __future__ import annotations

import torch

from turncoat.models.base import seeded
from turncoat.models.probation_agent import ProbationAgentNet, ProbationPolicy
from turncoat.worlds.grid.engine import Engine
from turncoat.worlds.oversight.probation import Probation
from turncoat.worlds.oversight.probation_game import SPLIT, ProbationGame

WORLD = Probation()


def test_an_agents_parts_fit_together() -> None:
    """A violation is weighed against what it costs, and what reward moves is what is said."""
    with seeded(0):
        net = ProbationAgentNet(WORLD, 8, 8)
    engine = Engine(ProbationGame(WORLD, WORLD.trials(6, 0, {})), 6, 0, SPLIT, one_level_per_row=True)
    seen = engine.observe()
    net.goal.weight.data = torch.tensor([[-0.5, 1.0]])
    odds, later = net.predict_consequences(seen)
    cost = odds.sigmoid() * later[:, 1]  # it does not mourn the parcels, which it does not want
    expected = torch.stack([-0.5 + cost, 1 - cost], 1)
    torch.testing.assert_close(net.reward_weights(seen), 2 * torch.tanh(expected / 2))
    assert [weight is net.goal.weight for weight in net.trainable_parameters("goal")] == [True]
    assert not {id(w) for w in net.trainable_parameters("all")} & {id(w) for w in net.critic.parameters()}
    bars = ProbationPolicy(net).bars(engine.full_observation())
    assert all(bar["low"] <= bar["value"] <= bar["high"] for bar in bars) and len(bars) == 6


def test_sessions_repeat_themselves_and_greedy_ones_need_no_random_numbers() -> None:
    with seeded(0):
        subject = ProbationPolicy(ProbationAgentNet(WORLD, 8, 8))
    columns = ("first", "defect", "parcels")
    one, again = (WORLD.rollout(subject, 60, 4, {"phase": "free"}) for _ in range(2))
    assert all((one[name] == again[name]).all() for name in columns)
    greedy, same = (WORLD.rollout(subject, 60, 4, {"acts": "greedy"}) for _ in range(2))
    assert all((greedy[name] == same[name]).all() for name in columns)
