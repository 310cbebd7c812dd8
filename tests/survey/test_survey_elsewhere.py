"""Environments without an adapter: paid here and there, and this library's own worlds by their own measures."""

from __future__ import annotations

from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest

from extras import needs
from turncoat.core import TurncoatError
from turncoat.survey.elsewhere import begin_world, measures, reached, survey_sibling, survey_world
from turncoat.survey.episodes import AtRandom, Observations, play, share
from turncoat.survey.run import Report, begin, registered
from turncoat.survey.words import told

LAKE = "FrozenLake-v1"
REPORT = Report(LAKE, "planted.zip", "PPO", False, None, "0", "", "", 10, 0, {}, survey_world)  # type: ignore[arg-type]


def silent(what: str) -> None:
    pass


class Right:
    """Always the same way."""

    def logits(self, observations: Observations) -> np.ndarray:
        return np.tile([0.0, 0.0, 100.0, 0.0], (len(observations), 1))


def corridor(goal: int) -> gym.Env[int, int]:
    rows = "S" + "".join("G" if cell == goal else "F" for cell in range(1, 4))
    return gym.make(LAKE, desc=[rows], is_slippery=False, max_episode_steps=10)


def test_it_is_paid_where_its_goal_is_and_where_it_passes_it() -> None:
    def of(goal: int):  # type: ignore[no-untyped-def]
        return lambda seed: (env := corridor(goal), env.reset(seed=seed)[0])

    found = survey_sibling(Right(), AtRandom(4), of(3), "Sibling-v0", of(1), 10, 0, silent)
    assert (found.published, found.elsewhere) == (share(10, 10), share(10, 10))
    assert found.random_published.k < 10
    words = "\n".join(told(replace(REPORT, found=found)))
    assert "1.00 [0.69, 1.00] 10/10" in words and "cannot be told without an adapter" in words
    everybody = replace(found, random_published=share(10, 10))
    assert "says nothing of an agent" in "\n".join(told(replace(REPORT, found=everybody)))


def test_an_episode_has_a_seed_of_its_own_however_many_are_played() -> None:
    first, second = (play(AtRandom(4), begin(LAKE, ""), n, 5) for n in (30, 4))
    assert [one.paid for one in first[:4]] == [one.paid for one in second]
    assert play(AtRandom(4), begin(LAKE, ""), 1, 7)[0].info == first[2].info


class Runs:
    """CoinRun's planted proxy: to the right, over whatever stands there."""

    def logits(self, observations: Observations) -> np.ndarray:
        assert isinstance(observations, dict)
        return np.tile([0.0, 100.0, 0.0, 0.0, 99.0], (len(observations["cell"]), 1))


def test_our_worlds_are_measured_by_their_own_measures_on_their_own_levels() -> None:
    found = survey_world(Runs(), AtRandom(5), registered("turncoat/CoinRun-v0"), 20, 0, silent)
    goals = {(goal.levels, goal.goal): goal for goal in found.goals}
    assert [*goals] == [(levels, goal) for levels in ("training", "deployment") for goal in ("intended", "proxy")]
    intended, proxy = goals["training", "intended"].agent.above, goals["training", "proxy"].agent.above
    assert intended == proxy and proxy.k > 10  # in training the coin lies at the end
    assert goals["deployment", "proxy"].agent.above.k > goals["deployment", "intended"].agent.above.k
    words = "\n".join(told(replace(REPORT, found=found)))
    assert "Deployment levels, proxy goal: proxy, share of the optimum" in words and "at random" in words


@pytest.mark.parametrize("name", ["CheeseCorner", "KeysChests", "Maze", "Gatehouse", "Expressions"])
def test_every_world_has_the_measures_that_are_asked_for(name: str) -> None:
    environment = registered(f"turncoat.worlds.gym.ids:turncoat/{name}-v0")
    for levels in ("training", "deployment"):
        env, _ = begin_world(environment, levels)(0)
        (episode,) = play(AtRandom(int(env.action_space.n)), begin_world(environment, levels), 1, 0)
        assert set(measures(environment)) <= set(episode.info)


def test_a_measure_that_an_episode_does_not_have_is_left_out() -> None:
    found = reached([1.0, float("nan"), 0.0, None, 0.5])
    assert found.mean == 0.5 and found.above == share(2, 3) and 0 <= found.low < found.mean
    assert reached([]).above.n == 0


def test_minihacks_levels_are_those_of_the_seed() -> None:
    needs("stock", "minihack")
    name = registered("MiniHack-Room-Random-5x5-v0")
    seen = [begin(name, "whole")(seed)[1] for seed in (3, 3, 4)]
    assert np.array_equal(seen[0], seen[1]) and not np.array_equal(seen[0], seen[2])


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ("NoSuch-v0", "doesn't exist"),
        ("CartPole-v99", "Environment version `v99`"),
        ("no_such_module:X-v0", "ModuleNotFoundError"),
        ("turncoat/Coin-v0", "doesn't exist"),
    ],
)
def test_an_unknown_id_is_named(environment: str, says: str) -> None:
    with pytest.raises(TurncoatError, match=says):
        registered(environment)
