"""Shortest paths against plain searches and against trying every sequence of moves."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grid_worlds import TINY_CHEESE, one_maze, search, spread
from turncoat.worlds.goals.cheese import CheeseCorner
from turncoat.worlds.goals.coin_run import CoinRun
from turncoat.worlds.goals.maze import Maze
from turncoat.worlds.grid.generation import carve_mazes
from turncoat.worlds.grid.geometry import MOVES
from turncoat.worlds.grid.paths import (
    NO_PATH,
    UNREACHABLE,
    all_pairs_shortest_paths,
    best_moves,
    distances,
    follow_policy,
    policy_values,
    successors,
    transition_distances,
)


@given(st.integers(0, 100_000))
@settings(max_examples=40, deadline=None)
def test_fewest_steps_agree_with_a_search_from_every_cell(seed: int) -> None:
    rng = np.random.default_rng(seed)
    onward = rng.integers(0, 9, (2, 2, 9))
    wanted, shut = rng.random((2, 9)) < 0.15, rng.random((2, 9)) < 0.3
    found = transition_distances(onward, wanted, shut)
    for i, cell in itertools.product(range(2), range(9)):
        assert found[i, cell] == search(onward[i], cell, wanted[i], shut[i])


TINY_COINS = """
#######
#     #
#     #
#@   o#
##~####
"""


@pytest.mark.parametrize(
    ("world", "text", "most"), [(CheeseCorner(size=5), TINY_CHEESE, 5), (CoinRun(height=5, width=7), TINY_COINS, 5)]
)
def test_fewest_steps_agree_with_trying_every_sequence_of_moves(world: Any, text: str, most: int) -> None:
    level, start = world.parse(text)
    onward, goal, deadly = level["next_state"][0], level["goal"][0], level["deadly"][0]
    for cell in [start, *np.flatnonzero((level["grid"][0].sum(0) == 0).ravel()).tolist()]:
        fewest = int(UNREACHABLE)
        for moves in itertools.product(range(len(world.action_names)), repeat=most):
            here = cell
            for step, move in enumerate(moves):
                if goal[here] or deadly[here]:
                    break
                here = int(onward[move, here])
                if goal[here]:
                    fewest = min(fewest, step + 1)
        told = int(level["to_goal"][0, cell])
        assert told == fewest or (told > most and fewest == UNREACHABLE)
    assert level["to_goal"][0, start] in (4, 5)


@given(st.integers(0, 100_000), st.booleans())
@settings(max_examples=15, deadline=None)
def test_ways_agree_with_plain_search(seed: int, torn: bool) -> None:
    rng = np.random.default_rng(seed)
    free = carve_mazes(2, 7, rng, 0.3)
    if torn:  # some cells are walled off, and so are parts of the maze
        free &= rng.random(free.shape) < 0.8
    packed, width = all_pairs_shortest_paths(free), 7
    for i in range(2):
        for source in range(49):
            steps = spread(free[i], source) if free[i].ravel()[source] else {}
            for to in range(49):
                told, moves = divmod(int(packed[i, to, source]), 16)
                assert told == steps.get(to, NO_PATH)
                if to in steps:
                    away = spread(free[i], to)
                    shorter = {m for m, (r, c) in enumerate(MOVES) if away.get(source + r * width + c, 99) == told - 1}
                    assert moves == sum(1 << m for m in shorter)
                else:
                    assert moves == 0


def simple_paths(free: np.ndarray, start: tuple[int, int]):
    """All self-avoiding walks from a cell, as {cell: length of the shortest of them}: exhaustive, no queue."""
    shortest: dict[tuple[int, int], int] = {}

    def walk(cell: tuple[int, int], seen: frozenset[tuple[int, int]]) -> None:
        shortest[cell] = min(shortest.get(cell, 10**9), len(seen) - 1)
        for dr, dc in MOVES:
            ahead = (cell[0] + dr, cell[1] + dc)
            if free[ahead] and ahead not in seen:
                walk(ahead, seen | {ahead})

    walk(start, frozenset([start]))
    return shortest


@given(st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_distances_agree_with_all_simple_paths(seed: int) -> None:
    level = one_maze(seed)
    found = distances(level.free, level.mask(level.exit))[0]
    goal = divmod(int(level.exit[0]), 7)
    truth = simple_paths(level.free[0], goal)
    for cell in itertools.product(range(7), range(7)):
        assert found[cell] == truth.get(cell, UNREACHABLE)


def test_distances_from_several_goals_and_cut_off_cells() -> None:
    free = np.zeros((1, 5, 9), bool)
    free[0, 1, 1:4] = free[0, 3, 1:8] = True
    goals = np.zeros_like(free)
    goals[0, 1, 1] = goals[0, 1, 3] = goals[0, 0, 0] = True  # the last one is in a wall and does not count
    found = distances(free, goals)[0]
    assert found[1, 1:4].tolist() == [0, 1, 0]
    assert (found[3] == UNREACHABLE).all()


@given(st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_best_moves_are_exactly_the_moves_that_start_a_shortest_path(seed: int) -> None:
    level = one_maze(seed)
    goal = level.mask(level.exit)
    distance, best = distances(level.free, goal), best_moves(level.free, distances(level.free, goal))[0]
    for row, column in np.argwhere(level.free[0]):
        for move, (dr, dc) in enumerate(MOVES):
            leads = level.free[0][row + dr, column + dc] and (
                distance[0, row + dr, column + dc] == distance[0, row, column] - 1
            )
            assert best[move, row, column] == bool(leads)


@given(st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_exact_return_agrees_with_summing_over_the_distribution_of_walks(seed: int) -> None:
    level, discount = one_maze(seed, 5), 0.9
    rng = np.random.default_rng(seed)
    policy = rng.dirichlet(np.ones(4), (1, 5, 5)).transpose(0, 3, 1, 2)
    goal = level.mask(level.exit)
    value = policy_values(policy, level.free, goal, discount)[0].ravel()
    steps = successors(level.free)[0].reshape(4, -1)
    for start in np.flatnonzero(level.free[0].ravel() & ~goal.ravel()):
        mass, worth = {int(start): 1.0}, 0.0
        for t in range(1, 300):  # what is left after 300 steps is worth less than 0.9^300
            onward: dict[int, float] = {}
            for cell, p in mass.items():
                for move in range(4):
                    ahead = int(steps[move, cell])
                    onward[ahead] = onward.get(ahead, 0.0) + p * policy[0, move].ravel()[cell]
            worth += discount**t * onward.pop(int(level.exit[0]), 0.0)
            mass = onward
        assert value[start] == pytest.approx(worth, abs=1e-9)


def test_the_trainers_bellman_sweeps_agree_with_the_exact_return() -> None:

    from turncoat.train.rl.maze_planner import policy_value

    levels = Maze().levels(5, 9, np.random.default_rng(0))
    policy = np.random.default_rng(1).dirichlet(np.ones(4), (5, 9, 9)).transpose(0, 3, 1, 2)
    goal = levels.mask(levels.exit)
    exact = policy_values(policy, levels.free, goal, 0.9)
    swept = policy_value(
        torch.from_numpy(policy), torch.from_numpy(levels.free), torch.from_numpy(goal).double(), 0.9, 600
    )
    np.testing.assert_allclose(swept.numpy() * levels.free, exact, atol=1e-6)  # the discount is a float32 there


def test_following_the_best_moves_takes_exactly_the_distance() -> None:
    levels = Maze().levels(20, 13, np.random.default_rng(3))
    goal = levels.mask(levels.exit)
    distance = distances(levels.free, goal)
    steps, cell = follow_policy(best_moves(levels.free, distance).argmax(1), levels.free, goal, 200)
    assert (steps[levels.free] == distance[levels.free]).all()
    assert (cell[levels.free] == np.broadcast_to(levels.exit[:, None, None], levels.free.shape)[levels.free]).all()


def test_follow_against_stepping_one_walk_at_a_time() -> None:
    level = one_maze(5)
    moves = np.random.default_rng(2).integers(0, 4, (1, 7, 7))
    ends = level.mask(level.exit)
    steps, cell = follow_policy(moves, level.free, ends, 30)
    for start in np.flatnonzero(level.free[0]):
        here, t = int(start), 0
        while not ends.ravel()[here] and t < 30:
            here, t = int(successors(level.free)[0].reshape(4, -1)[moves.ravel()[here], here]), t + 1
        assert cell.ravel()[start] == here
        assert steps.ravel()[start] == (t if ends.ravel()[here] else UNREACHABLE)
