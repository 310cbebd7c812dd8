"""A user's own agent: a policy that stable-baselines3 has saved, with the VecNormalize statistics saved beside it.

Both files hold pickles, and unpickling runs whatever code they name. So `read` looks at a saved policy without
unpickling anything, and only `load` unpickles.
"""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from turncoat.boundary import user_code
from turncoat.core import TurncoatError

if TYPE_CHECKING:
    from gymnasium import spaces
    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.vec_env import VecNormalize

TOLD_BY = {"DQN": "exploration_fraction", "PPO": "clip_range", "A2C": "normalize_advantage"}  # the first that is there
ALGORITHMS = tuple(TOLD_BY)
SURE = 1000.0  # logit of a greedy action: more than any noise
UNUSED = {"learning_rate": 0.0, "lr_schedule": 0.0, "clip_range": 0.0, "buffer_size": 1}  # by who does not train
MEND = "stable-baselines3 is not installed; run `make stock`, or install the extra `turncoat[stock]`"

Observations = np.ndarray | dict[str, np.ndarray]


@dataclass(frozen=True)
class SavedPolicy:
    """What a file says of itself. `algorithm`: PPO, A2C or DQN, or "" where it cannot be told; `version`: of the
    stable-baselines3 that wrote it."""

    path: Path
    algorithm: str
    version: str


def read(path: Path) -> SavedPolicy:
    """Raises TurncoatError where there is no such file, where stable-baselines3 did not write it, or where its actions
    are not discrete."""
    try:
        with zipfile.ZipFile(path) as archive:
            data = json.loads(archive.read("data"))
            version = archive.read("_stable_baselines3_version").decode()
        kind, home = data["action_space"][":type:"].strip("<'>").split(".")[-1], data["policy_class"]["__module__"]
    except OSError as error:
        raise TurncoatError(f"{path} cannot be read: {error.strerror or error}") from None
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError):
        raise TurncoatError(f"{path} is not a .zip that stable-baselines3 has saved") from None
    if kind != "Discrete":
        raise TurncoatError(f"{path}: its actions are a {kind}; only those of a Discrete space can be surveyed")
    theirs = home.startswith("sb3_contrib")  # whose algorithms have the same settings and other policies
    told = [name for name, setting in TOLD_BY.items() if setting in data and not theirs]
    return SavedPolicy(path, told[0] if told else "", version)


@dataclass(frozen=True)
class SB3Agent:
    """Acts as stable-baselines3's own `predict` does: an actor-critic draws from its distribution, DQN is greedy.

    `environment`: an id; `view`: of which of its views the observations are; `statistics`: the VecNormalize that
    observations go through first, or none.
    """

    environment: str
    algorithm: str
    model: BaseAlgorithm
    statistics: VecNormalize | None = None
    view: str = ""

    @property
    def space(self) -> spaces.Space[np.ndarray]:
        """Of the observations that it was trained on, images with their channels first."""
        return self.model.observation_space

    @property
    def actions(self) -> int:
        """How many actions there are."""
        return int(self.model.action_space.n)  # type: ignore[attr-defined]  # `read` lets no other space through

    @property
    def greedy(self) -> bool:
        return self.algorithm == "DQN"

    def seeing(self, view: str) -> SB3Agent:
        """The same agent, whose observations are of that view."""
        return replace(self, view=view)

    def logits(self, observations: Observations) -> np.ndarray:
        """Action logits [n, A] of observations as the environment gives them, [n, ...] or a dict of such; those of a
        view are vectors [n, features], and are given the shape that the agent was trained on."""
        import torch
        from stable_baselines3.common.policies import ActorCriticPolicy
        from stable_baselines3.dqn.policies import DQNPolicy

        given = self.shaped(observations)
        if self.statistics is not None:
            given = self.statistics.normalize_obs(given)
        policy = self.model.policy
        with torch.no_grad():
            tensors, _ = policy.obs_to_tensor(given)
            if isinstance(policy, DQNPolicy):
                values = policy.q_net(tensors).numpy()
                return SURE * (np.arange(values.shape[1]) == values.argmax(1, keepdims=True))
            assert isinstance(policy, ActorCriticPolicy)  # `load` lets no other through
            chosen = policy.get_distribution(tensors).distribution
            assert isinstance(chosen, torch.distributions.Categorical)  # nor `read` actions of another kind
            logits: np.ndarray = chosen.logits.numpy()
        return logits

    def shaped(self, observations: Observations) -> Observations:
        if isinstance(observations, dict) or observations.shape[1:] == self.space.shape:
            return observations
        if (one := only_part(self.space)) is not None:
            return {one[0]: observations.reshape(-1, *raw_shape(one[1]))}
        return observations.reshape(-1, *raw_shape(self.space))


