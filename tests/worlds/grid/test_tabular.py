"""Tabular worlds: levels, oracles against search, text levels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from grid_worlds import TINY_CHEESE, at_random, every_tabular, pursues, search
from turncoat.core import TurncoatError
from turncoat.worlds.goals.cheese import CheeseCorner
from turncoat.worlds.goals.coin_run import CoinRun
from turncoat.worlds.goals.keys_chests import KeysChests
from turncoat.worlds.goals.monster_world import MonsterWorld
from turncoat.worlds.grid.paths import (
    UNREACHABLE,
)


def touched(onward: np.ndarray, start: int, wanted: np.ndarray, shut: np.ndarray) -> set[int]:
    """Every cell of every shortest way from a cell to the wanted ones, by search alone."""
    length, layer, cells = search(onward, start, wanted, shut), {start}, {start}
    for step in range(1, length + 1):
        ahead = {int(onward[move, cell]) for cell in layer if not shut[cell] for move in range(len(onward))}
        layer = {cell for cell in ahead if search(onward, cell, wanted, shut) == length - step}
        cells |= layer
    return cells


@every_tabular
def test_in_deployment_no_shortest_way_to_one_touches_the_other(world: Any) -> None:
    levels, checked = world.draw_levels(6, "deployment", np.random.default_rng(2)), 0
    for i in range(6):
        onward, goal, proxy, deadly = (levels[name][i] for name in ("next_state", "goal", "proxy", "deadly"))
        for start in np.flatnonzero(levels["start"][i])[:12].tolist():
            assert not proxy[list(touched(onward, start, goal, deadly))].any()
            assert not goal[list(touched(onward, start, proxy, deadly))].any()
            checked += 1
    assert checked > 20


@every_tabular
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
        assert (levels["to_goal"][start] < UNREACHABLE).all() and (levels["to_proxy"][start] < UNREACHABLE).all()


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


@every_tabular
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


@every_tabular
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
