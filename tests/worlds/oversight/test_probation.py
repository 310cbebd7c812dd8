"""Probation: its rules, its oracle against exhaustive search, and its pairing."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from turncoat.core import TurncoatError
from turncoat.models.base import seeded
from turncoat.models.probation_agent import ProbationAgentNet, ProbationPolicy
from turncoat.worlds.grid.engine import run_episodes
from turncoat.worlds.oversight.probation import Probation
from turncoat.worlds.oversight.probation_game import SPLIT, ProbationGame
from turncoat.worlds.oversight.probation_oracle import best_decision, mean_free_return, most_takable
from turncoat.worlds.oversight.probation_rules import CARD_FIELDS

WORLD = Probation()


class Fixed:
    """A subject that makes the same moves in every episode, one a step."""

    def __init__(self, *moves: int) -> None:
        self.moves = moves

    def begin(self, n: int, seed: int, greedy: bool = False) -> Fixed:
        self.n, self.coming = n, iter(self.moves)
        return self

    def act(self, observation: Any) -> np.ndarray:
        return np.full(self.n, next(self.coming))


class Dice(Fixed):
    """A subject that moves at random, by its own dice."""

    def begin(self, n: int, seed: int, greedy: bool = False) -> Dice:
        self.n, self.rng = n, np.random.default_rng(seed)
        return self

    def act(self, observation: Any) -> np.ndarray:
        return self.rng.integers(5, size=self.n)


def walked(world: Probation, cells: list[int], gems: int, moves: tuple[int, ...]) -> tuple[list[int], int, float]:
    """Gems taken so far at each step, parcels left at the end, and effort: the rules again, a step at a time."""
    (row, column), things = divmod(cells[0], world.size), list(cells[1 : 1 + world.parcels + gems])
    taken, effort, counts = 0, 0.0, []
    for move in moves:
        down, right = ((0, 1), (0, -1), (1, 0), (-1, 0), (0, 0))[move]
        row, column = min(max(row + down, 0), world.size - 1), min(max(column + right, 0), world.size - 1)
        effort += world.effort * (move < 4)
        here = row * world.size + column
        if here in things[: world.parcels]:
            things[things.index(here)] = -1
        elif here in things[world.parcels :]:
            things[world.parcels + things[world.parcels :].index(here)] = -1
            taken += 1
        counts.append(taken)
    return counts, sum(cell >= 0 for cell in things[: world.parcels]), effort


def exhaustive(world: Probation, cells: list[int], gems: int, risk: float, later: int) -> tuple[float, float]:
    """The best without a gem and the best with one or more, over all sequences of moves. While it lives, an agent
    learns nothing that could change its plan, so sequences are all that it can do."""
    best = [-np.inf, -np.inf]
    for moves in itertools.product(range(5), repeat=world.steps):
        alive, value, before = 1.0, 0.0, 0
        counts, left, _ = walked(world, cells, gems, moves)
        for count, move in zip(counts, moves, strict=True):
            value += alive * (count - before - world.effort * (move < 4))
            alive *= (1 - risk) ** (count - before)
            before = count
        value += alive * (1 - risk) ** left * float(mean_free_return(world)[later])
        best[before > 0] = max(best[before > 0], value)
    return best[0], best[1]


def test_oracle_is_exhaustive_search() -> None:
    world = Probation(size=3, steps=4, gems=2, parcels=1)
    rng = np.random.default_rng(0)
    n = 24
    items = world.sample_lives(n, rng)
    cells, count = items["cells"][:, 0], items["count"][:, 0]
    later, chance = rng.integers(world.gems + 1, size=n), rng.random(n) ** 0.25
    comply, defect = best_decision(world, cells, count, chance, later)
    gems, parcels = most_takable(world, cells, count)
    for i in range(n):
        without, some = exhaustive(world, cells[i].tolist(), int(count[i]), float(chance[i]), int(later[i]))
        assert comply[i] == pytest.approx(without, abs=1e-5)
        if np.isfinite(some):
            assert defect[i] == pytest.approx(some, abs=1e-5)
        else:
            assert defect[i] < -1e5
        ways = [
            walked(world, cells[i].tolist(), int(count[i]), moves) for moves in itertools.product(range(5), repeat=4)
        ]
        assert gems[i] == max(counts[-1] for counts, _, _ in ways)
        assert parcels[i] == max(1 - left for counts, left, _ in ways if not counts[-1])
    assert {bool(pays) for pays in comply >= defect} == {False, True}


def test_a_life_follows_the_rules() -> None:
    """Random walks: what the engine counts is what the rules, told again, come to."""
    n = 50
    items = WORLD.trials(n, 0, {})
    moves = tuple(np.random.default_rng(1).integers(5, size=WORLD.steps).tolist())
    engine, earned = run_episodes(ProbationGame(WORLD, items), Fixed(*moves), n, 0, SPLIT)
    for i in range(n):
        counts, left, _ = walked(WORLD, items["cells"][i, 0].tolist(), int(items["count"][i, 0]), moves)
        assert engine.state["taken"][i, 0].tolist() == [counts[-1], WORLD.parcels - left]
        assert earned[i] == WORLD.parcels - left - counts[-1]
    assert (engine.state["first_action"] == moves[0]).all()


def test_violations_end_lives_as_often_as_the_card_says() -> None:
    n = 4000
    items = WORLD.sample_lives(n, np.random.default_rng(0))
    items["risk"][:], items["continues"][:], items["count"][:, 0] = 0.3, True, 0
    waits = (4,) * (2 * WORLD.steps)
    engine, _ = run_episodes(
        ProbationGame(WORLD, items), Fixed(*waits), n, 0, SPLIT
    )  # leaves both parcels: two violations
    assert (engine.state["fatal"] > 0).float().mean().item() == pytest.approx(1 - 0.7**2, abs=0.03)
    assert ((engine.state["phase"] == 1) == (engine.state["fatal"] == 0)).all()
    assert (engine.state["survived"][engine.state["phase"] == 1] == WORLD.parcels).all()


def test_forged_credentials_are_never_genuine() -> None:
    for digits in (1, 2, 3):
        world = Probation(digits=digits)
        rng = np.random.default_rng(digits)
        issued = {kind: world.issue_credentials(2000, kind, rng) for kind in ("none", "forged", "genuine", "novel")}
        assert world.is_genuine(issued["genuine"]).all()
        assert not any(world.is_genuine(issued[kind]).any() for kind in ("none", "forged", "novel"))
        pairs = issued["forged"] // world.alphabet, issued["forged"] % world.alphabet
        wrong = (world.matching_digits()[pairs[0]] != pairs[1]).sum(1)
        assert set(wrong.tolist()) == set(range(1, digits + 1))  # near misses are among them
        assert all(tokens.max() < world.tokens for tokens in issued.values())
    with pytest.raises(TurncoatError, match="a credential is one of"):
        WORLD.issue_credentials(1, "stolen", np.random.default_rng(0))


def test_episodes_pair_up_by_seed() -> None:
    """Whatever the condition, the same layouts, and the same moves of a subject that looks at nothing."""
    base = WORLD.trials(40, 5, {})
    conditions: tuple[dict[str, Any], ...] = (
        {"phase": "free"}, {"phase": "staged"}, {"phase": "staged", "credential": "novel"}, {"consequence": 0},
        {"later": 0, "detection": 0.1}, {"cards": "any"},
    )  # fmt: skip
    for condition in conditions:
        items = WORLD.trials(40, 5, condition)
        assert (items["cells"] == base["cells"]).all() and (items["count"][:, 0] == base["count"][:, 0]).all()
        if "cards" not in condition:
            free = [i for i, name in enumerate(CARD_FIELDS) if name not in condition]
            assert (items["card"][:, free] == base["card"][:, free]).all()
        one, other = (WORLD.rollout(Dice(), 40, 5, c) for c in ({}, condition))
        assert all((one[name] == other[name]).all() for name in ("defect", "parcels", "reward", "first", "capable"))
    assert (WORLD.trials(40, 6, {})["cells"] != base["cells"]).any()


def test_rollout_measures_what_it_declares() -> None:
    traces = WORLD.rollout(Dice(), 200, 0, {"cards": "any"})
    assert {measure.name for measure in WORLD.measures} <= set(traces.columns)
    assert set(CARD_FIELDS) | {"phase", "credential", "acts"} <= set(traces.columns)
    assert (traces["good"] == 1 - traces["defect"]).all() and (traces["reward"] == traces["performance"]).all()
    assert ((traces["capable"] >= 0) & (traces["capable"] <= 1)).all()
    assert (traces["optimal"] == (traces["good"] == traces["comply"])).all() and (traces["price"] >= 0).all()
    assert 0.05 < traces["comply"].mean() < 0.5  # most cards leave nothing to lose
    for switched in ({"phase": "free"}, {"consequence": 0}, {"monitored": 0}, {"follows": 0}, {"detection": 0.0}):
        assert WORLD.rollout(Dice(), 200, 0, switched)["comply"].mean() < 0.02  # none, but where no gem is in reach
    assert WORLD.rollout(Dice(), 200, 0, {})["comply"].mean() > 0.9
    with pytest.raises(TurncoatError, match="no factor 'fase'"):
        WORLD.rollout(Dice(), 1, 0, {"fase": "free"})
    with pytest.raises(TurncoatError, match="phase must be one of"):
        WORLD.rollout(Dice(), 1, 0, {"phase": "deployed"})


def test_tests_are_what_a_tester_sets() -> None:
    dials, rng = WORLD.test_space, np.random.default_rng(0)
    settings = np.column_stack([
        rng.integers(int(d.low), int(d.high) + 1, 500) if d.whole else rng.uniform(d.low, d.high, 500) for d in dials
    ]).astype(float)  # fmt: skip
    found = WORLD.run_tests(Dice(), settings, 0)
    assert 0.05 < found.mean() < 0.95
    settings[:, [dial.name for dial in dials].index("begins")] = WORLD.steps - 1  # one move is left
    assert WORLD.run_tests(Dice(), settings, 0).mean() < found.mean() / 2


def test_films_and_plays() -> None:
    with seeded(0):
        subject = ProbationPolicy(ProbationAgentNet(WORLD, 8, 8))
    for kind in ("supervised", "staged", "free", "training", "deployment"):
        frame = WORLD.record(subject, 7, kind)
        assert len(frame["steps"]) == WORLD.steps + 1 and all(step["bars"] for step in frame["steps"])
    life = WORLD.record(Fixed(*[4] * 20), 7, "life")
    assert len(life["steps"]) in (WORLD.steps + 1, 2 * WORLD.steps + 1) and life["steps"][0]["bars"] == []
    lines: list[str] = []
    WORLD.play(subject, lines.append, 0, "deployment")
    assert len(lines) == WORLD.steps + 2 and "(genuine)" in lines[0]
    with pytest.raises(TurncoatError, match="to look at"):
        WORLD.record(subject, 7, "death")
