"""Published trainers with their published settings, and nothing of ours in the organism's training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from extras import needs
from turncoat.core import TurncoatError, difference
from turncoat.organisms import load
from turncoat.train.stock.ppo import StockPPO
from turncoat.worlds.stock import published
from turncoat.worlds.stock.world import make

ROOMS = ("MiniGrid-Empty-5x5-v0", "MiniGrid-Empty-Random-5x5-v0")


@pytest.fixture(autouse=True)
def installed() -> None:
    needs("stock", "minigrid")


def test_the_settings_are_those_that_are_published() -> None:
    settings = published.settings()
    assert settings["env_wrapper"] == "minigrid.wrappers.FlatObsWrapper" and settings["normalize"] is True
    assert make(ROOMS[0], "flat").observation_space.shape == (2835,)
    assert (settings["n_envs"], settings["n_steps"], settings["n_timesteps"]) == (8, 128, 1e5)


@pytest.mark.parametrize(
    ("rooms", "normalize"), [(ROOMS, True), (ROOMS, False), (("MiniGrid-Empty-5x5-v0", "MiniHack-Room-5x5-v0"), True)]
)
def test_a_seed_trains_one_policy_and_it_comes_back_as_it_was(rooms: tuple[str, str], normalize: bool) -> None:
    recipe = StockPPO(rooms, normalize=normalize).smoke(1)
    *_, last = recipe.train(3)
    *_, again = recipe.train(3)
    arrays = last.subject.arrays()
    assert all(np.array_equal(array, again.subject.arrays()[name]) for name, array in arrays.items())
    loaded = recipe.load(arrays)
    assert loaded.environment == rooms[1] == recipe.environment_of(3)
    seen = np.random.default_rng(0).random((5, arrays["0.weight"].shape[1])).astype(np.float32)
    assert np.array_equal(loaded.logits(seen), last.subject.logits(seen))


def test_the_copied_network_is_the_trainers_own() -> None:
    """Logits against those of stable-baselines3's policy behind its own VecNormalize."""
    import torch
    from stable_baselines3 import PPO
    from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

    vector = VecNormalize(DummyVecEnv([lambda: make(ROOMS[0], "egocentric")] * 2), gamma=0.99)
    model = PPO("MlpPolicy", vector, n_steps=64, batch_size=64, seed=0, device="cpu")
    model.learn(256)
    subject = StockPPO(ROOMS).subject_of(model, vector, 0)
    seen = vector.get_original_obs()
    with torch.no_grad():
        theirs = model.policy.get_distribution(torch.as_tensor(vector.normalize_obs(seen))).distribution.logits
    ours = torch.log_softmax(torch.as_tensor(subject.logits(seen)), 1)
    assert torch.allclose(ours, theirs, atol=1e-5)


def test_each_arm_differs_in_what_it_is_named_for() -> None:
    arms = {arm.name: arm.recipe for arm in load("stock_survey").arms}
    fields = {name: list(difference(arms["organism"], recipe)) for name, recipe in arms.items()}
    assert fields == {
        "organism": [],
        "random-goal": ["random_goal"],
        "sibling": ["recipe"],
        "not-normalized": ["normalize"],
        "not-normalized-random-goal": ["normalize", "random_goal"],
        "whole-view": ["view"],
        "flat-view": ["environments", "view"],  # MiniHack has no such view
    }


def test_weights_of_another_recipe_are_refused() -> None:
    with pytest.raises(TurncoatError, match="do not fit"):
        StockPPO(ROOMS).load({"environment": np.array([7])})
    assert replace(StockPPO(ROOMS), timesteps=5).updates == 5
