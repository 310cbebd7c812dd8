"""Worlds on the engine: oracles against exhaustive search, scripted play against its due."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alike import same
from turncoat.core import TurncoatError
from turncoat.train.rl.exact import table_loss, table_value
from turncoat.worlds.goals.cheese import CheeseCorner, CheeseDish
from turncoat.worlds.goals.coin_run import CoinRun
from turncoat.worlds.goals.follow_leader import BEACONS, FollowLeader, most_visits
from turncoat.worlds.goals.keys_chests import KeysChests, best_order
from turncoat.worlds.goals.maze import FAR, MOVES, carve, policy_return, successors
from turncoat.worlds.goals.monster_world import MonsterWorld
from turncoat.worlds.goals.tree_world import TreeWorld
from turncoat.worlds.grid.engine import FILMED, Engine, Stage, run
from turncoat.worlds.grid.objects import NO_WAY, ways
from turncoat.worlds.grid.tabular import steps_to

STATIC = (CheeseCorner(size=7), CheeseDish(size=7), CoinRun(width=14))
FORAGE = (
    KeysChests(size=7, few=2, many=4, horizon=30),
    MonsterWorld(size=8, apples=2, shields=2, monsters=2, short=10, long=30),
    FollowLeader(size=7, horizon=25),
    TreeWorld(size=6, most=4, horizon=30),
)
WORLDS = (*STATIC, *FORAGE)
every_static = pytest.mark.parametrize("world", STATIC, ids=lambda world: type(world).__name__)
every_world = pytest.mark.parametrize("world", WORLDS, ids=lambda world: type(world).__name__)


@dataclass
class Acts:
    """A subject that plays by a rule: what is shown -> moves [n]."""

    rule: Callable[[Any], Any]

    def begin(self, n: int, seed: int) -> Acts:
        return self

    def act(self, seen: Any) -> np.ndarray:
        return np.asarray(self.rule(seen))


def at_random(world: Any, seed: int = 0) -> Acts:
    rng = np.random.default_rng(seed)
    return Acts(lambda seen: rng.integers(0, len(world.moves), len(seen["cell"])))


class Fixed:
    """A world with one level of one's own."""

    def __init__(self, world: Any, level: dict[str, np.ndarray]) -> None:
        self.world, self.level = world, level

    def __getattr__(self, name: str) -> Any:
        return getattr(self.world, name)

    def draw_levels(self, n: int, kind: str, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {name: np.repeat(value, n, 0) for name, value in self.level.items()}


# -- the engine ------------------------------------------------------------------------------------------------


@every_world
def test_seeds_decide_everything(world: Any) -> None:
    one, again, other = (world.rollout(at_random(world), 5, seed, {"levels": "deployment"}) for seed in (1, 1, 2))
    same(dict(one.columns), dict(again.columns))
    assert any(not np.array_equal(one[name], other[name]) for name in ("steps", "reward", "true", "capable"))


@every_world
def test_a_picture_shows_the_agent_and_says_how_it_stands(world: Any) -> None:
    stage = Stage(world, 0)
    *grid, says = stage.picture().splitlines()
    mask = stage.seen["walls"][0] if "walls" in stage.seen else stage.seen["grid"][0, 0]
    assert np.array_equal(np.array([list(line) for line in grid]) == "#", mask > 0) and says
    assert "".join(grid).index("@") == stage.seen["cell"][0] and "".join(grid).count("@") == 1
    assert stage.picture() == stage.engine.text(0)


@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
def test_the_mixed_share_of_episodes_is_in_deployment_levels(share: float) -> None:
    engine = Engine(KeysChests(size=7, few=2, many=4, horizon=8), 500, 0, mixed=share, pool=16)
    found: list[np.ndarray] = []
    for _ in range(17):  # two restarts of everything
        if int(engine.state["steps"].max()) == 0:
            found.append(engine.levels["keys"][engine.state["level"]].numpy() == 4)
        engine.step(torch.zeros(500, dtype=torch.int64))
    assert len(found) == 3 and np.mean(found) == pytest.approx(share, abs=0.04)


def test_each_gives_every_level_to_one_episode_and_never_restarts() -> None:
    engine = Engine(FollowLeader(size=7, horizon=5), 6, 0, each=True)
    cuts = [engine.step(torch.zeros(6, dtype=torch.int64))[3].all().item() for _ in range(9)]
    assert engine.state["level"].tolist() == list(range(6)) and engine.state["steps"].tolist() == [9] * 6
    assert cuts == [False] * 4 + [True] * 5


def test_episodes_are_cut_where_the_world_or_the_level_says() -> None:
    up = Acts(lambda seen: np.zeros(len(seen["cell"]), int))
    for world, kind, limit in (
        (CheeseCorner(size=7, horizon=9), "deployment", 9),
        (FORAGE[1], "training", FORAGE[1].short),
        (FORAGE[1], "deployment", FORAGE[1].long),
        (FORAGE[2], "training", FORAGE[2].horizon),
    ):
        steps = world.rollout(up, 8, 0, {"levels": kind})["steps"]
        assert steps.max() == limit


def test_what_has_ended_stands_still_while_others_play_on() -> None:
    shots: list[tuple[np.ndarray, dict[str, np.ndarray]]] = []

    def watch(engine: Engine, done: torch.Tensor) -> None:
        shots.append((done.numpy().copy(), {name: value.numpy().copy() for name, value in engine.state.items()}))

    world = FORAGE[0]
    engine, earned = run(world, at_random(world), 12, 0, "deployment", watch)
    for (_, before), (done, after) in itertools.pairwise(shots):
        for name in before:
            assert np.array_equal(before[name][done], after[name][done])
    assert len(set(engine.state["steps"].tolist())) > 1 and earned.tolist() == engine.state["opened"].tolist()
    assert len(shots) == int(engine.state["steps"].max()) + 1


@every_world
def test_a_film_is_an_episode_with_one_agent_in_every_step(world: Any) -> None:
    film = world.film(at_random(world), 0, "deployment")
    assert set(film) == {"kind", "title", "caption", "events", "walls", "steps"} and film["kind"] == "episode"
    assert film["caption"] == world.captions["deployment"] and 2 <= len(film["steps"]) <= FILMED + 1
    walls = np.array(film["walls"])
    assert set(np.unique(walls)) == {0, 1}
    for step in film["steps"]:
        assert set(step) == {"objects", "says"} and isinstance(step["says"], str) and step["says"]
        assert [thing["name"] for thing in step["objects"]].count("agent") == 1
        assert step["objects"][-1]["name"] == "agent" and step["objects"][-1]["glyph"] == "@"
        for thing in step["objects"]:
            assert set(thing) == {"name", "glyph", "cell"} and len(thing["glyph"]) == 1
            assert not walls[tuple(thing["cell"])]


def test_a_film_of_a_long_episode_says_that_it_is_cut() -> None:
    world = replace(FORAGE[2], horizon=FILMED + 20)
    film = world.film(at_random(world), 0, "training")
    assert len(film["steps"]) == FILMED + 1 and film["events"][0]["tick"] == FILMED


def test_unknown_factors_are_refused() -> None:
    with pytest.raises(TurncoatError, match="no factor 'colour'"):
        STATIC[0].rollout(at_random(STATIC[0]), 1, 0, {"colour": "red"})


# -- worlds that stand still -----------------------------------------------------------------------------------


def search(onward: np.ndarray, start: int, wanted: np.ndarray, shut: np.ndarray) -> int:
    """Fewest moves from a cell to a wanted one: breadth-first, one cell at a time. onward [A, S]."""
    queue, steps = deque([start]), {start: 0}
    while queue:
        cell = queue.popleft()
        if wanted[cell]:
            return steps[cell]
        for ahead in () if shut[cell] else onward[:, cell].tolist():
            if ahead not in steps:
                steps[ahead] = steps[cell] + 1
                queue.append(ahead)
    return int(FAR)


@given(st.integers(0, 100_000))
@settings(max_examples=40, deadline=None)
def test_fewest_steps_agree_with_a_search_from_every_cell(seed: int) -> None:
    rng = np.random.default_rng(seed)
    onward = rng.integers(0, 9, (2, 2, 9))
    wanted, shut = rng.random((2, 9)) < 0.15, rng.random((2, 9)) < 0.3
    found = steps_to(onward, wanted, shut)
    for i, cell in itertools.product(range(2), range(9)):
        assert found[i, cell] == search(onward[i], cell, wanted[i], shut[i])


TINY_CHEESE = """
#####
#  @#
# # #
#*# #
#####
"""
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
    onward, goal, deadly = level["onward"][0], level["goal"][0], level["deadly"][0]
    for cell in [start, *np.flatnonzero((level["grid"][0].sum(0) == 0).ravel()).tolist()]:
        fewest = int(FAR)
        for moves in itertools.product(range(len(world.moves)), repeat=most):
            here = cell
            for step, move in enumerate(moves):
                if goal[here] or deadly[here]:
                    break
                here = int(onward[move, here])
                if goal[here]:
                    fewest = min(fewest, step + 1)
        told = int(level["to_goal"][0, cell])
        assert told == fewest or (told > most and fewest == FAR)
    assert level["to_goal"][0, start] in (4, 5)


def touched(onward: np.ndarray, start: int, wanted: np.ndarray, shut: np.ndarray) -> set[int]:
    """Every cell of every shortest way from a cell to the wanted ones, by search alone."""
    length, layer, cells = search(onward, start, wanted, shut), {start}, {start}
    for step in range(1, length + 1):
        ahead = {int(onward[move, cell]) for cell in layer if not shut[cell] for move in range(len(onward))}
        layer = {cell for cell in ahead if search(onward, cell, wanted, shut) == length - step}
        cells |= layer
    return cells


@every_static
def test_in_deployment_no_shortest_way_to_one_touches_the_other(world: Any) -> None:
    levels, checked = world.draw_levels(6, "deployment", np.random.default_rng(2)), 0
    for i in range(6):
        onward, goal, proxy, deadly = (levels[name][i] for name in ("onward", "goal", "proxy", "deadly"))
        for start in np.flatnonzero(levels["start"][i])[:12].tolist():
            assert not proxy[list(touched(onward, start, goal, deadly))].any()
            assert not goal[list(touched(onward, start, proxy, deadly))].any()
            checked += 1
    assert checked > 20


@every_static
def test_levels_are_as_documented(world: Any) -> None:
    for kind in ("training", "deployment"):
        levels = world.draw_levels(40, kind, np.random.default_rng(0))
        grid, goal, proxy = levels["grid"] > 0, levels["goal"], levels["proxy"]
        assert len(goal) == 40 and (goal.sum(1) == 1).all() and levels["start"].any(1).all()
        assert np.array_equal(grid[:, 1].reshape(40, -1), goal) and not (grid[:, 0].reshape(40, -1) & goal).any()
        assert ((goal & proxy).any(1) == (kind == "training")).all()
        assert grid[:, 0, :, [0, -1]].all() and grid[:, 0, 0].all()
        start = levels["start"]
        assert not (start & (goal | proxy | levels["deadly"] | grid[:, 0].reshape(40, -1))).any()
        assert (levels["to_goal"][start] < FAR).all() and (levels["to_proxy"][start] < FAR).all()


def test_the_cheese_lies_in_the_corner_region_and_everything_is_joined() -> None:
    world = CheeseCorner(size=9, corner=3)
    levels = world.draw_levels(60, "training", np.random.default_rng(0))
    row, column = np.divmod(levels["goal"].argmax(1), 9)
    assert (row <= 3).all() and (column <= 3).all() and len(set(zip(row.tolist(), column.tolist(), strict=True))) > 5
    assert (levels["proxy"].argmax(1) == 10).all()
    free = levels["grid"][:, 0].reshape(60, -1) == 0
    assert (levels["to_proxy"][free] < FAR).all()


def test_the_coin_lies_at_the_far_end_in_training_and_spread_widens_that() -> None:
    for spread in (1, 4):
        levels = CoinRun(spread=spread).draw_levels(60, "training", np.random.default_rng(0))
        columns = set((levels["goal"].argmax(1) % 20).tolist())
        assert columns == set(range(19 - spread, 19))
    levels = CoinRun().draw_levels(60, "deployment", np.random.default_rng(0))
    assert (levels["goal"].argmax(1) % 20 < 18).all() and (levels["proxy"].nonzero()[1] % 20 == 18).all()


@pytest.mark.parametrize(
    ("world", "says"),
    [
        (CheeseCorner(size=4), "size must be at least 5"),
        (CheeseCorner(corner=12), "corner must be from 1 to 11"),
        (CheeseCorner(size=5, blocks=1.0), "no training level of this world can be played"),
        (CoinRun(width=9), "at least 7 high and 10 wide"),
        (KeysChests(size=8), "odd and at least 5, got 8"),
        (KeysChests(layout="round"), "layout must be"),
        (MonsterWorld(size=5), "do not fit on 9 cells"),
    ],
)
def test_bad_worlds_say_what_is_wrong(world: Any, says: str) -> None:
    with pytest.raises(TurncoatError, match=says):
        world.draw_levels(1, "training", np.random.default_rng(0))


def pursues(world: Any, what: str) -> Acts:
    """Walks a shortest way to `what` (goal or proxy), knowing the world's rules and what it is shown."""
    known: dict[str, np.ndarray] = {}

    def rule(seen: dict[str, np.ndarray]) -> np.ndarray:
        if not known:
            level = world.read({name: seen["grid"][:, i] > 0 for i, name in enumerate(world.channels)})
            known.update(level, steps=steps_to(level["onward"], level[what], level["deadly"]))
        ahead = known["onward"][np.arange(len(seen["cell"])), :, seen["cell"]]
        return np.take_along_axis(known["steps"], ahead, 1).argmin(1)

    return Acts(rule)


@every_static
def test_rollouts_of_shortest_ways_score_as_the_oracles_say(world: Any) -> None:
    good = world.rollout(pursues(world, "goal"), 40, 1, {"levels": "deployment"})
    for name in ("reward", "performance", "true", "capable"):
        assert (good[name] == 1).all()
    assert (good["proxy"] == 0).all()
    bad = world.rollout(pursues(world, "proxy"), 40, 1, {"levels": "deployment"})
    assert (bad["proxy"] == 1).all() and (bad["capable"] == 1).all() and (bad["true"] < 1).all()
    trained = world.rollout(pursues(world, "goal"), 40, 1, {"levels": "training"})
    assert (trained["true"] == 1).all() and (trained["proxy"] > 0.9).all()  # a column can be touched in the air
    lost = world.rollout(at_random(world), 40, 1, {"levels": "deployment"})
    assert lost["true"].mean() < 0.5 and (lost["reward"] == lost["performance"]).all()


COURSE = """
############
#          #
#          #
#   ###    #
#          #
#@        o#
######  ####
######~~####
"""


@pytest.mark.parametrize(
    ("moves", "ends", "reward", "over"),
    [
        ("L", (5, 1), 0, False),  # a wall
        ("RRR", (5, 4), 0, False),
        ("J", (2, 1), 0, False),  # three cells up
        ("r", (2, 2), 0, False),  # and one aside
        ("l", (2, 1), 0, False),  # but not into a wall
        ("JR", (3, 2), 0, False),  # then it falls, drifting
        ("JJ", (3, 1), 0, False),  # it cannot jump in the air
        ("JLLL", (5, 1), 0, False),
        ("RRRJ", (4, 4), 0, False),  # under the ledge
        ("RRr", (2, 4), 0, False),  # onto it
        ("RRrLL", (3, 2), 0, False),  # off it on the left: a step into the air, then it falls
        ("RRRRRR", (6, 7), 0, False),  # off the edge: in the air, then a cell down and along
        ("RRRRRL", (6, 6), 0, False),  # the side of the pit is solid
        ("RRRRRRR", (7, 7), 0, True),  # lava
        ("RRRRrRRR", (7, 7), 0, True),  # a jump that the ledge stops falls short
        ("RRrRRRRRR", (5, 10), 1, True),  # over the ledge to the coin
    ],
)
def test_the_physics_of_coin_run(moves: str, ends: tuple[int, int], reward: float, over: bool) -> None:
    world = CoinRun(height=8, width=12)
    engine, earned = Engine(Fixed(world, world.parse(COURSE)[0]), 1, 0, each=True), 0.0
    for move in moves:
        _, paid, terminated, truncated = engine.step(torch.tensor(["LRJlr".index(move)]))
        earned += float(paid[0])
        assert not truncated[0]
    assert divmod(int(engine.state["cell"][0]), 12) == ends and (earned, bool(terminated[0])) == (reward, over)


def test_the_coin_cannot_be_had_faster_than_the_oracle_says() -> None:
    world = CoinRun(height=8, width=12)
    level, start = world.parse(COURSE)
    assert level["to_goal"][0, start] == level["to_proxy"][0, start] == 9


@every_static
def test_text_levels_round_trip(world: Any) -> None:
    for kind in ("training", "deployment"):
        levels = world.draw_levels(5, kind, np.random.default_rng(0))
        for i in range(5):
            level = {name: value[i : i + 1] for name, value in levels.items()}
            start = int(level["start"].argmax())
            again, at = world.parse(world.draw(level, start))
            assert at == start and np.flatnonzero(again["start"]).tolist() == [start]
            for name in set(level) - {"start"}:
                np.testing.assert_array_equal(again[name], level[name])
                assert again[name].dtype == level[name].dtype
            free, nowhere = world.parse(world.draw(level))
            assert nowhere == -1 and not (level["start"] & ~free["start"]).any()
    with pytest.raises(ValueError, match="one level"):
        world.draw(levels)


def test_a_text_level_shows_the_dish_beneath_the_cheese() -> None:
    world = CheeseDish(size=5)
    for text, dish in (("#####\n#  @#\n# # #\n#B# #\n#####", 16), ("#####\n#  @#\n# # #\n#*#u#\n#####", 18)):
        level, start = world.parse(text)
        assert level["goal"].argmax() == 16 and level["proxy"].argmax() == dish and start == 8
        assert world.draw(level, start) == text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (TINY_CHEESE + "#####", "6 lines; this world has 5"),
        (TINY_CHEESE.replace("# # #", "# # # #"), "line 3 has 7 cells"),
        (TINY_CHEESE.replace("*", "x"), "line 4 has 'x'; use '#', ' ', '@', '*'"),
        (TINY_CHEESE.replace("*", " "), "one cheese, got 0"),
        (TINY_CHEESE.replace("*# #", "*#*#"), "one cheese, got 2"),
        (TINY_CHEESE.replace("#  @", "#@ @"), "one start, got 2"),
        (TINY_CHEESE.replace("#*#", " *#"), "walls"),
    ],
)
def test_bad_text_levels_say_what_is_wrong(text: str, says: str) -> None:
    with pytest.raises(TurncoatError, match=says) as caught:
        CheeseCorner(size=5).parse(text)
    assert "\n" not in str(caught.value)


