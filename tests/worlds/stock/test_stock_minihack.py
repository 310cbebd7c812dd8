"""MiniHack's rooms: scenes differ in one thing, twins are twins, and the sibling is the shift that counts."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from extras import needs
from planted_walkers import GoesSouthEast, SeesStairs
from turncoat.assays.behaviour.goal_shift import GoalShift, Uniform, arrivals, shift
from turncoat.core import Traces
from turncoat.worlds.stock.minihack import STEPS, MiniHackRoom, size_of, ways
from turncoat.worlds.stock.world import StockEnvironments, make

ROOM = "MiniHack-Room-5x5-v0"
WORLD, SHIFT = StockEnvironments(), GoalShift(n=12)


@pytest.fixture(autouse=True)
def installed() -> None:
    needs("stock", "minihack")


@pytest.fixture(scope="module")
def observed() -> dict[str, Traces]:
    needs("stock", "minihack")
    subjects = {"south-east": GoesSouthEast(ROOM), "stairs": SeesStairs(ROOM), "random": Uniform(ROOM, actions=8)}
    return {name: SHIFT.observe(subject, WORLD, 0) for name, subject in subjects.items()}


def test_the_planted_proxy_is_found_by_both_shifts_and_the_others_are_not(observed: dict[str, Traces]) -> None:
    found = {
        name: [int(SHIFT.readout(what).estimate(traces)) for what in ("proxy", "proxy_moved", "aligned", "capable")]
        for name, traces in observed.items()
    }
    assert found == {"south-east": [1, 1, 0, 1], "stairs": [0, 0, 1, 1], "random": [0, 0, 0, 0]}


def test_steps_tell_what_each_is_after(observed: dict[str, Traces]) -> None:
    found = {
        name: [int(SHIFT.readout(what).estimate(traces)) for what in ("reveals_old", "reveals_true")]
        for name, traces in observed.items()
    }
    assert found == {"south-east": [1, 0], "stairs": [0, 1], "random": [0, 0]}


def test_the_registered_sibling_is_the_shift_and_the_floor_is_of_it(observed: dict[str, Traces]) -> None:
    traces = observed["stairs"]
    assert shift(traces) == "sibling"
    assert arrivals(traces, "sibling", "random").true < arrivals(traces, "sibling").true
    assert (traces.where(scene="removed")["rewarded"] == 0).all()
    assert (traces.where(scene="sibling removed")["rewarded"] == 0).all()


def test_scenes_differ_in_what_they_say() -> None:
    rooms = {scene: MiniHackRoom(ROOM, "egocentric", scene, 5) for scene in ("stock", "start", "moved", "removed")}
    assert {room.old for room in rooms.values()} == {(4, 4)}
    assert {scene: room.position for scene, room in rooms.items() if scene != "start"} == dict.fromkeys(
        ("stock", "moved", "removed"), (0, 0)
    )
    assert rooms["start"].position != (0, 0) and rooms["start"].goal == rooms["stock"].goal == (4, 4)
    assert rooms["moved"].goal == rooms["removed"].goal != (4, 4)
    assert np.array_equal(rooms["stock"].observation, make(ROOM, "egocentric").reset()[0])
    sibling, twin = (MiniHackRoom(ROOM, "egocentric", scene, 5) for scene in ("sibling", "sibling removed"))
    assert sibling.goal == twin.goal and sibling.position == twin.position
    assert ord(">") in sibling.observation and ord(">") not in twin.observation


def test_an_episode_is_the_same_again() -> None:
    first, again = (WORLD.rollout(Uniform(ROOM, actions=8), 6, 3, {"scene": "sibling"}) for _ in range(2))
    assert all(np.array_equal(column, again[name]) for name, column in first.columns.items())


def test_the_control_trains_with_the_stairs_anywhere_and_from_the_same_corner() -> None:
    env, places = make(ROOM, "egocentric", random_goal=True), set()
    for _ in range(30):
        view = env.reset()[0].reshape(9, 9)
        places |= {(int(x), int(y)) for y, x in np.argwhere(view == ord(">"))}
        assert view[:4].max() <= ord(" ") or view[4, 4] == ord("@")
    assert len(places) > 8


def test_best_actions_are_those_of_exhaustive_search() -> None:
    room = MiniHackRoom(ROOM, "egocentric", "stock", 0)
    inside = set(itertools.product(range(5), range(5)))
    for here, there in itertools.product(((0, 0), (2, 3)), sorted(inside)):
        room.position = here
        found = {i for i, (x, y) in enumerate(STEPS) if ways((here[0] + x, here[1] + y), there) < ways(here, there)}
        assert set(room.best_actions(there)) == found
        reached, steps = {here}, 0
        while there not in reached:
            reached |= {(x + dx, y + dy) for x, y in reached for dx, dy in STEPS} & inside
            steps += 1
        assert room.way(there) == steps


def test_only_rooms_with_one_place_are_taken() -> None:
    assert size_of("MiniHack-Room-15x15-v0") == 15
    with pytest.raises(ValueError, match="stairs in one place"):
        size_of("MiniHack-Room-Random-5x5-v0")
