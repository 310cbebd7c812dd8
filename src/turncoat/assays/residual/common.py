"""Subjects that compute by repeated residual steps, and what their worlds give the assays that look at those steps.

    state = enter(inputs);  state = block(k, state) for k < depth;  answer(state) at any time

The state is [n, T, width]: T tokens, 1 for a classifier. Assays import this module inside `observe`, so that a
catalogue can be listed without loading PyTorch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from turncoat.core import NotTestable


class Items(Protocol):
    """n tasks: `inputs` [n, ...] what `enter` takes; `target` [n] a class, or [n, out] numbers; `code` [n, T, c], what
    the loss is told, per token: one-hot class for a classifier; labels of the context, 0 for the query."""

    @property
    def inputs(self) -> np.ndarray: ...
    @property
    def target(self) -> np.ndarray: ...
    @property
    def code(self) -> np.ndarray: ...


class Poser(Protocol):
    """A world that poses such items. Conditions are those of its `rollout`."""

    def items(self, n: int, rng: np.random.Generator, condition: Mapping[str, Any]) -> Items: ...

    def loss(self, answer: Tensor, target: Tensor) -> Tensor:
        """[n] what training makes small, from answers [n, out] and targets."""
        ...


class Iterative(Protocol):
    """A subject of `depth` blocks; `tied`: one block for all, which may be run on (the block's index is ignored)."""

    @property
    def depth(self) -> int: ...
    @property
    def tied(self) -> bool: ...

    def enter(self, inputs: Tensor) -> Tensor:
        """State before the first block, [n, T, width]."""
        ...

    def block(self, k: int, state: Tensor) -> Tensor:
        """State after block k, residual included."""
        ...

    def answer(self, state: Tensor) -> Tensor:
        """What the state says now, [n, out]: logits, or a prediction."""
        ...


def iterating(subject: Any, world: Any) -> tuple[Iterative, Poser]:
    """Both, where they are what these assays take. Raises NotTestable."""
    if not all(hasattr(subject, name) for name in ("depth", "tied", "enter", "block", "answer")):
        raise NotTestable("it does not compute by repeated residual steps")
    if not all(hasattr(world, name) for name in ("items", "loss")):
        raise NotTestable("its world has no items with a loss that can be differentiated")
    return subject, world


def tensors(items: Items) -> tuple[Tensor, Tensor, Tensor]:
    """inputs, target and code."""
    return torch.from_numpy(items.inputs), torch.from_numpy(items.target), torch.from_numpy(items.code)


def run(mind: Iterative, state: Tensor, first: int, stop: int) -> Tensor:
    """The state after blocks `first` to `stop` - 1."""
    for k in range(first, stop):
        state = mind.block(k, state)
    return state


def score(answer: Tensor, target: Tensor, poser: Poser) -> float:
    """How good answers are, 0 to 1: the share of right classes; of numbers, 1 - loss over that of their mean."""
    if target.ndim == 1:
        return float((answer.argmax(1) == target).double().mean())
    constant = poser.loss(target.mean(0).expand_as(target), target).mean()
    return float((1 - poser.loss(answer, target).mean() / constant).nan_to_num(0).clamp(0, 1))
