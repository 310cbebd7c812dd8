"""What a product did on each item that it was asked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Items:
    """One number an item. Items made from one template are alike, and count as one cluster.

    values: [n], 0 or 1 (it did, or did not); with `paired`, the difference of two of these on one matched item: -1, 0
    or 1. templates: [n], the name of the template that each was made from. Raises ValueError on anything else."""

    values: np.ndarray
    templates: np.ndarray
    paired: bool = False

    def __post_init__(self) -> None:
        if len(self.values) != len(self.templates):
            raise ValueError(f"{len(self.values)} values of {len(self.templates)} items")
        allowed = (-1, 0, 1) if self.paired else (0, 1)
        if strange := sorted(set(np.unique(self.values).tolist()) - set(allowed)):
            raise ValueError(f"an item's value is one of {allowed}, not {strange[0]}")

    def __len__(self) -> int:
        return len(self.values)

    @property
    def mean(self) -> float:
        """The share of items, or the difference of two shares; NaN where there is no item."""
        return float(self.values.mean()) if len(self) else float("nan")

    def template_means(self) -> dict[str, float]:
        """The mean over the items of each template, by its name."""
        return {str(name): float(self.values[self.templates == name].mean()) for name in np.unique(self.templates)}

    def minus(self, other: Items) -> Items:
        """Item by item what the same items gave here and not there. Raises ValueError where these are not the same
        items, or are differences already."""
        if self.paired or other.paired:
            raise ValueError("a difference of differences has no exact bounds; compare shares")
        if not np.array_equal(self.templates, other.templates):
            raise ValueError("the two were not asked the same items")
        return Items(self.values.astype(int) - other.values.astype(int), self.templates, paired=True)

    @staticmethod
    def concat(parts: list[Items]) -> Items:
        """All items of several samples from the same templates."""
        return Items(
            np.concatenate([part.values for part in parts]),
            np.concatenate([part.templates for part in parts]),
            any(part.paired for part in parts),
        )
