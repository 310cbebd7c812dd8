"""stable-baselines3's PPO (Schulman et al. 2017) on published environments, with the RL Zoo's published settings.

The settings are read from the installed `rl_zoo3`: its file `hyperparams/ppo.yml`, one key for all environments, that
of MiniGrid: it has none for MiniHack.
Nothing of ours is in the training of the organism: environment, wrappers, normalizer, trainer and settings are other
people's.
The control's one difference is ours: its goal stands in another cell each episode.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from turncoat.core import TrainReport, TurncoatError
from turncoat.train.base import TrainedRecipe
from turncoat.worlds.stock import published
from turncoat.worlds.stock.world import make, make_sibling

if TYPE_CHECKING:
    from turncoat.models.stock_policy import StockPolicy

SETTINGS, KEY = "rl_zoo3/hyperparams/ppo.yml", "MiniGrid-Empty-Random-5x5-v0"
SETTINGS_SHA256 = "3eb424c8918941d6a876417b00fe884b44be24e4642e0561ba853de7c604a88f"
TAKEN = (
    "n_steps", "batch_size", "gae_lambda", "gamma", "n_epochs", "ent_coef", "learning_rate", "clip_range",
)  # fmt: skip
FIRST_SEED = 5_013  # of training; the pilots used single digits, and a first round on eight environments 5000 to 5004


@dataclass(frozen=True)
class StockPPO(TrainedRecipe["StockPolicy"]):
    """Seed s trains on environment s modulo their number. `view`: see `turncoat.worlds.stock`;
    `normalize`: the published VecNormalize of observations and rewards; `random_goal`: the control."""

    environments: tuple[str, ...]
    view: str = "egocentric"
    timesteps: int = 100_000
    normalize: bool = True
    random_goal: bool = False

    kind: ClassVar[str] = "StockPPO"
    version: ClassVar[int] = 2

    @property
    def updates(self) -> int:
        return self.timesteps

    def smoke(self, limit: int) -> StockPPO:
        """Cut to `limit` rollouts of the published length."""
        return replace(self, timesteps=min(self.timesteps, 1024 * limit))

    def place_of(self, seed: int) -> int:
        return seed % len(self.environments)

    def environment_of(self, seed: int) -> str:
        return self.environments[self.place_of(seed)]

    def training_environment(self, environment: str) -> Any:  # Any: an environment, as the trainer takes it
        return make(environment, self.view, self.random_goal)

    def build(self) -> StockPolicy:
        raise NotImplementedError("stable-baselines3 builds the network")

    def load(self, arrays: Mapping[str, np.ndarray]) -> StockPolicy:
        """Raises TurncoatError where they belong to another recipe."""
        from turncoat.models.stock_policy import StockPolicy

        weights = dict(arrays)
        try:
            (place,) = weights.pop("environment").tolist()
            sizes = StockPolicy.sizes(weights)
            subject = StockPolicy(self.environments, place, self.view, *sizes, self.normalize)
        except (KeyError, IndexError, ValueError):
            raise TurncoatError("stored weights do not fit this recipe; delete the run and train it again") from None
        return subject.restore(weights)

    def train(self, seed: int) -> Iterator[TrainReport]:
        import torch
        from stable_baselines3 import PPO
        from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor, VecNormalize

        settings, environment = published.settings(), self.environment_of(seed)
        published.check_packages(environment)
        training_seed = FIRST_SEED + seed // len(self.environments)

        makers = [lambda: self.training_environment(environment)] * settings["n_envs"]
        vector: Any = DummyVecEnv(makers)  # Any: one wrapper after another
        vector.seed(training_seed)
        vector = VecMonitor(vector)
        if self.normalize:
            vector = VecNormalize(vector, gamma=settings["gamma"])
        chosen = {name: settings[name] for name in TAKEN}
        torch.manual_seed(training_seed)
        model = PPO(settings["policy"], vector, seed=training_seed, device="cpu", **chosen)
        parts = 10
        for part in range(parts):
            until = self.timesteps * (part + 1) // parts
            if until > model.num_timesteps:
                model.learn(until - model.num_timesteps, reset_num_timesteps=part == 0)
            recent = list(model.ep_info_buffer or ())
            metrics = {"return": float(np.mean([one["r"] for one in recent])) if recent else 0.0}
            if part + 1 < parts:
                yield TrainReport(min(model.num_timesteps, self.timesteps), self.timesteps, metrics)
        yield TrainReport(self.timesteps, self.timesteps, metrics, self.subject_of(model, vector, seed))

    def subject_of(self, model: Any, vector: Any, seed: int) -> StockPolicy:  # Any: the trainer is imported where used
        """The trained policy without its trainer."""
        import torch

        from turncoat.models.stock_policy import StockPolicy

        policy = model.policy
        layers = [policy.mlp_extractor.policy_net[0], policy.mlp_extractor.policy_net[2], policy.action_net]
        sizes = layers[0].in_features, layers[2].out_features
        subject = StockPolicy(self.environments, self.place_of(seed), self.view, *sizes, self.normalize)
        for place, layer in zip((0, 2, 4), layers, strict=True):
            subject.module[place].load_state_dict(layer.state_dict())
        if self.normalize:
            subject.module.mean.copy_(torch.as_tensor(vector.obs_rms.mean))
            subject.module.variance.copy_(torch.as_tensor(vector.obs_rms.var))
        return subject


@dataclass(frozen=True)
class SiblingPPO(StockPPO):
    """Trained in the registered sibling of each environment, with start and goal anywhere: its authors' own control."""

    kind: ClassVar[str] = "SiblingPPO"
    version: ClassVar[int] = 1

    def training_environment(self, environment: str) -> Any:  # Any: as above
        return make_sibling(environment, self.view)
