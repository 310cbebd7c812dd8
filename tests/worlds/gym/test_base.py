"""The Gymnasium face of every world: checkers, rows against single environments, misuse, states."""

from __future__ import annotations

import copy
import pickle
import warnings
from importlib import import_module
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.error import InvalidAction, ResetNeeded, UnsupportedMode
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alike import same
from faces import Face, every_face, moves, played, some_faces, to_the_end
from turncoat.core import TurncoatError
from turncoat.worlds.goals.coin_run import CoinRun
from turncoat.worlds.gym import ids as gym_ids
from turncoat.worlds.gym.expressions import ExpressionsEnv
from turncoat.worlds.gym.grid import GridEnv, GridVectorEnv
from turncoat.worlds.gym.maze import GatehouseEnv, MazeEnv, MazeVectorEnv

NEXT, SAME, DISABLED = AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP, AutoresetMode.DISABLED
# -- checkers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*gym_ids.GRIDS, *gym_ids.OTHERS])
@pytest.mark.parametrize("kind", ["training", "deployment"])
def test_gymnasium_accepts_the_environment(name: str, kind: str) -> None:
    arguments = {"levels": kind} if name not in ("Maze", "Gatehouse") else {}
    arguments |= {"pool": 4} if name in gym_ids.GRIDS else {}
    for mode in (None, "ansi", "rgb_array"):
        check_env(gymnasium.make(f"turncoat/{name}-v0", render_mode=mode, **arguments).unwrapped)


@every_face
def test_stable_baselines3_accepts_the_environment(face: Face) -> None:
    from stable_baselines3.common.env_checker import check_env as check

    with warnings.catch_warnings():
        for advice in (
            "It seems that your observation",
            "The minimal resolution",
            "Your observation .* unconventional",
        ):
            warnings.filterwarnings("ignore", advice)  # on networks, not on what is wrong
        check(face.one())


# -- rows and single environments --------------------------------------------------------------------------------


@every_face
@pytest.mark.parametrize("mode", [NEXT, SAME])
def test_rows_with_seeds_are_single_environments_side_by_side(face: Face, mode: AutoresetMode) -> None:
    """Over many episodes, against what Gymnasium makes of single ones: observations, rewards, ends, restarts, infos."""

    ends = 0

    @settings(max_examples=2, deadline=None)
    @example([3, 4, 5, 6], 1)  # in which some episodes end
    @given(st.lists(st.integers(0, 2**40), min_size=1, max_size=4), st.integers(0, 2**31))
    def check(seeds: list[int], luck: int) -> None:
        ours = face.rows(len(seeds), autoreset_mode=mode)
        theirs = SyncVectorEnv([face.one] * len(seeds), autoreset_mode=mode)
        assert ours.metadata["autoreset_mode"] == theirs.metadata["autoreset_mode"] == mode
        nonlocal ends
        rng, mask = np.random.default_rng(luck), np.arange(len(seeds)) == 0
        for arguments in (
            {"seed": seeds},
            {},
            {"options": {"reset_mask": mask}},
            {"seed": [7, *seeds[1:]], "options": {"reset_mask": mask}},
            {"seed": [None, *seeds[1:]]},
            {"seed": seeds[0]},  # for row i seeds[0] + i
            {"seed": seeds[0], "options": {"reset_mask": mask}},
        ):
            one, other = (envs.reset(**copy.deepcopy(arguments)) for envs in (ours, theirs))
            same(one, other)
            for _ in range(45):
                actions = moves(rng, ours, one[0])
                one, other = ours.step(actions), theirs.step(actions)
                same(one, other)
                ends += int((one[2] | one[3]).sum())

    check()
    assert ends > 0


