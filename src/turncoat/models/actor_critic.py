"""What `train.rl.ppo` asks of a network: a policy and a value for what is observed, and memory where it has any."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol, runtime_checkable

from torch import Tensor, nn


class ActorCritic(Protocol):
    """A network with a policy over A actions and a value function (an nn.Module, called through `forward`)."""

    @property
    def autocast_bfloat16(self) -> bool:
        """Whether training may multiply in bfloat16; logits and values stay float32."""
        ...

    def __call__(self, seen: Mapping[str, Tensor], hidden: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
        """(logits [n, A], value [n], next hidden state [n, H], or None without memory) of n observations."""
        ...

    def initial_hidden(self, n: int) -> Tensor | None:
        """The hidden state [n, H] that episodes begin with; None without memory."""
        ...

    def parameters(self) -> Iterator[nn.Parameter]: ...


@runtime_checkable
class RecurrentActorCritic(ActorCritic, Protocol):
    """An actor-critic that can run its memory over whole sequences at once."""

    def unroll(self, seen: Mapping[str, Tensor], hidden: Tensor, done: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [T, n, A] and values [T, n] of T steps from `hidden` [n, H]; the hidden state begins anew after each
        step that is `done` [T, n]."""
        ...