def load(saved: SavedPolicy, environment: str, algorithm: str = "", statistics: Path | None = None) -> SB3Agent:
    """The agent. Runs the code that the pickles in the files name. `algorithm` stands in where the file does not tell.

    Raises TurncoatError where stable-baselines3 is not installed, a file cannot be loaded, the algorithm is none of
    those known, or the statistics are of other observations."""
    name = algorithm or saved.algorithm
    if name not in ALGORITHMS:
        raise TurncoatError(
            f"{saved.path}: which algorithm trained it cannot be told; give --algorithm {', '.join(ALGORITHMS)}"
        )
    check_installed()
    import stable_baselines3
    from stable_baselines3.common.policies import ActorCriticPolicy
    from stable_baselines3.dqn.policies import DQNPolicy

    with user_code(lambda: str(saved.path)):
        model = getattr(stable_baselines3, name).load(saved.path, device="cpu", custom_objects=UNUSED)
    model.policy.set_training_mode(False)
    if not isinstance(model.policy, DQNPolicy if name == "DQN" else ActorCriticPolicy):
        raise TurncoatError(f"{saved.path}: its policy, {type(model.policy).__name__}, is not one of {name}")
    agent = SB3Agent(environment, name, model)
    return agent if statistics is None else replace(agent, statistics=load_statistics(statistics, agent))


def check_installed() -> None:
    """Raises TurncoatError where stable-baselines3 is not installed."""
    import importlib.util

    if importlib.util.find_spec("stable_baselines3") is None:
        raise TurncoatError(MEND)


def load_statistics(path: Path, agent: SB3Agent) -> VecNormalize:
    """Raises TurncoatError where the file holds none, or those of other observations."""
    from stable_baselines3.common.vec_env import VecNormalize

    try:
        with user_code(lambda: str(path)):
            found = pickle.loads(path.read_bytes())
    except OSError as error:
        raise TurncoatError(f"{path} cannot be read: {error.strerror or error}") from None
    if not isinstance(found, VecNormalize):
        raise TurncoatError(f"{path} holds no VecNormalize, but {type(found).__name__}")
    if not matches(agent.space, found.observation_space):
        raise TurncoatError(
            f"{path} is of observations {described(found.observation_space)}, and the agent's are "
            f"{described(agent.space)}"
        )
    return found


# -- observation spaces ------------------------------------------------------------------------------------------------


def raw_shape(space: spaces.Space[np.ndarray]) -> tuple[int, ...]:
    """The shape of one observation before stable-baselines3 puts an image's channels first."""
    from gymnasium.spaces import Box
    from stable_baselines3.common.preprocessing import is_image_space, is_image_space_channels_first

    shape = tuple(space.shape or ())
    if isinstance(space, Box) and is_image_space(space) and is_image_space_channels_first(space):
        return (*shape[1:], shape[0])
    return shape


def only_part(space: spaces.Space[np.ndarray]) -> tuple[str, spaces.Space[np.ndarray]] | None:
    """Name and space of the one part of a dict; None where it is no dict or has more parts."""
    parts: Mapping[str, spaces.Space[np.ndarray]] = getattr(space, "spaces", {})
    return next(iter(parts.items())) if isinstance(parts, dict) and len(parts) == 1 else None


def matches(own: spaces.Space[np.ndarray], other: spaces.Space[np.ndarray]) -> bool:
    """Whether observations of the other space can be given to an agent of its own."""
    from gymnasium import spaces

    if isinstance(own, spaces.Dict) and isinstance(other, spaces.Dict):
        return own.keys() == other.keys() and all(matches(own[name], other[name]) for name in own)
    if isinstance(own, spaces.Box) and isinstance(other, spaces.Box):
        return other.shape in (own.shape, raw_shape(own))
    return own == other


def described(space: spaces.Space[np.ndarray]) -> str:
    """A space's shape in words."""
    from gymnasium import spaces

    if isinstance(space, spaces.Dict):
        return "{" + ", ".join(f"{name}: {described(part)}" for name, part in space.items()) + "}"
    return f"of shape {space.shape}" if isinstance(space, spaces.Box) else str(space)
