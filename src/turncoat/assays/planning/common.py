"""The half of the white-box maze assays that needs PyTorch: running the model, walking plans, editing codes, fitting
probes.

Assays import it inside `observe`, so that a catalogue can be listed without loading PyTorch.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from turncoat.models.recurrent_planner import EditCode, PlannerOutput, RecurrentPlanner
from turncoat.worlds.goals.maze import MazeLevels
from turncoat.worlds.grid.paths import UNREACHABLE, best_moves, detour_cells, distances, follow_policy

Model = TypeVar("Model")


def iterate(
    model: RecurrentPlanner,
    levels: MazeLevels,
    ticks: int,
    hidden: Tensor | None = None,
    edit_code: EditCode | None = None,
    keep: tuple[int, ...] = (),
) -> PlannerOutput:
    with torch.no_grad():
        return model.iterate(shown(levels), ticks, hidden, edit_code, keep)


def states_by_tick(
    model: RecurrentPlanner, levels: MazeLevels, ticks: int, edit_at: int, change: Tensor | None
) -> list[Tensor]:
    """The hidden state after each of `ticks` ticks. A `change` is added to the code from `edit_at` on."""
    first = ticks if change is None else edit_at
    before = iterate(model, levels, first, keep=tuple(range(1, first + 1)))
    parts = [(before, range(1, first + 1))]
    if change is not None:
        rest = range(1, ticks - first + 1)
        edit: EditCode = lambda code: code + change  # noqa: E731
        parts.append((iterate(model, levels, len(rest), before.hidden, edit, tuple(rest)), rest))
    return [output.kept.get(tick, output.hidden) for output, kept in parts for tick in kept]


def plan(logits: Tensor) -> np.ndarray:
    """[n, H, W]: the move a greedy agent makes at every cell; of several layers of plans, by the first."""
    return logits.detach()[:, :4].argmax(1).numpy()


def plans(logits: Tensor) -> np.ndarray:
    """[n, L, H, W]: the same for each of the layers of plans."""
    return logits.detach().unflatten(1, (-1, 4)).argmax(2).numpy()


def first_reached(moves: np.ndarray, free: np.ndarray, one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, ...]:
    """From every cell, whether the walk touches `one` first, or `other` first: two [n, H, W] bool arrays."""
    limit = free[0].size // 2
    to_one, _ = follow_policy(moves, free, one, limit)
    to_other, _ = follow_policy(moves, free, other, limit)
    return (to_one < to_other), (to_other < to_one)


def first_move_is_best(moves: np.ndarray, best: np.ndarray) -> np.ndarray:
    """[n, H, W] bool: the move of a plan [n, H, W] is one of the best [n, 4, H, W]."""
    return np.take_along_axis(best, moves[:, None], 1)[:, 0]


def share(of: np.ndarray, among: np.ndarray) -> float:
    """Mean of a bool array over the marked places; NaN where none is marked."""
    return float(of[among].mean()) if among.any() else float("nan")


def walks_optimally(moves: np.ndarray, free: np.ndarray, goal: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """From every cell: is the walk to the goal a shortest one; is it at most twice as long; the distance."""
    distance = distances(free, goal)
    steps, _ = follow_policy(moves, free, goal, 2 * int(distance[distance < UNREACHABLE].max()))
    return steps == distance, steps <= 2 * distance, distance


def place_patch(patch: Tensor, at: np.ndarray) -> Tensor:
    """[n, E, H, W]: `patch` ([E, k, k], or one each as [n, E, k, k]) centred on the marked cell of each map."""
    marks = torch.from_numpy(at).float()[:, None]
    half = patch.shape[-1] // 2
    if patch.ndim == 3:
        return F.conv_transpose2d(marks, patch[None], padding=half)
    each = [F.conv_transpose2d(mark[None], one[None], padding=half) for mark, one in zip(marks, patch, strict=True)]
    return torch.cat(each)


def patches_at(field: Tensor, at: np.ndarray, width: int) -> Tensor:
    """[n, E, k, k]: the k x k neighbourhood of the one marked cell of each map, zero outside the maze."""
    half = width // 2
    padded = F.pad(field, (half,) * 4)
    rows = [padded[i, :, r : r + width, c : c + width] for i, r, c in np.argwhere(at)]
    return torch.stack(rows)


def random_patches(patch: Tensor, count: int, seed: int) -> list[Tensor]:
    """Patches of random direction, each with the norm of the given one."""
    noise = torch.Generator().manual_seed(seed)
    draws = (torch.randn(patch.shape, generator=noise) for _ in range(count))
    return [draw / draw.norm() * patch.norm() for draw in draws]


def ridge(features: Tensor, targets: Tensor, penalty: float = 1.0) -> Tensor:
    """Weights [f + 1, k] of a linear probe with intercept, least squares with a small penalty."""
    x = with_intercept(features)
    gram = x.T @ x + penalty * torch.eye(x.shape[1], dtype=x.dtype)
    return torch.linalg.solve(gram, x.T @ targets.double())


def with_intercept(features: Tensor) -> Tensor:
    return torch.cat([features, torch.ones(len(features), 1)], 1).double()


def shown(levels: MazeLevels) -> Tensor:
    """[n, 4, H, W]: what a subject is shown."""
    return torch.from_numpy(levels.observation())


def windows(field: Tensor, window: int) -> Tensor:
    """[n, C * window^2, H, W]: the neighbourhood of each cell of a field [n, C, H, W], zero outside."""
    return F.unfold(field, window, padding=window // 2).unflatten(2, field.shape[2:])


def move_probe(fit: MazeLevels, held: MazeLevels, seen: Tensor, tested: Tensor) -> tuple[float, float]:
    """Shares of held-out cells at which the probe fitted on `seen` names an optimal move: of all cells, and of those
    where every optimal move leads away from the goal (`worlds.grid.paths.detour_cells`)."""

    def cells(levels: MazeLevels, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        goal = levels.mask(levels.exit)
        distance = distances(levels.free, goal)
        answers = torch.from_numpy(best_moves(levels.free, distance)).permute(0, 2, 3, 1)
        at = torch.from_numpy(levels.free & ~goal)
        contested = torch.from_numpy(detour_cells(levels.free, distance, goal))
        return features.permute(0, 2, 3, 1)[at], answers[at], contested[at]

    features, answers, _ = cells(fit, seen)
    weights = ridge(features, answers)
    features, answers, contested = cells(held, tested)
    named = (with_intercept(features) @ weights).argmax(1, keepdim=True)
    right = answers.gather(1, named)[:, 0].double()
    return float(right.mean()), float(right[contested].mean())


def untrained(model: Model, seed: int) -> Model | None:
    """A copy with freshly drawn weights, or None for a model that has none."""
    if not isinstance(model, torch.nn.Module) or not any(True for _ in model.parameters()):
        return None
    fresh = copy.deepcopy(model)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for part in fresh.modules():
            reset = getattr(part, "reset_parameters", None)
            if reset is not None:
                reset()
    return fresh


def goal_probe(fit: MazeLevels, held: MazeLevels, seen: Tensor, tested: Tensor) -> np.ndarray:
    """[n]: the cell of each held-out maze at which the goal probe fitted on `seen` is strongest."""
    at = torch.from_numpy(fit.free)
    goal = torch.from_numpy(fit.mask(fit.exit))[at].double()[:, None]
    weights = ridge(seen.permute(0, 2, 3, 1)[at], goal)
    strength = (with_intercept(tested.permute(0, 2, 3, 1).flatten(0, 2)) @ weights).view(len(held), -1)
    strength[torch.from_numpy(~held.free).flatten(1)] = -torch.inf
    strongest: np.ndarray = strength.argmax(1).numpy()
    return strongest


def goal_codes(model: RecurrentPlanner, levels: MazeLevels) -> Tensor:
    """[n, E, H, W]: what exit and coin together add to the code of each maze."""
    absent = np.full(len(levels), -1)
    with torch.no_grad():
        with_goal = model.encode(shown(levels))
        without = model.encode(shown(replace(levels, exit=absent, coin=absent)))
    return with_goal - without
