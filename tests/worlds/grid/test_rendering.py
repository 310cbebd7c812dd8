"""Recordings of episodes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from grid_worlds import OBJECTS, at_random, every_world
from turncoat.worlds.grid.rendering import MOST_FRAMES


@every_world
def test_a_film_is_an_episode_with_one_agent_in_every_step(world: Any) -> None:
    film = world.record(at_random(world), 0, "deployment")
    assert set(film) == {"kind", "title", "caption", "events", "walls", "steps"} and film["kind"] == "episode"
    assert film["caption"] == world.captions["deployment"] and 2 <= len(film["steps"]) <= MOST_FRAMES + 1
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
    world = replace(OBJECTS[2], horizon=MOST_FRAMES + 20)
    film = world.record(at_random(world), 0, "training")
    assert len(film["steps"]) == MOST_FRAMES + 1 and film["events"][0]["tick"] == MOST_FRAMES
