"""The published language model as it is, and with its weights drawn anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from turncoat.train.base import Untrained, bfloat16_is_fast

if TYPE_CHECKING:
    from turncoat.models.instruct import InstructModel


def published_model(adapted: int, rank: int) -> InstructModel:
    """The published model with new adapters beside its last layers, computed with as fast as the processor can. Raises
    TurncoatError where the extra is not installed."""
    import torch

    from turncoat.models.instruct import InstructModel

    return InstructModel.build(adapted, rank, torch.bfloat16 if bfloat16_is_fast() else torch.float32)


@dataclass(frozen=True)
class PublishedModel(Untrained["InstructModel"]):
    """SmolLM2-135M-Instruct, with nothing trained and nothing stored."""

    kind: ClassVar[str] = "PublishedModel"
    version: ClassVar[int] = 1

    def data(self) -> dict[str, str]:
        """The published model's digest."""
        from turncoat.models.smollm import SHA256

        return {"model": SHA256}

    def load(self, arrays: Mapping[str, np.ndarray]) -> InstructModel:
        """Raises TurncoatError where the extra is not installed."""
        return published_model(adapted=0, rank=1).restore(arrays)


@dataclass(frozen=True)
class RedrawnModel(PublishedModel):
    """A network of the same shape, with weights as they are before any training."""

    kind: ClassVar[str] = "RedrawnModel"
    version: ClassVar[int] = 1

    def load(self, arrays: Mapping[str, np.ndarray]) -> InstructModel:
        """Raises TurncoatError where the extra is not installed."""
        return super().load(arrays).reinitialized(0)