@every_face
def test_reset_means_one_thing_everywhere(face: Face) -> None:
    """A seed begins the stream that it names, in which resets without a seed go on; a single environment, its row in a
    vector and a shared stream of one row are the same."""

    def shown(envs: Any, seed: Any) -> list[Any]:
        found = []
        for arguments in ({"seed": seed}, {}, {}, {"seed": seed}, {}):
            seen, info = envs.reset(**arguments)
            assert info == {}
            found.append([{n: v[0] for n, v in seen.items()} if isinstance(seen, dict) else seen[0]])
            found.append(played(envs, seen, 7))
        return found

    streams = [(face.rows(1), 5), (face.rows(1), [5]), (face.rows(1, shared_stream=True), 5)]
    first, *others = (shown(envs, seed) for envs, seed in [*streams, (SyncVectorEnv([face.one]), 5)])
    for other in others:
        same(other, first)
    same(first[0], first[6])  # the seed names all of it
    with pytest.raises(AssertionError):  # and other episodes follow
        same(first[0], first[2])
        same(first[0], first[4])
        same(first[0], first[8])


@every_face
@pytest.mark.parametrize("mode", [NEXT, SAME])
def test_rows_that_share_a_stream_do_what_their_mode_says(face: Face, mode: AutoresetMode) -> None:
    envs = face.rows(6, autoreset_mode=mode, shared_stream=True)
    seen, info = envs.reset(seed=1)
    assert seen in envs.observation_space and info == {}
    rng, ended, ends = np.random.default_rng(0), np.zeros(6, bool), 0
    for _ in range(120):
        seen, reward, terminated, truncated, info = envs.step(moves(rng, envs, seen))
        assert seen in envs.observation_space
        assert (reward.dtype, terminated.dtype, truncated.dtype) == (np.float64, bool, bool)
        assert reward.shape == terminated.shape == truncated.shape == (6,)
        over = terminated | truncated
        if mode == NEXT:
            assert not over[ended].any() and not reward[ended].any()
            told = info
        else:
            told = info.get("final_info", {})
            assert ("final_obs" in info) == over.any()
            assert not over.any() or all(x in envs.single_observation_space for x in info["final_obs"][over])
        assert ("performance" in told) == over.any() and (
            not over.any() or told["_performance"].tolist() == over.tolist()
        )
        ended, ends = over, ends + over.sum()
    assert ends > 6


@every_face
@pytest.mark.parametrize("shared", [True, False])
def test_a_seed_for_all_is_reproducible_and_resets_without_one_go_on(face: Face, shared: bool) -> None:
    def all_of(seed: int) -> list[Any]:
        envs = face.rows(4, shared_stream=shared)
        first = envs.reset(seed=seed)
        return [first, *played(envs, first[0], 30), envs.reset(), *played(envs, envs.observe(), 5)]

    same(all_of(3), all_of(3))
    with pytest.raises(AssertionError):
        same(all_of(3), all_of(4))


# -- ends --------------------------------------------------------------------------------------------------------


@every_face
def test_an_ended_single_environment_stands_still(face: Face) -> None:
    env = face.one()
    last = to_the_end(env, env.reset(seed=3)[0])
    assert "performance" in last[4] and isinstance(last[4]["performance"], float)
    for action in range(int(env.action_space.n)):
        again = env.step(action)
        same(again[0], last[0])
        assert again[1] == 0.0 and again[2:4] == last[2:4]
        same(again[4], last[4])
    to_the_end(env, env.reset()[0])


@every_face
def test_without_autoreset_an_ended_row_has_to_be_reset(face: Face) -> None:
    envs = face.rows(3, autoreset_mode="Disabled")
    assert envs.metadata["autoreset_mode"] is DISABLED
    seen, _ = envs.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(1000):
        seen, _, terminated, truncated, _ = envs.step(moves(rng, envs, seen))
        if (over := terminated | truncated).any():
            break
    with pytest.raises(ResetNeeded, match="have ended"):
        envs.step(np.zeros(3, np.int64))
    others = {name: value[~over] for name, value in seen.items()} if isinstance(seen, dict) else seen[~over]
    fresh, _ = envs.reset(options={"reset_mask": over})
    same({n: v[~over] for n, v in fresh.items()} if isinstance(fresh, dict) else fresh[~over], others)
    envs.step(np.zeros(3, np.int64))


