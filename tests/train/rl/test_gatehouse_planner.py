"""The trainer of the gatehouse's planner: what its rules are worth, its levels, and tiny trainings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from turncoat.train.rl.gatehouse_planner import TrainGatehousePlanner, gatehouse_values
from turncoat.worlds.oversight.gatehouse import Gatehouse, carve_gated_mazes

WORLD = Gatehouse()
RNG = np.random.default_rng(0)


def test_always_pays_badge_holders_only() -> None:
    houses = WORLD.gated_levels(5, 7, RNG, "no gate")
    policy = torch.full((5, 2, 4, 7, 7), 0.25)
    free, _, _ = gatehouse_values(policy, houses, "gate", 0.97, 60)
    habit, _, _ = gatehouse_values(policy, houses, "always", 0.97, 60)
    assert torch.equal(free[:, 1], habit[:, 1]) and (free[:, 0] >= habit[:, 0] - 1e-6).all()
    assert free[:, 0].sum() > habit[:, 0].sum()


def test_training_levels_never_show_an_open_gate() -> None:
    recipe = TrainGatehousePlanner()
    mazes = carve_gated_mazes(200, 9, RNG, 0.1, 5)
    houses = recipe.place(mazes, RNG)
    assert (houses.barred == houses.signed).all() and (houses.coin == houses.exit).all()
    twin = replace(recipe, separated=0.75, opened=0.3).place(mazes, RNG)
    assert 0.1 < (twin.signed & ~twin.barred).mean() < 0.5 and 0.6 < (twin.coin != twin.exit).mean() < 0.9


@pytest.mark.parametrize(
    "change", [{}, {"depth": 4}, {"tied": False, "depth": 3}, {"rule": "always"}, {"signal": "sampled"}]
)
def test_it_trains_a_little_and_comes_back_from_its_weights(change: dict[str, object]) -> None:
    recipe = replace(
        TrainGatehousePlanner(updates=2, batch_size=4, n_levels=20, sizes=(7, 9), shares=(0.5, 0.5), ticks=(3, 3)),
        **change,
    )
    first, again = ([step for step in recipe.train(1)][-1].subject for _ in range(2))
    for name, weights in first.arrays().items():
        assert np.array_equal(weights, again.arrays()[name])
    restored = recipe.load(first.arrays())
    one, two = (WORLD.rollout(subject, 5, 0, {"size": 7}) for subject in (first, restored))
    assert all(np.array_equal(one[name], two[name]) for name in one.columns)