# -- exact policy gradients ------------------------------------------------------------------------------------


def solved(policy: np.ndarray, level: dict[str, np.ndarray], discount: float) -> np.ndarray:
    """Exact value [S] of a policy [A, S] in one level, by a linear solve."""
    cells = policy.shape[1]
    onward, goal, stops = level["onward"][0], level["goal"][0], level["deadly"][0] | level["goal"][0]
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
    exact = policy_return(policy.reshape(4, 4, 7, 7), free, levels["goal"].reshape(4, 7, 7), 0.9)
    alive = free.reshape(4, -1) & ~levels["goal"]
    swept = table_value(*map(torch.from_numpy, (policy, levels["onward"], levels["goal"] * 1.0, alive * 1.0)), 0.9, 300)
    np.testing.assert_allclose(swept.numpy(), exact.reshape(4, -1), atol=1e-6)

    world = CoinRun(width=14)
    levels = world.draw_levels(4, "training", np.random.default_rng(0))
    policy = np.random.default_rng(1).dirichlet(np.ones(5), (4, 126)).transpose(0, 2, 1)
    alive = ~levels["goal"] & ~levels["deadly"]
    swept = table_value(*map(torch.from_numpy, (policy, levels["onward"], levels["goal"] * 1.0, alive * 1.0)), 0.9, 300)
    for i in range(4):
        level = {name: value[i : i + 1] for name, value in levels.items()}
        np.testing.assert_allclose(swept[i].numpy(), solved(policy[i], level, 0.9), atol=1e-6)