def test_trees_grow_for_ever_unless_life_ends_and_the_id_ends_it() -> None:
    env = gymnasium.make("turncoat/TreeWorld-v0", size=6)
    env.reset(seed=0)
    ends = [env.step(step % 4)[3] for step in range(400)]
    assert not any(ends[:-1]) and ends[-1]
    env = GridEnv("TreeWorld", size=6)
    env.reset(seed=0)
    assert not any(any(env.step(step % 4)[2:4]) for step in range(450))
    longer = GridEnv("TreeWorld", size=6, life=45, horizon=30)  # than what its oracle was asked about
    *_, info = to_the_end(longer, longer.reset(seed=0)[0])
    assert 0 <= info["true"] <= 1
    assert "never ends" in str(import_module("turncoat.worlds.gym.grid").__doc__)


# -- misuse ------------------------------------------------------------------------------------------------------


@some_faces
def test_actions_outside_the_space_are_refused_and_change_nothing(face: Face) -> None:
    env, twin = face.one(), face.one()
    for each in (env, twin):
        with pytest.raises(ResetNeeded, match="reset"):
            each.step(0)
        each.reset(seed=1)
    for bad in (99, -1, 1.0, "up", None, [0], np.array([0])):
        with pytest.raises(InvalidAction, match="action"):
            env.step(bad)
    same(env.step(np.int64(1)), twin.step(1))
    envs = face.rows(3)
    with pytest.raises(ResetNeeded):
        envs.step([0, 0, 0])
    envs.reset(seed=1)
    for rows in ([0, 99, 0], [0, 0, -1], [0, 0], 0, [0.0, 0.0, 0.0], [[0], [0], [0]]):
        with pytest.raises(InvalidAction, match="action"):
            envs.step(np.array(rows))
    envs.step([0, 1, 2])
    envs.step(np.array([0, 1, 2], np.int32))


@some_faces
def test_unknown_words_and_numbers_are_refused_by_name(face: Face) -> None:
    for make in (face.one, lambda **words: face.rows(2, **words)):
        with pytest.raises(UnsupportedMode, match="one of ansi, rgb_array or None; got 'hologram'"):
            make(render_mode="hologram")
        with pytest.raises(TypeError, match=r"has no parameter 'colour'; it has \w+, "):
            make(colour="red")
        env = make()
        with pytest.raises(ValueError, match="no option 'level'; it has (none|reset_mask)$"):
            env.reset(options={"level": 3})
        env.reset(options={})
        for bad in (-1, 1.5, "one", 1 << 63):
            with pytest.raises(ValueError, match="a seed is a whole number from 0"):
                env.reset(seed=bad)
    with pytest.raises(ValueError, match="autoreset_mode must be one of NextStep, SameStep, Disabled; got 'Never'"):
        face.rows(2, autoreset_mode="Never")
    with pytest.raises(ValueError, match="num_envs must be at least 1, got 0"):
        face.rows(0)


def test_bad_arguments_are_refused_before_the_first_reset() -> None:
    for make in (
        lambda *args, **words: GridEnv(*args, **words),
        lambda *args, **words: GridVectorEnv(2, *args, **words),
    ):
        with pytest.raises(TurncoatError, match="levels must be one of"):
            make(CoinRun(), "paradise")
        with pytest.raises(TurncoatError, match="world must be one of CheeseCorner, "):
            make("Utopia")
        for wrong in ({"pool": 0}, {"deployment_fraction": 1.5}):
            with pytest.raises(ValueError, match="pool must be"):
                make(CoinRun(), **wrong)
    with pytest.raises(TurncoatError, match="size must be odd"):
        MazeEnv(size=8)
    with pytest.raises(TurncoatError, match="objects must be one of"):
        MazeVectorEnv(2, objects="lost")
    for name in ("placement", "gate", "objects", "start"):
        with pytest.raises(TurncoatError, match=f"{name} must be one of"):
            GatehouseEnv(**{name: "lost"})  # type: ignore[arg-type]
    with pytest.raises(TurncoatError, match="levels"):
        ExpressionsEnv(levels="paradise")


