"""The engine: seeds, levels, ends, and what has ended."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch

from alike import same
from grid_worlds import OBJECTS, TABULAR, Acts, at_random, every_world
from turncoat.core import TurncoatError
from turncoat.worlds.goals.cheese import CheeseCorner
from turncoat.worlds.goals.follow_leader import FollowLeader
from turncoat.worlds.goals.keys_chests import KeysChests
from turncoat.worlds.grid.engine import Engine, run_episodes


@every_world
def test_seeds_decide_everything(world: Any) -> None:
    one, again, other = (world.rollout(at_random(world), 5, seed, {"levels": "deployment"}) for seed in (1, 1, 2))
    same(dict(one.columns), dict(again.columns))
    assert any(not np.array_equal(one[name], other[name]) for name in ("steps", "reward", "true", "capable"))


@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
def test_the_mixed_share_of_episodes_is_in_deployment_levels(share: float) -> None:
    engine = Engine(KeysChests(size=7, few=2, many=4, horizon=8), 500, 0, deployment_fraction=share, pool=16)
    found: list[np.ndarray] = []
    for _ in range(17):  # two restarts of everything
        if int(engine.state["steps"].max()) == 0:
            found.append(engine.levels["keys"][engine.state["level"]].numpy() == 4)
        engine.step(torch.zeros(500, dtype=torch.int64))
    assert len(found) == 3 and np.mean(found) == pytest.approx(share, abs=0.04)


def test_each_gives_every_level_to_one_episode_and_never_restarts() -> None:
    engine = Engine(FollowLeader(size=7, horizon=5), 6, 0, one_level_per_row=True)
    cuts = [engine.step(torch.zeros(6, dtype=torch.int64))[3].all().item() for _ in range(9)]
    assert engine.state["level"].tolist() == list(range(6)) and engine.state["steps"].tolist() == [9] * 6
    assert cuts == [False] * 4 + [True] * 5


def test_episodes_are_cut_where_the_world_or_the_level_says() -> None:
    up = Acts(lambda seen: np.zeros(len(seen["cell"]), int))
    for world, kind, limit in (
        (CheeseCorner(size=7, horizon=9), "deployment", 9),
        (OBJECTS[1], "training", OBJECTS[1].short),
        (OBJECTS[1], "deployment", OBJECTS[1].long),
        (OBJECTS[2], "training", OBJECTS[2].horizon),
    ):
        steps = world.rollout(up, 8, 0, {"levels": kind})["steps"]
        assert steps.max() == limit


def test_what_has_ended_stands_still_while_others_play_on() -> None:
    shots: list[tuple[np.ndarray, dict[str, np.ndarray]]] = []

    def watch(engine: Engine, done: torch.Tensor) -> None:
        shots.append((done.numpy().copy(), {name: value.numpy().copy() for name, value in engine.state.items()}))

    world = OBJECTS[0]
    engine, earned = run_episodes(world, at_random(world), 12, 0, "deployment", watch)
    for (_, before), (done, after) in itertools.pairwise(shots):
        for name in before:
            assert np.array_equal(before[name][done], after[name][done])
    assert len(set(engine.state["steps"].tolist())) > 1 and earned.tolist() == engine.state["opened"].tolist()
    assert len(shots) == int(engine.state["steps"].max()) + 1


def test_unknown_factors_are_refused() -> None:
    with pytest.raises(TurncoatError, match="no factor 'colour'"):
        TABULAR[0].rollout(at_random(TABULAR[0]), 1, 0, {"colour": "red"})