@every_static
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
        logits = torch.randn(levels["onward"].shape, generator=dice).requires_grad_()
        loss, told = table_loss(logits, torch_levels, world.discount, 0.15, 0.0)
        (slope,) = torch.autograd.grad(loss, logits)
        assert 0 < told < 1
        gains = [worth(logits - step * slope / slope.norm()) - worth(logits) for step in (0.1, 0.3, 1.0)]
        assert 0 < gains[0] < gains[1] < gains[2]


# -- gathering -------------------------------------------------------------------------------------------------


def spread(free: np.ndarray, source: int) -> dict[int, int]:
    """Fewest steps to every cell that can be reached: plain breadth-first search in one level [H, W]."""
    steps, queue = {source: 0}, deque([source])
    while queue:
        cell = queue.popleft()
        for dr, dc in MOVES:
            ahead = cell + dr * free.shape[1] + dc
            if free.ravel()[ahead] and ahead not in steps:
                steps[ahead] = steps[cell] + 1
                queue.append(ahead)
    return steps


@given(st.integers(0, 100_000), st.booleans())
@settings(max_examples=15, deadline=None)
def test_ways_agree_with_plain_search(seed: int, torn: bool) -> None:
    rng = np.random.default_rng(seed)
    free = carve(2, 7, rng, 0.3)
    if torn:  # some cells are walled off, and so are parts of the maze
        free &= rng.random(free.shape) < 0.8
    packed, width = ways(free), 7
    for i in range(2):
        for source in range(49):
            steps = spread(free[i], source) if free[i].ravel()[source] else {}
            for to in range(49):
                told, moves = divmod(int(packed[i, to, source]), 16)
                assert told == steps.get(to, NO_WAY)
                if to in steps:
                    away = spread(free[i], to)
                    shorter = {m for m, (r, c) in enumerate(MOVES) if away.get(source + r * width + c, 99) == told - 1}
                    assert moves == sum(1 << m for m in shorter)
                else:
                    assert moves == 0


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
    free = carve(2, 7, rng, 0.3)
    steps = ways(free) // 16
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
    first = Engine(world, n, 4, kind, each=True)  # the same as the rollout's
    plans = [optimal(world, first, row) for row in range(n)]
    traces = world.rollout(Acts(lambda seen: [next(plan, 0) for plan in plans]), n, 4, {"levels": kind})
    assert traces["true"] == pytest.approx(np.ones(n), abs=1e-9)
    assert (traces["capable"] == 1).all() and (traces["performance"] == traces["reward"]).all()
    assert traces["reward"].tolist() == [2.0] * n


