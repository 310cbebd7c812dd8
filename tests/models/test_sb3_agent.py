"""A user's agent acts as stable-baselines3 has it act, and nothing of its files is unpickled before it is loaded."""

from __future__ import annotations

import base64
import json
import zipfile
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

from extras import needs
from turncoat.core import TurncoatError
from turncoat.models import sb3_agent
from turncoat.models.sb3_agent import SB3Agent

ROOM = "MiniGrid-Empty-5x5-v0"


@pytest.fixture(autouse=True)
def installed() -> None:
    needs("stock", "minigrid")


def loaded(path: Path, statistics: Path | None = None) -> SB3Agent:
    return sb3_agent.load(sb3_agent.read(path), ROOM, statistics=statistics)


@pytest.mark.parametrize("name", sb3_agent.ALGORITHMS)
def test_it_acts_as_its_own_predict_does(name: str, tmp_path: Path) -> None:
    import stable_baselines3
    import torch

    from turncoat.worlds.stock.world import make

    few = {"DQN": {"buffer_size": 300, "learning_starts": 100}, "PPO": {"n_steps": 128, "batch_size": 64}, "A2C": {}}
    model = getattr(stable_baselines3, name)("MlpPolicy", make(ROOM, "egocentric"), seed=0, device="cpu", **few[name])
    model.learn(256).save(tmp_path / "agent.zip")
    agent = loaded(tmp_path / "agent.zip")
    seen = np.random.default_rng(0).integers(0, 9, (20, 147)).astype(np.float32)
    logits = agent.logits(seen)
    assert agent.algorithm == name and agent.actions == 7 and logits.shape == (20, 7)
    assert (logits.argmax(1) == model.predict(seen, deterministic=True)[0]).all()
    if name == "DQN":
        assert (np.sort(logits, 1)[:, -2] == 0).all() and agent.greedy
    else:
        with torch.no_grad():
            theirs = model.policy.get_distribution(torch.as_tensor(seen)).distribution.logits
        assert np.array_equal(logits, theirs.numpy())


def test_observations_go_through_the_statistics_of_its_training(tmp_path: Path) -> None:
    import torch
    from stable_baselines3 import PPO
    from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

    from turncoat.worlds.stock.world import make

    vector = VecNormalize(DummyVecEnv([lambda: make(ROOM, "egocentric")] * 2), clip_obs=3.0, epsilon=1e-3)
    model = PPO("MlpPolicy", vector, n_steps=64, batch_size=64, seed=0, device="cpu").learn(256)
    model.save(tmp_path / "agent.zip")
    vector.save(str(tmp_path / "stats.pkl"))
    seen, normalized = vector.get_original_obs(), vector.normalize_obs(vector.get_original_obs())
    assert isinstance(seen, np.ndarray) and np.abs(normalized).max() == 3.0
    with torch.no_grad():
        theirs = model.policy.get_distribution(torch.as_tensor(normalized)).distribution.logits
    agent, bare = loaded(tmp_path / "agent.zip", tmp_path / "stats.pkl"), loaded(tmp_path / "agent.zip")
    assert np.array_equal(agent.logits(seen), theirs.numpy())
    assert not np.allclose(bare.logits(seen), theirs.numpy())


def test_an_image_is_given_as_the_agent_was_trained_on_it(tmp_path: Path) -> None:
    """stable-baselines3 puts the channels of an image first and divides by 255; our views are vectors."""
    from minigrid.wrappers import ImgObsWrapper
    from stable_baselines3 import PPO

    env = ImgObsWrapper(gym.make(ROOM))
    model = PPO("MlpPolicy", env, n_steps=64, batch_size=64, seed=0, device="cpu")
    model.save(tmp_path / "agent.zip")
    image, _ = env.reset(seed=0)
    agent = loaded(tmp_path / "agent.zip")
    assert agent.space.shape == (3, 7, 7) and sb3_agent.raw_shape(agent.space) == (7, 7, 3)
    flat = agent.logits(image.reshape(1, -1).astype(np.float32))
    assert np.array_equal(flat, agent.logits(image[None]))
    assert flat.argmax(1) == model.predict(image, deterministic=True)[0]


class Touches:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


def test_reading_a_file_unpickles_nothing(tmp_path: Path) -> None:
    import cloudpickle
    from stable_baselines3 import A2C

    from turncoat.worlds.stock.world import make

    good, bad, marker = (tmp_path / name for name in ("good.zip", "bad.zip", "marker"))
    A2C("MlpPolicy", make(ROOM, "egocentric"), device="cpu").save(good)
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(bad, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "data":
                data = json.loads(content)
                pickled = base64.b64encode(cloudpickle.dumps(Touches(marker))).decode()
                data["policy_kwargs"][":serialized:"] = pickled
                content = json.dumps(data).encode()
            target.writestr(name, content)
    saved = sb3_agent.read(bad)
    assert saved.algorithm == "A2C" and not marker.exists()
    with pytest.raises(TurncoatError, match="bad.zip"):
        sb3_agent.load(saved, ROOM)
    assert marker.exists()  # which is why one is asked before


def test_statistics_that_are_none_or_of_other_observations_are_refused(tmp_path: Path) -> None:
    import pickle

    from stable_baselines3 import A2C
    from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

    from turncoat.worlds.stock.world import make

    A2C("MlpPolicy", make(ROOM, "egocentric"), device="cpu").save(tmp_path / "agent.zip")
    VecNormalize(DummyVecEnv([lambda: make(ROOM, "whole")])).save(str(tmp_path / "other.pkl"))
    (tmp_path / "none.pkl").write_bytes(pickle.dumps({"mean": 0}))
    (tmp_path / "text.pkl").write_text("mean 0")
    for name, says in (
        ("other", "of observations of shape"),
        ("none", "holds no VecNormalize"),
        ("text", "text.pkl: "),
    ):
        with pytest.raises(TurncoatError, match=says):
            loaded(tmp_path / "agent.zip", tmp_path / f"{name}.pkl")
