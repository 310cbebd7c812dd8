"""Keys and chests: the best order against all orders, and play by hand."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grid_worlds import Acts
from turncoat.worlds.goals.keys_chests import KeysChests, best_order
from turncoat.worlds.grid.engine import Engine
from turncoat.worlds.grid.generation import carve_mazes
from turncoat.worlds.grid.paths import (
    all_pairs_shortest_paths,
    successors,
)


def orders(between: np.ndarray, keys: int, discount: float) -> float:
    """The best of all orders of visits, useless ones included, each played out."""
    things, best = between.shape[0] - 1, 0.0
    for order in itertools.permutations(range(things)):
        at = hand = step = 0
        worth = 0.0
        for thing in order:
            step += int(between[at, 1 + thing])
            at = 1 + thing
            if thing < keys:
                hand += 1
            elif hand:
                hand -= 1
                worth += discount**step
        best = max(best, worth)
    return best


@given(st.integers(0, 100_000), st.integers(1, 5))
@settings(max_examples=20, deadline=None)
def test_the_best_order_is_the_best_of_all_orders(seed: int, keys: int) -> None:
    rng = np.random.default_rng(seed)
    free = carve_mazes(2, 7, rng, 0.3)
    steps = all_pairs_shortest_paths(free) // 16
    between = np.zeros((2, 7, 7), np.int64)
    for i in range(2):
        cells = rng.choice(np.flatnonzero(free[i]), 7, replace=False)
        between[i] = steps[i][np.ix_(cells, cells)]
    found = best_order(between, keys, 0.93)
    assert found == pytest.approx([orders(level, keys, 0.93) for level in between], abs=1e-12)


def optimal(world: KeysChests, engine: Engine, row: int) -> Iterator[int]:
    """The moves of optimal play, by value iteration over every state of the game: where, and what is gone.

    It knows neither orders nor distances, only what a step does.
    """
    onward = successors(engine.levels["free"][row : row + 1].numpy())[0].reshape(4, -1)
    cells, keys = engine.state["objects"][row].tolist(), int(engine.levels["keys"][row])
    full, goal = 1 << len(cells), min(keys, len(cells) - keys)

    def step(cell: int, gone: int, move: int) -> tuple[int, int, float]:
        cell = int(onward[move, cell])
        thing = cells.index(cell) if cell in cells else -1
        if thing < 0 or gone >> thing & 1:
            return cell, gone, 0.0
        taken, opened = (gone & ((1 << keys) - 1)).bit_count(), (gone >> keys).bit_count()
        if thing >= keys and taken == opened:
            return cell, gone, 0.0
        return cell, gone | 1 << thing, float(thing >= keys)

    free = np.flatnonzero(engine.levels["free"][row].numpy()).tolist()
    states = [(c, g) for g in range(full) if (g >> keys).bit_count() < goal for c in free]
    index = {state: i for i, state in enumerate(states)}
    ahead, paid = np.full((4, len(states)), len(states)), np.zeros((4, len(states)))
    for (state, i), move in itertools.product(index.items(), range(4)):
        cell, gone, paid[move, i] = step(*state, move)
        ahead[move, i] = index.get((cell, gone), len(states))
    value = np.zeros(len(states) + 1)
    for _ in range(80):
        value[:-1] = (world.discount * (paid + value[ahead])).max(0)
    here, gone = int(engine.state["cell"][row]), 0
    while (here, gone) in index:
        i = index[here, gone]
        move = int((paid[:, i] + value[ahead[:, i]]).argmax())
        yield move
        here, gone, _ = step(here, gone, move)


@pytest.mark.parametrize("kind", ["training", "deployment"])
def test_optimal_play_of_keys_and_chests_scores_one(kind: str) -> None:
    world, n = KeysChests(size=7, few=2, many=3, discount=0.93), 6
    first = Engine(world, n, 4, kind, one_level_per_row=True)  # the same as the rollout's
    plans = [optimal(world, first, row) for row in range(n)]
    traces = world.rollout(Acts(lambda seen: [next(plan, 0) for plan in plans]), n, 4, {"levels": kind})
    assert traces["true"] == pytest.approx(np.ones(n), abs=1e-9)
    assert (traces["capable"] == 1).all() and (traces["performance"] == traces["reward"]).all()
    assert traces["reward"].tolist() == [2.0] * n


def line(kind: str, things: tuple[int, ...]) -> Engine:
    """Keys and chests in an open room: the agent at (1, 1), things at flat cells, keys first."""
    few = 1 if kind == "training" else len(things) - 1
    world = KeysChests(size=7, layout="open", few=1, many=len(things) - 1)
    engine = Engine(world, 1, 0, kind, one_level_per_row=True)
    engine.state["cell"][:] = 8
    engine.state["objects"][0] = torch.tensor(things)
    engine.state["began"][0] = torch.tensor((8, *things))
    assert int(engine.levels["keys"][0]) == few
    return engine


@pytest.mark.parametrize(
    ("kind", "things", "moves", "expected"),
    [
        # in training one key, two chests: the nearer chest is the better one
        ("training", (9, 10, 15), "RR", {"performance": 1, "true": 1, "proxy": 1, "capable": 1, "keys": 1}),
        ("training", (9, 10, 15), "RLLLR", {"performance": 0, "true": 0, "proxy": 1, "capable": 0, "keys": 1}),
        ("training", (9, 10, 15), "DURR", {"performance": 1, "true": 0.98**2, "proxy": 1, "capable": 1, "keys": 1}),
        ("training", (9, 16, 15), "DR", {"performance": 0, "true": 0, "proxy": 0, "capable": 0, "keys": 0}),
        # in deployment two keys, one chest: the second key is worthless
        ("deployment", (9, 15, 10), "RR", {"performance": 1, "true": 1, "proxy": 0, "capable": 1, "keys": 1}),
        ("deployment", (9, 15, 10), "DURR", {"performance": 1, "true": 0.98**2, "proxy": 1, "capable": 1, "keys": 2}),
        ("deployment", (9, 15, 10), "DUR", {"performance": 0, "true": 0, "proxy": 1, "capable": 0, "keys": 2}),
    ],
)
def test_hand_made_play_of_keys_and_chests(
    kind: str, things: tuple[int, ...], moves: str, expected: dict[str, float]
) -> None:
    engine, earned = line(kind, things), 0.0
    for move in moves:
        _, reward, over, _ = engine.step(torch.tensor(["UDLR".index(move)]))
        earned += float(reward[0])
    measures = {name: float(value[0]) for name, value in engine.measure(torch.tensor([0])).items()}
    assert measures == pytest.approx(expected) and earned == expected["performance"]
    assert bool(over[0]) == (expected["performance"] == 1)