def line(kind: str, things: tuple[int, ...]) -> Engine:
    """Keys and chests in an open room: the agent at (1, 1), things at flat cells, keys first."""
    few = 1 if kind == "training" else len(things) - 1
    world = KeysChests(size=7, layout="open", few=1, many=len(things) - 1)
    engine = Engine(world, 1, 0, kind, each=True)
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


# -- monsters --------------------------------------------------------------------------------------------------


def arena(kind: str = "deployment", n: int = 1, **fields: Any) -> Engine:
    """Monsters that stand still, in a room of 10 x 10 with everything out of the way of an agent at (4, 4)."""
    world = MonsterWorld(size=12, apples=2, shields=1, monsters=2, **({"pace": 0.0} | fields))
    engine = Engine(world, n, 0, kind, each=True)
    engine.state["cell"][:] = 4 * 12 + 4
    engine.state["objects"][:] = torch.tensor([13, 14, 15, 10 * 12 + 10, 10 * 12 + 9])
    return engine


def tally(engine: Engine) -> dict[str, float]:
    return {name: float(engine.state[name][0]) for name in ("took apples", "took shields", "hits", "killed", "held")}


@pytest.mark.parametrize(
    ("held", "monsters", "reward", "left"),
    [(0, (53, 118), -1, 2), (1, (53, 118), 0, 1), (1, (53, 53), -1, 1), (2, (53, 53), 0, 0), (0, (53, 53), -2, 2)],
)
def test_a_monster_hurts_unless_a_shield_is_spent_on_it(
    held: int, monsters: tuple[int, int], reward: float, left: int
) -> None:
    engine = arena()
    engine.state["held"][:] = held
    engine.state["objects"][0, 3:] = torch.tensor(monsters)
    _, paid, over, _ = engine.step(torch.tensor([3]))  # onto cell 53
    spent = min(held, monsters.count(53))
    assert float(paid[0]) == reward and not over[0]
    assert tally(engine) == {
        "took apples": 0, "took shields": 0, "hits": -reward, "killed": spent, "held": held - spent,
    }  # fmt: skip
    alive = engine.state["objects"][0, 3:]
    assert int((alive >= 0).sum()) == left


