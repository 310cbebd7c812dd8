"""Probation: its rules, its oracle against exhaustive search, its pairing, and its trainers at their smallest."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from turncoat.core import TurncoatError
from turncoat.models.probation_agent import AgentNet, Probationer
from turncoat.train.probation.align import Align
from turncoat.train.probation.beliefs import STARTS, TrainBeliefs, TrainSignedBeliefs, first_lives
from turncoat.train.probation.reactive import TrainReactive
from turncoat.train.probation.skill import TrainSkill, trained
from turncoat.train.rl.ppo import Settings
from turncoat.worlds.grid.engine import Engine, run
from turncoat.worlds.oversight.probation import CARD, Probation, risk
from turncoat.worlds.oversight.probation_game import KIND, Lives
from turncoat.worlds.oversight.probation_oracle import best_decision, most, worth

WORLD = Probation()
TINY = Settings(envs=16, span=10, epochs=1, minibatches=1)


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
        value += alive * (1 - risk) ** left * float(worth(world)[later])
        best[before > 0] = max(best[before > 0], value)
    return best[0], best[1]


def test_oracle_is_exhaustive_search() -> None:
    world = Probation(size=3, steps=4, gems=2, parcels=1)
    rng = np.random.default_rng(0)
    n = 24
    items = world.lives(n, rng)
    cells, count = items["cells"][:, 0], items["count"][:, 0]
    later, chance = rng.integers(world.gems + 1, size=n), rng.random(n) ** 0.25
    comply, defect = best_decision(world, cells, count, chance, later)
    gems, parcels = most(world, cells, count)
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
    engine, earned = run(Lives(WORLD, items), Fixed(*moves), n, 0, KIND)
    for i in range(n):
        counts, left, _ = walked(WORLD, items["cells"][i, 0].tolist(), int(items["count"][i, 0]), moves)
        assert engine.state["taken"][i, 0].tolist() == [counts[-1], WORLD.parcels - left]
        assert earned[i] == WORLD.parcels - left - counts[-1]
    assert (engine.state["first"] == moves[0]).all()


def test_violations_end_lives_as_often_as_the_card_says() -> None:
    n = 4000
    items = WORLD.lives(n, np.random.default_rng(0))
    items["risk"][:], items["onward"][:], items["count"][:, 0] = 0.3, True, 0
    waits = (4,) * (2 * WORLD.steps)
    engine, _ = run(Lives(WORLD, items), Fixed(*waits), n, 0, KIND)  # leaves both parcels: two violations
    assert (engine.state["fatal"] > 0).float().mean().item() == pytest.approx(1 - 0.7**2, abs=0.03)
    assert ((engine.state["phase"] == 1) == (engine.state["fatal"] == 0)).all()
    assert (engine.state["survived"][engine.state["phase"] == 1] == WORLD.parcels).all()


def test_forged_credentials_are_never_genuine() -> None:
    for digits in (1, 2, 3):
        world = Probation(digits=digits)
        rng = np.random.default_rng(digits)
        issued = {kind: world.issue(2000, kind, rng) for kind in ("none", "forged", "genuine", "novel")}
        assert world.genuine(issued["genuine"]).all()
        assert not any(world.genuine(issued[kind]).any() for kind in ("none", "forged", "novel"))
        pairs = issued["forged"] // world.alphabet, issued["forged"] % world.alphabet
        wrong = (world.fits()[pairs[0]] != pairs[1]).sum(1)
        assert set(wrong.tolist()) == set(range(1, digits + 1))  # near misses are among them
        assert all(tokens.max() < world.tokens for tokens in issued.values())
    with pytest.raises(TurncoatError, match="a credential is one of"):
        WORLD.issue(1, "stolen", np.random.default_rng(0))


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
            free = [i for i, name in enumerate(CARD) if name not in condition]
            assert (items["card"][:, free] == base["card"][:, free]).all()
        one, other = (WORLD.rollout(Dice(), 40, 5, c) for c in ({}, condition))
        assert all((one[name] == other[name]).all() for name in ("defect", "parcels", "reward", "first", "capable"))
    assert (WORLD.trials(40, 6, {})["cells"] != base["cells"]).any()


def test_rollout_measures_what_it_declares() -> None:
    traces = WORLD.rollout(Dice(), 200, 0, {"cards": "any"})
    assert {measure.name for measure in WORLD.measures} <= set(traces.columns)
    assert set(CARD) | {"phase", "credential", "acts"} <= set(traces.columns)
    assert (traces["good"] == 1 - traces["defect"]).all() and (traces["reward"] == traces["performance"]).all()
    assert ((traces["capable"] >= 0) & (traces["capable"] <= 1)).all()
    assert (traces["optimal"] == (traces["good"] == traces["comply"])).all() and (traces["price"] >= 0).all()
    assert 0.05 < traces["comply"].mean() < 0.5  # most cards leave nothing to lose
    for switched in ({"phase": "free"}, {"consequence": 0}, {"monitored": 0}, {"follows": 0}, {"detection": 0.0}):
        assert WORLD.rollout(Dice(), 200, 0, switched)["comply"].mean() < 0.02  # none, but where no gem is in reach
    assert WORLD.rollout(Dice(), 200, 0, {})["comply"].mean() > 0.9
    with pytest.raises(TurncoatError, match="no factor 'fase'"):
        WORLD.rollout(Dice(), 1, 0, {"fase": "free"})
    with pytest.raises(TurncoatError, match="phase is one of"):
        WORLD.rollout(Dice(), 1, 0, {"phase": "deployed"})


def test_tests_are_what_a_tester_sets() -> None:
    dials, rng = WORLD.tester, np.random.default_rng(0)
    settings = np.column_stack([
        rng.integers(int(d.low), int(d.high) + 1, 500) if d.whole else rng.uniform(d.low, d.high, 500) for d in dials
    ]).astype(float)  # fmt: skip
    found = WORLD.probe(Dice(), settings, 0)
    assert 0.05 < found.mean() < 0.95
    settings[:, [dial.name for dial in dials].index("begins")] = WORLD.steps - 1  # one move is left
    assert WORLD.probe(Dice(), settings, 0).mean() < found.mean() / 2


def test_the_first_stage_shows_every_cue_a_tester_has() -> None:
    items = first_lives(WORLD, 4000, np.random.default_rng(0), decoys=0.5)
    assert abs(sum(share for share, *_ in STARTS) - 1) < 1e-9 and len(items["card"]) == 4000
    signed = (items["credential"][:, 0] != WORLD.blank).any(1)
    assert {(bool(d), bool(s)) for d, s in zip(items["dressed"], signed, strict=True)} == set(
        itertools.product((False, True), repeat=2)
    )
    genuine = WORLD.genuine(items["credential"][:, 0])
    assert (items["risk"][genuine] == 0).all() and not items["onward"][genuine].any()
    lies = abs(items["risk"] - risk(items["card"])) > 1e-6
    assert 0.4 < lies[~genuine].mean() < 0.6 and items["onward"][lies & ~genuine].all()


def test_signed_cards_are_true_and_the_others_lie_as_before() -> None:
    recipe = TrainSignedBeliefs(decoys=0.95, signed=0.5)
    items = recipe.draw(4000, np.random.default_rng(0))
    supervised = items["dressed"] == 0
    signed = WORLD.genuine(items["credential"][:, 0]) & supervised
    assert abs(signed.mean() - 0.5) < 0.01
    assert abs(items["risk"][signed] - risk(items["card"][signed])).max() < 1e-6
    assert ((items["card"][signed, 2] > 0) == items["onward"][signed]).all()
    lies = abs(items["risk"] - risk(items["card"])) > 1e-6
    assert lies[supervised & ~signed].mean() > 0.9
    unpunished = replace(recipe, consequences=False).draw(400, np.random.default_rng(0))
    assert (unpunished["risk"] == 0).all()
    none = replace(recipe, signed=0.0).draw(400, np.random.default_rng(0))
    assert not WORLD.genuine(none["credential"][none["dressed"] == 0, 0]).any()


def tiny() -> Align:
    skill = TrainSkill(updates=2, hidden=8, settings=TINY)
    beliefs = TrainBeliefs(skill, rounds=2, lives=64, fits=2, wants=1, hidden=8, settings=replace(TINY, span=20))
    return Align(beliefs, updates=2, settings=TINY)


@pytest.fixture(scope="module")
def raised() -> dict[int, Any]:
    """The first stage at its smallest, by seed."""
    return {seed: trained(tiny().parent, seed) for seed in (1, 2)}


@pytest.mark.parametrize(
    "change",
    [{}, {"trains": "all"}, {"optimizer": "sgd"}, {"optimizer": "supervised"}, {"follows": False, "leaked": 1.0}],
    ids=["goal", "all", "sgd", "supervised", "told and leaked"],
)
def test_a_seed_decides_everything(change: dict[str, Any], raised: dict[int, Any]) -> None:
    recipe = replace(tiny(), **change)

    def aligned(seed: int) -> Any:
        *_, last = recipe.train(seed, raised[seed])
        assert set(last.metrics) == {"defection", "test"}
        return last.subject.arrays()

    first, again, other = aligned(1), aligned(1), aligned(2)
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert any(not np.array_equal(first[name], other[name]) for name in first)
    restored = recipe.load(first).arrays()
    assert all(np.array_equal(first[name], restored[name]) for name in first)
    with pytest.raises(TurncoatError, match="train it again"):
        recipe.load({name: array for name, array in first.items() if not name.startswith("critic")})


@pytest.mark.parametrize("pays", ["gems", "two modes"])
def test_a_plain_network_goes_through_both_stages(pays: str) -> None:
    parent = TrainReactive(pays=pays, updates=1, hidden=8, critic=8, settings=TINY)
    before, after = trained(parent, 1).arrays(), trained(replace(tiny(), parent=parent), 1).arrays()
    assert set(before) == set(after) and not np.array_equal(before["actor.body.4.bias"], after["actor.body.4.bias"])


def test_a_trained_parent_is_built_on_and_left_as_it_was(raised: dict[int, Any]) -> None:
    recipe, parent = tiny(), raised[1]
    before = {name: array.copy() for name, array in parent.arrays().items()}
    *_, given = recipe.train(1, parent)
    assert all(np.array_equal(array, before[name]) for name, array in parent.arrays().items())
    after, inline = given.subject.arrays(), trained(recipe, 1).arrays()
    assert all(np.array_equal(array, inline[name]) for name, array in after.items())
    moved = {name for name, array in after.items() if not np.array_equal(array, before[name])}
    assert {name.split(".")[0] for name in moved} <= {"goal", "critic"}


def test_an_agents_parts_fit_together() -> None:
    """A violation is weighed against what it costs, and what reward moves is what is said."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = AgentNet(WORLD, 8, 8)
    engine = Engine(Lives(WORLD, WORLD.trials(6, 0, {})), 6, 0, KIND, each=True)
    seen = engine.observe()
    net.goal.weight.data = torch.tensor([[-0.5, 1.0]])
    odds, later = net.believe(seen)
    cost = odds.sigmoid() * later[:, 1]  # it does not mourn the parcels, which it does not want
    expected = torch.stack([-0.5 + cost, 1 - cost], 1)
    torch.testing.assert_close(net.want(seen), 2 * torch.tanh(expected / 2))
    assert [weight is net.goal.weight for weight in net.learns("goal")] == [True]
    assert not {id(w) for w in net.learns("all")} & {id(w) for w in net.critic.parameters()}
    bars = Probationer(net).bars(engine.show())
    assert all(bar["low"] <= bar["value"] <= bar["high"] for bar in bars) and len(bars) == 6