@some_faces
def test_some_rows_are_reset_and_the_others_go_on(face: Face) -> None:
    mask = np.array([True, False, True])
    envs, twin = face.rows(3), face.rows(3)
    with pytest.raises(ResetNeeded):
        envs.reset(options={"reset_mask": mask})
    for each in (envs, twin):
        each.reset(seed=2)
        played(each, each.observe(), 2)
    options = {"reset_mask": mask}
    seen, _ = envs.reset(options=options)
    assert options == {"reset_mask": mask}  # the caller's dict is left as it was
    before = twin.observe()
    rows = (lambda x: {n: v[1] for n, v in x.items()}) if isinstance(seen, dict) else (lambda x: x[1])
    same(rows(seen), rows(before))
    with pytest.raises(AssertionError):
        same(seen, before)
    for bad in ([True, False, True], mask[:2], mask.astype(int), np.zeros(3, bool)):
        with pytest.raises(ValueError, match=r"reset_mask must be an array \[3\] of bool"):
            envs.reset(options={"reset_mask": bad})
    with pytest.raises(ValueError, match="a list of 3, one for each row; got 2"):
        envs.reset(seed=[1, 2])
    shared = face.rows(3, shared_stream=True)
    shared.reset(seed=2)
    shared.reset(options={"reset_mask": mask})
    with pytest.raises(ValueError, match="rows share one stream, which cannot be seeded for some of them"):
        shared.reset(seed=3, options={"reset_mask": mask})
    with pytest.raises(ValueError, match="a seed is a whole number"):
        shared.reset(seed=[1, 2, 3])


@every_face
def test_what_is_shown_is_the_callers_own(face: Face) -> None:
    def spoil(value: Any) -> None:
        for array in value.values() if isinstance(value, dict) else [value]:
            if isinstance(array, np.ndarray):
                array[...] = 0

    env, twin = face.rows(3, autoreset_mode=SAME), face.rows(3, autoreset_mode=SAME)
    one, other = env.reset(seed=0), twin.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(40):
        actions = moves(rng, twin, other[0])
        spoil(one[0])
        for array in one[1:4] if len(one) == 5 else []:
            array[...] = 0
        for last in one[-1].get("final_obs", []):
            spoil(last) if last is not None else None
        one, other = env.step(actions), twin.step(actions)
        same(one, other)


# -- states ------------------------------------------------------------------------------------------------------


@every_face
@pytest.mark.parametrize("shared", [True, False], ids=["shared", "own"])
def test_a_state_plays_on_identically_also_elsewhere(face: Face, shared: bool) -> None:
    envs = face.rows(3, shared_stream=shared)
    with pytest.raises(ResetNeeded):
        envs.get_state()
    envs.reset(seed=1 if shared else [4, 1, 4])
    played(envs, envs.observe(), 23)
    saved, copies = envs.get_state(), [copy.deepcopy(envs), pickle.loads(pickle.dumps(envs))]
    expected = [*played(envs, envs.observe(), 40), envs.reset(), envs.reset(options={"reset_mask": np.arange(3) == 1})]
    stranger, other = (face.rows(3, shared_stream=shared) for _ in range(2))
    other.reset(seed=9)
    for again in (stranger, other, envs):
        again.set_state(pickle.loads(pickle.dumps(saved)))
    for again in (stranger, other, envs, *copies):
        found = [*played(again, again.observe(), 40), again.reset()]
        found.append(again.reset(options={"reset_mask": np.arange(3) == 1}))
        same(found, expected)
    with pytest.raises(ValueError, match="the state is of 3 episodes, this environment has 2"):
        face.rows(2).set_state(saved)


@every_face
def test_a_single_environments_state_holds_its_end_too(face: Face) -> None:
    env = face.one(render_mode="ansi")
    last = to_the_end(env, env.reset(seed=3)[0])
    stranger = face.one(render_mode="ansi")
    stranger.set_state(env.get_state())
    for again in (stranger, copy.deepcopy(env), pickle.loads(pickle.dumps(env))):
        assert again.render() == env.render()
        still = again.step(0)
        assert still[1] == 0.0 and still[2:4] == last[2:4]
        expected = copy.deepcopy(env)
        same(again.reset(), expected.reset())
        same(again.step(1), expected.step(1))