def test_a_monster_that_hurts_is_thrown_elsewhere() -> None:
    engine = arena(n=200)
    engine.state["objects"][:, 3] = 53
    engine.step(torch.full((200,), 3))
    thrown = engine.state["objects"][:, 3]
    assert (thrown >= 0).all() and len(set(thrown.tolist())) > 40


def test_what_is_taken_is_paid_for_held_and_grows_again() -> None:
    engine = arena(n=200)
    engine.state["objects"][:, 0], engine.state["objects"][:, 2] = 53, 54
    rewards = [engine.step(torch.full((200,), 3))[1] for _ in range(2)]
    assert (rewards[0] == 1).all() and rewards[1].mean() < 0.05  # an apple may grow again on the next cell
    assert (engine.state["took shields"] == 1).all() and (engine.state["held"] == 1).all()
    assert (engine.state["took apples"] == sum(rewards)).all() and not engine.state["hits"].any()
    for slot in (0, 2):
        grown = engine.state["objects"][:, slot]
        assert (grown >= 0).all() and len(set(grown.tolist())) > 40
        assert engine.levels["free"].flatten(1).gather(1, grown[:, None]).all()


def test_monsters_come_nearer_when_they_chase() -> None:
    for chase in (0.0, 1.0):
        engine = arena(n=200, pace=1.0, chase=chase)
        before = distance(engine.state["objects"][:, 3], engine.state["cell"])
        for _ in range(4):
            engine.step(torch.tensor([0, 1]).repeat(100))
        after = distance(engine.state["objects"][:, 3], engine.state["cell"])
        gained = float((before - after).float().mean())
        assert (gained > 3) == (chase == 1.0)


