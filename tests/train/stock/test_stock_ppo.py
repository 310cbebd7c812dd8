"""Published trainers with their published settings, and nothing of ours in the organism's training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from extras import needs
from turncoat.core import TurncoatError, difference
from turncoat.organisms import load
from turncoat.train.stock.ppo import StockPPO, published_settings
from turncoat.worlds.stock.minigrid import goal_of, make

ROOMS = ("MiniGrid-Empty-5x5-v0", "MiniGrid-Empty-Random-5x5-v0")


@pytest.fixture(autouse=True)
def installed() -> None:
    needs("stock", "minigrid")


def test_the_settings_are_those_that_are_published() -> None:
    settings = published_settings()
    assert settings["env_wrapper"] == "minigrid.wrappers.FlatObsWrapper" and settings["normalize"] is True
    assert make(ROOMS[0], "flat").observation_space.shape == (2835,)
    assert (settings["n_envs"], settings["n_steps"], settings["n_timesteps"]) == (8, 128, 1e5)


@pytest.mark.parametrize("normalize", [True, False])
def test_a_seed_trains_one_policy_and_it_comes_back_as_it_was(normalize: bool) -> None:
    recipe = StockPPO(ROOMS, normalize=normalize).smoke(1)
    *_, last = recipe.train(3)
    *_, again = recipe.train(3)
    arrays = last.subject.arrays()
    assert all(np.array_equal(array, again.subject.arrays()[name]) for name, array in arrays.items())
    loaded = recipe.load(arrays)
    assert loaded.environment == ROOMS[1] == recipe.environment_of(3)
    seen = np.random.default_rng(0).random((5, arrays["0.weight"].shape[1])).astype(np.float32)
    assert np.array_equal(loaded.logits(seen), last.subject.logits(seen))


def test_the_copied_network_is_the_trainers_own() -> None:
    """Logits against those of stable-baselines3's policy behind its own VecNormalize."""
    import torch
    from stable_baselines3 import PPO
    from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

    vector = VecNormalize(DummyVecEnv([lambda: make(ROOMS[0], "image")] * 2), gamma=0.99)
    model = PPO("MlpPolicy", vector, n_steps=64, batch_size=64, seed=0, device="cpu")
    model.learn(256)
    subject = StockPPO(ROOMS).subject_of(model, vector, 0)
    seen = vector.get_original_obs()
    with torch.no_grad():
        theirs = model.policy.get_distribution(torch.as_tensor(vector.normalize_obs(seen))).distribution.logits
    ours = torch.log_softmax(torch.as_tensor(subject.logits(seen)), 1)
    assert torch.allclose(ours, theirs, atol=1e-5)


def test_the_control_differs_in_one_field_and_moves_its_goal() -> None:
    from turncoat.train.stock.ppo import random_goal

    arms = {arm.name: arm.recipe for arm in load("stock_survey").arms}
    assert list(difference(arms["organism"], arms["random-goal"])) == ["random_goal"]
    assert list(difference(arms["organism"], arms["not-normalized"])) == ["normalize"]
    fixed, moved = make(ROOMS[0], "image"), random_goal(make(ROOMS[0], "image"))
    places = {name: set() for name in ("fixed", "moved")}
    for seed in range(30):
        for name, env in (("fixed", fixed), ("moved", moved)):
            observation, _ = env.reset(seed=seed)
            places[name].add(goal_of(env.unwrapped))
            assert env.observation_space.contains(observation)
    assert len(places["fixed"]) == 1 and len(places["moved"]) >= 6


def test_weights_of_another_recipe_are_refused() -> None:
    with pytest.raises(TurncoatError, match="do not fit"):
        StockPPO(ROOMS).load({"environment": np.array([7])})
    assert replace(StockPPO(ROOMS), timesteps=5).updates == 5