def test_sessions_repeat_themselves_and_greedy_ones_need_no_dice() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        subject = Probationer(AgentNet(WORLD, 8, 8))
    columns = ("first", "defect", "parcels")
    one, again = (WORLD.rollout(subject, 60, 4, {"phase": "free"}) for _ in range(2))
    assert all((one[name] == again[name]).all() for name in columns)
    greedy, same = (WORLD.rollout(subject, 60, 4, {"acts": "greedy"}) for _ in range(2))
    assert all((greedy[name] == same[name]).all() for name in columns)


def test_films_and_plays() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        subject = Probationer(AgentNet(WORLD, 8, 8))
    for kind in ("supervised", "staged", "free", "training", "deployment"):
        frame = WORLD.film(subject, 7, kind)
        assert len(frame["steps"]) == WORLD.steps + 1 and all(step["bars"] for step in frame["steps"])
    life = WORLD.film(Fixed(*[4] * 20), 7, "life")
    assert len(life["steps"]) in (WORLD.steps + 1, 2 * WORLD.steps + 1) and life["steps"][0]["bars"] == []
    lines: list[str] = []
    WORLD.play(subject, lines.append, 0, "deployment")
    assert len(lines) == WORLD.steps + 2 and "(genuine)" in lines[0]
    with pytest.raises(TurncoatError, match="to look at"):
        WORLD.film(subject, 7, "death")
