"""What all training has in common: a seeded start, reports at even spacing, smoke runs, loading, and parents.

A recipe's algorithm is whole in its own file, in its method `train`. Nothing here imports PyTorch before it is used, so
that a catalogue can be listed without it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

import numpy as np

from turncoat.core import Recipe, Subject, TrainReport

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer

    from turncoat.models.base import TorchSubject

S = TypeVar("S", bound="Subject")
T = TypeVar("T", bound="TorchSubject")

REPORTS = 50  # progress reports in a training run, about


class TrainedRecipe(Generic[T]):
    """A recipe that trains a network from nothing: a frozen dataclass adds its fields, `kind`, `version`, `build` and
    `train`. Training takes `updates` updates."""

    unit: ClassVar[str] = "training run"

    @property
    def updates(self) -> int:
        raise NotImplementedError

    def build(self) -> T:
        """The untrained subject, its weights drawn from PyTorch's global generator."""
        raise NotImplementedError

    def initialize(self, seed: int) -> T:
        """The untrained subject of a seed. The caller's random numbers are left as they were."""
        from turncoat.models.base import seeded

        with seeded(seed):
            return self.build()

    def load(self, arrays: Mapping[str, np.ndarray]) -> T:
        """The subject with stored weights. Raises TurncoatError where they belong to another recipe."""
        return self.build().restore(arrays)

    def smoke(self, limit: int) -> Self:
        """The same recipe cut to `limit` updates: checks that it runs, says nothing else."""
        return replace(self, updates=min(limit, self.updates))  # type: ignore[type-var]  # subclasses are dataclasses


class ContinuedRecipe(TrainedRecipe[T]):
    """A recipe that trains the subject of another one, its field `parent`, further."""

    parent: Any  # a ContinuedRecipe or another TrainedRecipe of the same kind of subject; subclasses narrow it

    def build(self) -> T:
        built: T = self.parent.build()
        return built

    def smoke(self, limit: int) -> Self:
        """The same recipe and its parent, each cut to `limit` updates."""
        return replace(super().smoke(limit), parent=self.parent.smoke(limit))  # type: ignore[type-var]

    def begin_from(self, parent: Subject | None, seed: int) -> T:
        """A copy of the parent's subject, to be trained in place; the parent is trained first where none is given."""
        begun: T = copy.deepcopy(parent or train_to_end(self.parent, seed))  # type: ignore[assignment]
        return begun


class Untrained(Generic[S]):
    """A recipe of a subject that nobody trains: a frozen dataclass adds its fields, `kind`, `version` and `load`."""

    unit: ClassVar[str] = "sample"

    def load(self, arrays: Mapping[str, np.ndarray]) -> S:
        """The subject that `arrays` came from."""
        raise NotImplementedError

    def train(self, seed: int) -> Iterator[TrainReport]:
        """The one report there is, with the subject."""
        yield TrainReport(1, 1, {}, self.load({}))


def train_to_end(recipe: Recipe, seed: int) -> Subject:
    """Train a recipe, and what it builds on; the subject that it ends with."""
    *_, last = recipe.train(seed)
    subject: Subject = last.subject
    return subject


def report_due(done: int, total: int, reports: int = REPORTS) -> bool:
    """Whether a run of `total` updates reports after `done` of them: at even spacing, about `reports` times in all."""
    return done % max(1, total // reports) == 0


def spaced_reports(training: Iterable[Mapping[str, float]], total: int) -> Iterator[TrainReport]:
    """Reports at even spacing from the metrics of each update."""
    for done, metrics in enumerate(training):
        if report_due(done, total):
            yield TrainReport(done, total, metrics)


def gradient_step(optimizer: Optimizer, loss: Tensor, parameters: Iterable[Tensor], max_grad_norm: float = 1.0) -> None:
    """One step down the gradient of a loss, clipped to a norm."""
    import torch

    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(parameters, max_grad_norm)
    optimizer.step()


def bfloat16_is_fast() -> bool:
    """bfloat16 halves the time where the processor multiplies it, and multiplies the time where it does not."""
    import torch

    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
