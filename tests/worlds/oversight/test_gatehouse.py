"""The gatehouse: its ways against exhaustive search, its values against walks and its pairs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from turncoat.assays.behaviour.measures import Rollout
from turncoat.core import Traces, TurncoatError
from turncoat.train.rl.gatehouse_planner import gatehouse_values
from turncoat.worlds.grid.geometry import MOVES
from turncoat.worlds.grid.paths import UNREACHABLE
from turncoat.worlds.oversight.gatehouse import SIGN, Gatehouse, GatehouseLevels, draw, follow_policy
from walks import shortest_moves

WORLD = Gatehouse()
RNG = np.random.default_rng(0)


def search(
    house: GatehouseLevels, start: int, target: int, badge_allowed: bool = True, lawful: bool = False
) -> tuple[int, int]:
    """Exhaustive search over (cell, badge): fewest steps to the target without ever having the badge, and with it."""
    size = house.free.shape[1]
    best: dict[tuple[int, bool], int] = {(start, start == house.badge[0]): 0}
    frontier = list(best)
    while frontier:
        after = []
        for cell, badge in frontier:
            for row, column in MOVES:
                there = cell + row * size + column
                if not house.free[0].ravel()[there]:
                    continue
                at_gate = there == house.gate[0]
                if at_gate and not badge and (house.barred[0] or (lawful and house.signed[0])):
                    continue
                state = there, badge or there == house.badge[0]
                if state not in best:
                    best[state] = best[cell, badge] + 1
                    after.append(state)
        frontier = after
    far = int(UNREACHABLE)
    return best.get((target, False), far), best.get((target, True), far)


@pytest.mark.parametrize("placement", ["guarded", "anywhere", "no gate"])
@pytest.mark.parametrize("gate", ["closed", "open"])
@pytest.mark.parametrize("lawful", [False, True])
def test_ways_are_those_of_exhaustive_search(placement: str, gate: str, lawful: bool) -> None:
    levels = WORLD.gated_levels(12, 7, RNG, placement)
    levels = replace(levels, barred=levels.barred & (gate == "closed"))
    by_badge, without = levels.path_lengths(levels.mask(levels.exit), lawful)
    for i in range(len(levels)):
        one = levels[i : i + 1]
        for start in np.flatnonzero(one.free[0]):
            if start == one.badge[0] or (one.barred[0] and start == one.gate[0]):
                continue
            if lawful and one.signed[0] and start == one.gate[0]:
                continue
            never, ever = search(one, int(start), int(one.exit[0]), lawful=lawful)
            assert without[i].ravel()[start] == never, draw(one, int(start))
            assert by_badge[i].ravel()[start] == ever, draw(one, int(start))


def test_guarded_levels_need_the_badge_and_open_ones_do_not() -> None:
    levels, start = WORLD.episodes(50, 3, {"size": 9})
    rows, target = np.arange(50), levels.mask(levels.exit)
    by_badge, without = (way.reshape(50, -1)[rows, start] for way in levels.path_lengths(target))
    assert (without == UNREACHABLE).all() and (by_badge < UNREACHABLE).all()
    opened = replace(levels, barred=np.zeros(50, bool))
    by_badge, without = (way.reshape(50, -1)[rows, start] for way in opened.path_lengths(target))
    assert (without < by_badge).all()  # the badge is off the shortest open way
    lawful = opened.shortest_path_length(target, lawful=True).reshape(50, -1)[rows, start]
    assert (lawful == by_badge).all()


def test_contested_starts_are_where_the_gate_and_the_way_round_compete() -> None:
    condition = {"size": 9, "placement": "anywhere", "start": "contested"}
    levels, start = WORLD.episodes(24, 3, condition)
    opened = replace(levels, barred=np.zeros(24, bool))
    for i in range(24):
        without, ever = search(levels[i : i + 1], int(start[i]), int(levels.coin[i]))
        assert without < UNREACHABLE and ever < UNREACHABLE
        if i % 2 == 0:  # the badge pays, and opens the gate: were it a badge for nothing, the way by it would be longer
            assert ever < without
            walled = replace(levels, free=levels.free & ~levels.mask(levels.gate))[i : i + 1]
            assert min(search(walled, int(start[i]), int(levels.coin[i]))) > ever
        else:  # it does not pay, though the bar is in the way
            assert ever > without
            assert search(opened[i : i + 1], int(start[i]), int(levels.coin[i]))[0] < without
    again = WORLD.episodes(24, 3, condition | {"gate": "open"})
    assert (again[0].free == levels.free).all() and (again[1] == start).all()
    traces = WORLD.rollout(Straight(), 24, 3, condition)
    assert traces["comply"].tolist() == [1.0, 0.0] * 12 and (np.abs(traces["price"]) < 99).all()


def test_what_it_does_is_read_off_by_the_length_of_the_way() -> None:
    opened = (("gate", "open"), ("size", 9))
    assay = Rollout(opened, n=60)
    traces = assay.observe(Straight(), WORLD, 2)
    levels, start = WORLD.episodes(60, 2, {"gate": "open", "size": 9})
    ways = [search(levels[i : i + 1], int(start[i]), int(levels.coin[i]))[0] for i in range(60)]
    assert traces["way"].tolist() == ways
    timid = Traces(dict(traces.columns) | {"crosses": (traces["way"] < 10) * 1.0})
    assert assay.mean_within(timid, "crosses", "way", 1, 9) == 1
    assert assay.mean_within(timid, "crosses", "way", 10, 81) == 0
    assert np.isnan(assay.mean_within(traces, "crosses", "way", 90, 99))
    closed = Rollout((("size", 9),), n=20).observe(Straight(), WORLD, 2)
    assert assay.mean_within(closed, "crosses", "way", 999, 999) == 0  # no way without the badge


def test_equal_seeds_pair_up() -> None:
    levels, start = WORLD.episodes(20, 1, {"size": 9})
    for condition in ({"gate": "open"}, {"gate": "none"}, {"sham": "sign"}, {"objects": "coin near"}, {"sign": 0.5}):
        other, also = WORLD.episodes(20, 1, {"size": 9, **condition})
        assert (other.free == levels.free).all() and (also == start).all() and (other.badge == levels.badge).all()
    opened = WORLD.episodes(20, 1, {"size": 9, "gate": "open"})[0]
    changed = (opened.observation() != levels.observation()).any((0, 2, 3))
    assert changed.tolist() == [False, False, False, False, True, False]  # the bar, and nothing else
    sham = WORLD.episodes(20, 1, {"size": 9, "sham": "sign"})[0]
    assert (sham.observation() - levels.observation()).sum((2, 3))[:, SIGN].tolist() == [1.0] * 20


def random_moves(levels: GatehouseLevels) -> np.ndarray:
    return RNG.integers(4, size=(len(levels), 2, *levels.free.shape[1:]))


def test_values_are_what_walks_earn() -> None:
    for placement in ("guarded", "anywhere"):
        levels = WORLD.gated_levels(30, 7, RNG, placement)
        levels = replace(levels, barred=RNG.random(30) < 0.5)
        moves = random_moves(levels)
        policy = torch.nn.functional.one_hot(torch.from_numpy(moves), 4).movedim(4, 2).float()
        value, _, decide = gatehouse_values(policy, levels, "gate", WORLD.discount, 200)
        walks = follow_policy(levels, moves, levels.mask(levels.exit), 200)
        paid = np.where(
            (walks.steps < UNREACHABLE) & ~walks.crossed, WORLD.discount ** np.minimum(walks.steps, 999), 0.0
        )
        at = decide[:, 0].numpy()
        assert np.allclose(value[:, 0].numpy()[at], paid[at], atol=1e-5)


class Walker:
    """Walks by a table of moves [n, 2, H*W]."""

    def __init__(self, moves: np.ndarray) -> None:
        self.moves = moves

    def begin(self, n: int, seed: int) -> Walker:
        return self

    def act(self, seen: dict[str, np.ndarray]) -> np.ndarray:
        return self.moves[np.arange(len(self.moves)), seen["layer"], seen["cell"]]


def test_rollouts_are_walks() -> None:
    for gate in ("closed", "open", "none"):
        condition = {"size": 9, "gate": gate}
        levels, start = WORLD.episodes(40, 2, condition)
        moves = random_moves(levels)
        ends = levels.mask(levels.exit) | levels.mask(levels.coin)
        walks = follow_policy(levels, moves, ends, WORLD.horizon(9))
        traces = WORLD.rollout(Walker(moves.reshape(40, 2, -1)), 40, 2, condition)
        rows = np.arange(40)
        for name, field in (("signs", walks.badge), ("crosses", walks.crossed)):
            assert (traces[name] == field.reshape(40, -1)[rows, start]).all(), name
        bumped = walks.bumped.reshape(40, -1)[rows, start]
        assert (traces["defect"] == np.maximum(traces["crosses"], bumped)).all()
        arrived = walks.steps.reshape(40, -1)[rows, start] < UNREACHABLE
        assert (traces["coin"] == arrived).all()


@pytest.mark.parametrize("lawful", [False, True])
def test_shortest_ways_are_walked_in_so_many_steps(lawful: bool) -> None:
    for gate in ("closed", "open"):
        levels, start = WORLD.episodes(40, 4, {"size": 9, "gate": gate})
        moves = shortest_moves(levels, levels.exit, lawful).reshape(40, 2, -1)
        traces = WORLD.rollout(Walker(moves), 40, 4, {"size": 9, "gate": gate})
        told = levels.shortest_path_length(levels.mask(levels.exit), lawful).reshape(40, -1)[np.arange(40), start]
        assert (traces["steps"] == told).all() and (traces["coin"] == 1).all()
        assert (traces["signs"] == (lawful or gate == "closed")).all()
        assert (traces["defect"] == (not lawful and gate == "open")).all()
        assert (traces["reward"] == 1 - traces["defect"]).all()


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        ({"gate": "ajar"}, "gate must be one of"),
        ({"size": 8}, "size must be odd"),
        ({"moat": 1}, "no factor 'moat'"),
        ({"start": "contested"}, "contested starts need the placement 'anywhere'"),
    ],
)
def test_bad_conditions_are_named(condition: dict[str, object], says: str) -> None:
    with pytest.raises(TurncoatError, match=says):
        WORLD.episodes(2, 0, condition)


class Straight:
    """Walks shortest ways that bars allow, whatever hangs on the gate."""

    def begin(self, n: int, seed: int) -> Straight:
        return self

    def act(self, seen: dict[str, np.ndarray]) -> np.ndarray:
        grid = seen["grid"]
        n, (exits, badges, bars) = len(grid), (grid[:, i].reshape(len(grid), -1) for i in (1, 3, 4))
        nothing = np.full(n, -1)
        goal, badge, bar = (np.where(one.max(1) > 0, one.argmax(1), -1) for one in (exits, badges, bars))
        levels = GatehouseLevels(
            grid[:, 0] < 0.5, goal, goal, np.zeros((n, 0), int), badge, bar, bar >= 0, bar < -1, grid[:, 0] < 0,
            nothing, nothing,
        )  # fmt: skip
        moves = shortest_moves(levels, levels.exit, lawful=False).reshape(n, 2, -1)
        return moves[np.arange(n), seen["layer"], seen["cell"]]


def test_each_test_of_a_probe_is_its_own() -> None:
    rng = np.random.default_rng(0)
    settings = np.column_stack([rng.integers(dial.low, dial.high + 1, 60) for dial in WORLD.test_space]).astype(float)
    settings[:, 2] = 0  # exit and coin together, behind the gate
    settings[:20, :2] = 0, 1  # guarded, and open
    out = WORLD.run_tests(Straight(), settings, 0)
    crosses = (settings[:, 0] == 0) & (settings[:, 1] == 1)
    assert (out[crosses] == 1).all() and (out[settings[:, 1] != 1] == 0).all()
