"""What the assays of residual models share: running their blocks, and scoring their answers.

    state = embed(inputs);  state = block(k, state) for k < depth;  unembed(state) at any time

The state is [n, T, width]: T tokens, 1 for a classifier. Assays import this module inside `observe`, so that a
catalogue can be listed without loading PyTorch.
"""

from __future__ import annotations

import torch
from torch import Tensor

from turncoat.protocols import DifferentiableTask, ResidualModel, TaskBatch


def tensors(batch: TaskBatch) -> tuple[Tensor, Tensor, Tensor]:
    """inputs, target and code."""
    return torch.from_numpy(batch.inputs), torch.from_numpy(batch.target), torch.from_numpy(batch.code)


def run_blocks(model: ResidualModel, state: Tensor, first: int, stop: int) -> Tensor:
    """The state after blocks `first` to `stop` - 1."""
    for k in range(first, stop):
        state = model.block(k, state)
    return state


def score(answer: Tensor, target: Tensor, task: DifferentiableTask) -> float:
    """How good answers are, 0 to 1: the share of right classes; of numbers, 1 - loss over that of their mean."""
    if target.ndim == 1:
        return float((answer.argmax(1) == target).double().mean())
    constant = task.loss(target.mean(0).expand_as(target), target).mean()
    return float((1 - task.loss(answer, target).mean() / constant).nan_to_num(0).clamp(0, 1))
