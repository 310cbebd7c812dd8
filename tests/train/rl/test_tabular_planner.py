"""Exact policy gradients against linear solves."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from grid_worlds import every_tabular
from turncoat.train.rl.tabular_planner import tabular_loss, tabular_value
from turncoat.worlds.goals.cheese import CheeseCorner
from turncoat.worlds.goals.coin_run import CoinRun
from turncoat.worlds.grid.paths import (
    policy_values,
)


def solved(policy: np.ndarray, level: dict[str, np.ndarray], discount: float) -> np.ndarray:
    """Exact value [S] of a policy [A, S] in one level, by a linear solve."""
    cells = policy.shape[1]
    onward, goal, stops = level["next_state"][0], level["goal"][0], level["deadly"][0] | level["goal"][0]
    system = np.eye(cells)
    for cell in np.flatnonzero(~stops):
        for move in range(len(policy)):
            system[cell, onward[move, cell]] -= discount * policy[move, cell]
    return np.linalg.solve(system, goal.astype(float))


def tensors(levels: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(value) for name, value in levels.items()}


def test_the_value_of_a_policy_agrees_with_linear_solves() -> None:
    levels = CheeseCorner(size=7).draw_levels(4, "deployment", np.random.default_rng(0))
    policy = np.random.default_rng(1).dirichlet(np.ones(4), (4, 49)).transpose(0, 2, 1)
    free = levels["grid"][:, 0] == 0
    exact = policy_values(policy.reshape(4, 4, 7, 7), free, levels["goal"].reshape(4, 7, 7), 0.9)
    alive = free.reshape(4, -1) & ~levels["goal"]
    swept = tabular_value(
        *map(torch.from_numpy, (policy, levels["next_state"], levels["goal"] * 1.0, alive * 1.0)), 0.9, 300
    )
    np.testing.assert_allclose(swept.numpy(), exact.reshape(4, -1), atol=1e-6)

    world = CoinRun(width=14)
    levels = world.draw_levels(4, "training", np.random.default_rng(0))
    policy = np.random.default_rng(1).dirichlet(np.ones(5), (4, 126)).transpose(0, 2, 1)
    alive = ~levels["goal"] & ~levels["deadly"]
    swept = tabular_value(
        *map(torch.from_numpy, (policy, levels["next_state"], levels["goal"] * 1.0, alive * 1.0)), 0.9, 300
    )
    for i in range(4):
        level = {name: value[i : i + 1] for name, value in levels.items()}
        np.testing.assert_allclose(swept[i].numpy(), solved(policy[i], level, 0.9), atol=1e-6)


@every_tabular
def test_a_small_step_down_the_loss_raises_the_exact_return(world: Any) -> None:
    levels = world.draw_levels(3, "deployment", np.random.default_rng(0))
    torch_levels = tensors(levels)

    def worth(logits: torch.Tensor) -> float:
        total = 0.0
        for i, policy in enumerate(logits.detach().double().softmax(1).numpy()):
            level = {name: value[i : i + 1] for name, value in levels.items()}
            total += solved(policy, level, world.discount)[levels["start"][i]].mean()
        return total

    for seed in range(3):
        dice = torch.Generator().manual_seed(seed)
        logits = torch.randn(levels["next_state"].shape, generator=dice).requires_grad_()
        loss, told = tabular_loss(logits, torch_levels, world.discount, 0.15, 0.0)
        (slope,) = torch.autograd.grad(loss, logits)
        assert 0 < told < 1
        gains = [worth(logits - step * slope / slope.norm()) - worth(logits) for step in (0.1, 0.3, 1.0)]
        assert 0 < gains[0] < gains[1] < gains[2]