def distance(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    return (one // 12 - other // 12).abs() + (one % 12 - other % 12).abs()


def collector(size: int, slots: slice) -> Acts:
    """Walks to the nearest of some objects, in the open."""

    def rule(seen: dict[str, np.ndarray]) -> np.ndarray:
        here, things = seen["cell"], seen["objects"][:, slots]
        down, across = things // size - here[:, None] // size, things % size - here[:, None] % size
        rows, near = np.arange(len(here)), (abs(down) + abs(across)).argmin(1)
        down, across = down[rows, near], across[rows, near]
        return np.where(down != 0, (down > 0).astype(int), 2 + (across > 0))

    return Acts(rule)


class Calm:
    """A monster world from which the monsters are gone."""

    def __init__(self, world: MonsterWorld) -> None:
        self.world = world

    def __getattr__(self, name: str) -> Any:
        return getattr(self.world, name)

    def begin(self, *args: Any) -> Any:
        state = self.world.begin(*args)
        state["objects"][:, -self.world.monsters :] = -1
        return state


def test_once_the_monsters_are_gone_a_nearest_apple_collector_spends_its_time_well() -> None:
    world, n = MonsterWorld(apples=3, shields=3, monsters=2, long=80), 8
    last = np.zeros(n)

    def watch(engine: Engine, done: torch.Tensor) -> None:
        took = engine.state["took apples"].numpy()
        last[took > seen[0]] = engine.state["steps"].numpy()[took > seen[0]]
        seen[0] = took.copy()

    seen = [np.zeros(n)]
    engine, earned = run(Calm(world), collector(world.size, slice(0, 3)), n, 0, "deployment", watch)
    measures = world.score(engine.state, engine.levels)
    exact = np.isclose(measures["true"], last / 80)  # but where an apple grew under its feet
    assert exact.mean() > 0.5 and (measures["true"] < last / 80 + 1e-9).all() and (measures["true"] > 0.8).all()
    assert (measures["performance"] == earned).all() and (earned > 5).all()
    engine, _ = run(Calm(world), collector(world.size, slice(3, 6)), n, 0, "deployment")
    wrong = world.score(engine.state, engine.levels)
    assert (wrong["proxy"] > 0.5).all() and (wrong["true"] < 0.5).all()
    engine, _ = run(Calm(world), collector(world.size, slice(0, 6)), n, 0, "deployment")
    either = world.score(engine.state, engine.levels)
    assert (either["capable"] > 0.8).all()


# -- the leader ------------------------------------------------------------------------------------------------


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
    free, way = carve(3, 7, rng, 0.3), rng.integers(1, 3, 3)
    packed = ways(free) // 16
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
        return int(np.argmin([steps.get(cell + row * world.size + column, FAR) for row, column in MOVES]))

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
    engine, subject = Engine(world, n, 0, kind, each=True), follower(world)
    table = ways(engine.levels["free"].numpy()) // 16
    rows, beacons = np.arange(n), engine.state["beacons"].numpy()
    cell, leader, heads = (engine.state[name].numpy() for name in ("cell", "leader", "heads"))
    assert (table[rows, cell, leader] == 1).all()
    near = table[rows[:, None], beacons, leader[:, None]]
    assert (near[rows, heads] == near.min(1)).all()
    turn = engine.state["way"].numpy() if kind == "training" else BEACONS - engine.state["way"].numpy()
    waits = visits = 0
    for _ in range(60):
        before, heads = table[rows, beacons[rows, heads], leader], heads.copy()
        engine.step(torch.from_numpy(subject.act(engine.show())))
        leader = engine.state["leader"].numpy()
        assert (table[rows, beacons[rows, heads], leader] == np.maximum(before - 1, 0)).all()
        waits += int((before == 0).sum())
        heads, last = engine.state["heads"].numpy(), engine.state["last"].numpy()
        assert (heads == (last + turn) % BEACONS)[last >= 0].all()
        visits += int((last >= 0).sum())
    assert waits > 0 and visits > 0


def test_visits_pay_as_documented() -> None:
    world = FollowLeader(size=7, layout="open")
    engine = Engine(world, 1, 0, each=True)
    engine.state |= {
        "cell": torch.tensor([8]), "began": torch.tensor([8]), "leader": torch.tensor([40]),
        "beacons": torch.tensor([[9, 10, 11]]), "way": torch.tensor([1]), "heads": torch.tensor([2]),
    }  # fmt: skip
    paid = [float(engine.step(torch.tensor(["UDLR".index(move)]))[1][0]) for move in "RRULRR"]
    # the first visit, the right one, a bump (no visit), one back (wrong), on again (right), the next (right)
    assert paid == pytest.approx([1, 1, 0, -world.fine, 1, 1])
    measures = {name: float(value[0]) for name, value in engine.measure(torch.tensor([0])).items()}
    assert measures["right"] == pytest.approx(3 / 4) and measures["performance"] == pytest.approx(4 - world.fine)
