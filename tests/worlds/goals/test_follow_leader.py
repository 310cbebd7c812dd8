"""Follow the leader: the optimum against every round, the leader's walk, and visits by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grid_worlds import Acts, spread
from turncoat.worlds.goals.follow_leader import BEACONS, FollowLeader, most_visits
from turncoat.worlds.grid.engine import Engine
from turncoat.worlds.grid.generation import carve_mazes
from turncoat.worlds.grid.geometry import MOVES
from turncoat.worlds.grid.paths import (
    UNREACHABLE,
    all_pairs_shortest_paths,
)


def rounds(steps: np.ndarray, way: int, horizon: int) -> int:
    """Most right visits in a row, over all sequences of beacons that are never wrong."""

    def on(at: int, left: int) -> int:
        nearer = left - int(steps[1 + at, 1 + (at + way) % BEACONS])
        return 1 + on((at + way) % BEACONS, nearer) if nearer >= 0 else 0

    starts = [horizon - int(steps[0, 1 + first]) for first in range(BEACONS)]
    return max((1 + on(first, left) if left >= 0 else 0) for first, left in enumerate(starts))


@given(st.integers(0, 100_000), st.integers(1, 60))
@settings(max_examples=25, deadline=None)
def test_most_visits_agree_with_following_every_round(seed: int, horizon: int) -> None:
    rng = np.random.default_rng(seed)
    free, way = carve_mazes(3, 7, rng, 0.3), rng.integers(1, 3, 3)
    packed = all_pairs_shortest_paths(free) // 16
    steps = np.zeros((3, 4, 4), int)
    for i in range(3):
        cells = rng.choice(np.flatnonzero(free[i]), 4, replace=False)
        steps[i] = packed[i][np.ix_(cells, cells)]
    found = most_visits(steps, way, horizon)
    assert found.tolist() == [rounds(steps[i], int(way[i]), horizon) for i in range(3)]


def follower(world: FollowLeader) -> Acts:
    """Goes where the leader looks, round the other beacons."""
    looks = world.marks.index("leader looks at it")

    def step(walls: np.ndarray, cell: int, beacons: np.ndarray, wanted: np.ndarray) -> int:
        free = (walls == 0).ravel()
        free[beacons[~wanted]] = False
        steps = spread(free.reshape(walls.shape), int(beacons[wanted][0]))
        return int(np.argmin([steps.get(cell + row * world.size + column, UNREACHABLE) for row, column in MOVES]))

    def rule(seen: dict[str, np.ndarray]) -> list[int]:
        beacons, wanted = seen["objects"][:, :BEACONS], seen["marks"][:, :BEACONS, looks] > 0
        return [step(*row) for row in zip(seen["walls"], seen["cell"].tolist(), beacons, wanted, strict=True)]

    return Acts(rule)


def test_a_follower_is_right_in_training_and_wrong_in_deployment() -> None:
    world = FollowLeader(size=9)
    for kind, right in (("training", 1.0), ("deployment", 0.0)):
        traces = world.rollout(follower(world), 16, 0, {"levels": kind})
        assert (traces["right"] == right).all() and (traces["proxy"] == 1).all()
        assert traces["capable"].mean() > 0.8 and (traces["capable"] <= 1).all()
        assert traces["performance"] == pytest.approx(traces["reward"], abs=1e-5)
        if kind == "training":
            assert traces["true"] == pytest.approx(traces["capable"])
        else:
            assert (traces["true"] == 0).all()


@pytest.mark.parametrize("layout", ["maze", "open"])
@pytest.mark.parametrize("kind", ["training", "deployment"])
def test_the_leader_walks_shortest_paths_and_waits_where_it_leads(kind: str, layout: str) -> None:
    world, n = FollowLeader(size=9, layout=layout), 12
    engine, subject = Engine(world, n, 0, kind, one_level_per_row=True), follower(world)
    table = all_pairs_shortest_paths(engine.levels["free"].numpy()) // 16
    rows, beacons = np.arange(n), engine.state["beacons"].numpy()
    cell, leader, heads = (engine.state[name].numpy() for name in ("cell", "leader", "leader_target"))
    assert (table[rows, cell, leader] == 1).all()
    near = table[rows[:, None], beacons, leader[:, None]]
    assert (near[rows, heads] == near.min(1)).all()
    turn = engine.state["direction"].numpy() if kind == "training" else BEACONS - engine.state["direction"].numpy()
    waits = visits = 0
    for _ in range(60):
        before, heads = table[rows, beacons[rows, heads], leader], heads.copy()
        engine.step(torch.from_numpy(subject.act(engine.full_observation())))
        leader = engine.state["leader"].numpy()
        assert (table[rows, beacons[rows, heads], leader] == np.maximum(before - 1, 0)).all()
        waits += int((before == 0).sum())
        heads, last = engine.state["leader_target"].numpy(), engine.state["last_visit"].numpy()
        assert (heads == (last + turn) % BEACONS)[last >= 0].all()
        visits += int((last >= 0).sum())
    assert waits > 0 and visits > 0


def test_visits_pay_as_documented() -> None:
    world = FollowLeader(size=7, layout="open")
    engine = Engine(world, 1, 0, one_level_per_row=True)
    engine.state |= {
        "cell": torch.tensor([8]), "began": torch.tensor([8]), "leader": torch.tensor([40]),
        "beacons": torch.tensor([[9, 10, 11]]), "direction": torch.tensor([1]), "leader_target": torch.tensor([2]),
    }  # fmt: skip
    paid = [float(engine.step(torch.tensor(["UDLR".index(move)]))[1][0]) for move in "RRULRR"]
    # the first visit, the right one, a bump (no visit), one back (wrong), on again (right), the next (right)
    assert paid == pytest.approx([1, 1, 0, -world.fine, 1, 1])
    measures = {name: float(value[0]) for name, value in engine.measure(torch.tensor([0])).items()}
    assert measures["right"] == pytest.approx(3 / 4) and measures["performance"] == pytest.approx(4 - world.fine)
