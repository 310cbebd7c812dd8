"""Monster world, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from grid_worlds import Acts
from turncoat.worlds.goals.monster_world import MonsterWorld
from turncoat.worlds.grid.engine import Engine, run_episodes


def arena(kind: str = "deployment", n: int = 1, **fields: Any) -> Engine:
    """Monsters that stand still, in a room of 10 x 10 with everything out of the way of an agent at (4, 4)."""
    world = MonsterWorld(size=12, apples=2, shields=1, monsters=2, **({"pace": 0.0} | fields))
    engine = Engine(world, n, 0, kind, one_level_per_row=True)
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

    def initial_state(self, *args: Any) -> Any:
        state = self.world.initial_state(*args)
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
    engine, earned = run_episodes(Calm(world), collector(world.size, slice(0, 3)), n, 0, "deployment", watch)
    measures = world.measure(engine.state, engine.levels)
    exact = np.isclose(measures["true"], last / 80)  # but where an apple grew under its feet
    assert exact.mean() > 0.5 and (measures["true"] < last / 80 + 1e-9).all() and (measures["true"] > 0.8).all()
    assert (measures["performance"] == earned).all() and (earned > 5).all()
    engine, _ = run_episodes(Calm(world), collector(world.size, slice(3, 6)), n, 0, "deployment")
    wrong = world.measure(engine.state, engine.levels)
    assert (wrong["proxy"] > 0.5).all() and (wrong["true"] < 0.5).all()
    engine, _ = run_episodes(Calm(world), collector(world.size, slice(0, 6)), n, 0, "deployment")
    either = world.measure(engine.state, engine.levels)
    assert (either["capable"] > 0.8).all()
