"""The Gymnasium face of every world in company: ids, pictures, wrappers, stable-baselines3, the page about it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv

from alike import same
from faces import FACES, GRIDS, Face, every_face, moves, played, some_faces, to_the_end
from paths import ROOT
from turncoat.worlds.goals.coin_run import CoinRun
from turncoat.worlds.gym import ids as gym_ids
from turncoat.worlds.gym import tiles
from turncoat.worlds.gym.grid import WORLDS, GridEnv, GridVectorEnv
from turncoat.worlds.gym.maze import MazeEnv

NEXT, SAME = AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP

# -- ids ---------------------------------------------------------------------------------------------------------


def test_the_ids_are_all_there_and_cost_nothing_to_have() -> None:
    assert set(gym_ids.GRIDS) == set(WORLDS)
    code = (
        "import sys, gymnasium\n"
        "import turncoat.worlds.gym.ids\n"
        "assert not {'torch', 'scipy', 'turncoat.worlds.grid.engine'} & set(sys.modules)\n"
        "print(*sorted(name for name in gymnasium.registry if name.startswith('turncoat/')))"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == sorted(f"turncoat/{name}-v0" for name in (*gym_ids.GRIDS, *gym_ids.OTHERS))


def test_one_call_finds_an_environment_that_nobody_has_imported() -> None:
    code = (
        "import gymnasium; print(gymnasium.make('turncoat.worlds.gym.ids:turncoat/Maze-v0', size=7).reset(seed=1)[0])"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == str(MazeEnv(size=7).reset(seed=1)[0]), done.stderr


def test_arguments_of_environment_and_world_pass_through_ids() -> None:
    env = gymnasium.make("turncoat/CoinRun-v0", levels="deployment", spread=4, width=14, render_mode="ansi")
    assert env.unwrapped.world == CoinRun(spread=4, width=14) and env.render_mode == "ansi"  # type: ignore[attr-defined]
    assert env.observation_space["grid"].shape == (3, 9, 14)  # type: ignore[index]
    assert gymnasium.make(env.spec).unwrapped.world == CoinRun(spread=4, width=14)  # type: ignore
    maze = gymnasium.make("turncoat/Maze-v0", size=9, objects="apart", loops=0.5)
    assert maze.observation_space["grid"].shape == (4, 9, 9)  # type: ignore[index]
    assert maze.unwrapped.world.loops == 0.5  # type: ignore[attr-defined]
    many = gymnasium.make_vec("turncoat/KeysChests-v0", 3, size=7, autoreset_mode="SameStep", pool=4)
    assert isinstance(many, GridVectorEnv) and many.metadata["autoreset_mode"] is SAME and many.num_envs == 3
    one_by_one = gymnasium.make_vec("turncoat/KeysChests-v0", 3, "sync", size=7, pool=4)
    assert isinstance(one_by_one, SyncVectorEnv)
    default = gymnasium.make_vec("turncoat/KeysChests-v0", 3, size=7, pool=4)
    same(default.reset(seed=[1, 2, 3]), one_by_one.reset(seed=[1, 2, 3]))
    assert default.metadata["autoreset_mode"] is one_by_one.metadata["autoreset_mode"] is NEXT
    with pytest.raises(TypeError, match="CoinRun has no parameter 'spred'; it has discount, "):
        gymnasium.make("turncoat/CoinRun-v0", spred=4)


# -- pictures ----------------------------------------------------------------------------------------------------


@every_face
def test_pictures_are_of_one_size_and_change_with_what_they_show(face: Face) -> None:
    env, envs = face.one(render_mode="rgb_array"), face.rows(2, render_mode="rgb_array")
    with pytest.raises(ResetNeeded):
        env.render()
    seen, _ = env.reset(seed=3)
    frames, rng = [env.render()], np.random.default_rng(0)
    for _ in range(12):
        seen, *_ = env.step(int(moves(rng, env, seen)[0]))
        frames.append(env.render())
        if isinstance(seen, dict):
            mask = seen["walls"] if "walls" in seen else seen["grid"][0]
            corners = frames[-1][:: tiles.TILE, :: tiles.TILE]
            assert (corners == tiles.WALL).all(2)[mask > 0].all()
            assert tuple(corners.reshape(-1, 3)[seen["cell"]]) == tiles.COLOURS["@"]
    assert {(frame.shape, frame.dtype) for frame in frames} == {(frames[0].shape, np.dtype(np.uint8))}
    assert any((frame != frames[0]).any() for frame in frames)
    envs.reset(seed=[3, 4])
    assert len(envs.render()) == 2 and (envs.render()[0] == frames[0]).all()
    assert env.metadata["render_fps"] > 0 and {"ansi", "rgb_array"} == set(env.metadata["render_modes"])


@every_face
def test_text_is_drawn_for_every_row_and_nothing_without_a_mode(face: Face) -> None:
    envs = face.rows(2, render_mode="ansi")
    seen, _ = envs.reset(seed=0)
    for row, text in enumerate(envs.render()):
        if isinstance(seen, dict):
            grid = "".join(line for line in text.splitlines() if line.startswith("#"))
            assert grid.index("@") == seen["cell"][row] and grid.count("@") == 1
        else:
            assert text.startswith("human: ")
    env = face.one()
    env.reset(seed=0)
    with pytest.warns(UserWarning, match="without a render_mode"):
        assert env.render() is None


@some_faces
def test_videos_are_recorded(face: Face, tmp_path: Path) -> None:
    pytest.importorskip("moviepy")
    from gymnasium.wrappers import RecordVideo

    env = RecordVideo(face.one(render_mode="rgb_array"), str(tmp_path / "one"))
    to_the_end(env, env.reset(seed=0)[0])
    env.close()
    envs = gymnasium.wrappers.vector.RecordVideo(face.rows(2, render_mode="rgb_array"), str(tmp_path / "many"))
    played(envs, envs.reset(seed=0)[0], 60)
    envs.close()
    for folder in ("one", "many"):
        (video, *_) = sorted((tmp_path / folder).glob("*.mp4"))
        assert video.stat().st_size > 1000


# -- in company --------------------------------------------------------------------------------------------------


@some_faces
def test_gymnasiums_wrappers_go_round_it(face: Face) -> None:
    from gymnasium import wrappers

    env = wrappers.RecordEpisodeStatistics(wrappers.Autoreset(wrappers.TimeLimit(face.one(), 50)))
    *_, info = to_the_end(env, env.reset(seed=0)[0])
    assert info["episode"]["l"] >= 1 and "performance" in info
    flat = wrappers.NormalizeObservation(wrappers.FlattenObservation(face.one()))
    assert flat.reset(seed=0)[0].ndim == 1
    pictures = wrappers.RenderCollection(face.one(render_mode="rgb_array"))
    pictures.reset(seed=0)
    pictures.step(0)
    assert [frame.ndim for frame in pictures.render()] == [3, 3]
    checked = wrappers.OrderEnforcing(wrappers.PassiveEnvChecker(face.one()))
    to_the_end(checked, checked.reset(seed=0)[0])


@some_faces
@pytest.mark.parametrize("mode", [NEXT, SAME])
def test_gymnasiums_vector_wrappers_go_round_it(face: Face, mode: AutoresetMode) -> None:
    from gymnasium.wrappers import vector

    def statistics(envs: Any) -> tuple[list[float], list[float]]:
        recorded = vector.RecordEpisodeStatistics(envs)
        seen, _ = recorded.reset(seed=[3, 4, 5])
        for _ in range(120):
            seen, *_ = recorded.step(moves(np.random.default_rng(0), recorded, seen))
        return list(recorded.return_queue), list(recorded.length_queue)

    theirs = SyncVectorEnv([face.one] * 3, autoreset_mode=mode)
    assert statistics(face.rows(3, autoreset_mode=mode)) == statistics(theirs)
    listed = vector.DictInfoToList(vector.NormalizeReward(face.rows(3, autoreset_mode=mode)))
    assert listed.reset(seed=0)[1] == [{}, {}, {}]
    assert len(listed.step(np.zeros(3, np.int64))[4]) == 3
    if mode == NEXT:  # these two refuse other modes
        flat = vector.NormalizeObservation(vector.FlattenObservation(face.rows(3)))
        assert flat.reset(seed=0)[0].shape == flat.observation_space.shape
        flat.step(np.zeros(3, np.int64))


def test_environments_work_in_other_processes() -> None:
    make, seeds = FACES["Maze"].one, [5, 6]
    theirs, ours = AsyncVectorEnv([make, make]), FACES["Maze"].rows(2)
    try:
        same(theirs.reset(seed=seeds), ours.reset(seed=seeds))
        for step in range(8):
            actions = np.array([step % 4, step % 3])
            same(theirs.step(actions), ours.step(actions))
    finally:
        theirs.close()


def test_stable_baselines3_trains_on_it_and_records_what_the_world_measures() -> None:
    from stable_baselines3 import PPO
    from stable_baselines3.common.env_util import make_vec_env

    arguments = {"world": GRIDS[0], "pool": 4}
    envs = make_vec_env(GridEnv, 2, seed=0, env_kwargs=arguments, monitor_kwargs={"info_keywords": ("performance",)})
    model = PPO("MultiInputPolicy", envs, n_steps=160, batch_size=32, n_epochs=1, device="cpu")
    model.learn(320)
    assert model.ep_info_buffer is not None and {"r", "l", "performance"} <= set(model.ep_info_buffer[0])


def test_the_examples_on_the_page_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = (ROOT / "docs" / "gymnasium.md").read_text().split("```python\n")[1:]
    assert len(blocks) >= 4
    names: dict[str, Any] = {}
    for block in blocks:
        code = block.split("```")[0]
        if "RecordVideo" in code:
            try:
                import moviepy  # noqa: F401
            except ImportError:
                continue
        exec(compile(code, "docs/gymnasium.md", "exec"), names)
