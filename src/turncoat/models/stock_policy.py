"""The policy that stable-baselines3's PPO trains on vectors, without stable-baselines3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import nn

from turncoat.core import NotTestable, Session
from turncoat.models.base import TorchSubject

CLIP = 10.0  # of VecNormalize's observations
EPSILON = 1e-8


class StockPolicy(TorchSubject):
    """Two tanh layers of 64 and a linear one, behind the running mean and variance of the observations."""

    float16 = False

    def __init__(
        self, environments: Sequence[str], place: int, view: str, features: int, actions: int, normalize: bool
    ) -> None:
        """`place`: which of its recipe's environments it is of. Raises IndexError where there is none there."""
        self.environment, self.place, self.view, self.normalize = environments[place], place, view, normalize
        self.module = nn.Sequential(
            nn.Linear(features, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, actions)
        )
        self.module.register_buffer("mean", torch.zeros(features))
        self.module.register_buffer("variance", torch.ones(features))

    def logits(self, observations: np.ndarray) -> np.ndarray:
        """Action logits [n, A] of observations [n, features]."""
        seen = torch.as_tensor(observations, dtype=torch.float32)
        if self.normalize:
            scaled = (seen - self.module.mean) / torch.sqrt(self.module.variance + EPSILON)
            seen = scaled.clamp(-CLIP, CLIP)
        with torch.no_grad():
            logits: np.ndarray = self.module(seen).numpy()
        return logits

    def arrays(self) -> Mapping[str, np.ndarray]:
        """All weights by name, and which of its recipe's environments it was trained in."""
        return dict(super().arrays()) | {"environment": np.array([self.place])}

    def begin(self, n: int, seed: int) -> Session:
        """Raises NotTestable: it acts in the published environment alone, which its world steps."""
        raise NotTestable("it acts in the environment that it was trained in, and in no world of ours")

    @staticmethod
    def sizes(arrays: Mapping[str, np.ndarray]) -> tuple[int, int]:
        """Features and actions of stored weights."""
        return arrays["0.weight"].shape[1], arrays["4.weight"].shape[0]
