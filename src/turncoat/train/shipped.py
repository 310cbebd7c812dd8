"""A product as somebody else shipped it: nothing is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from turncoat.products.catalogue import Product, listing
from turncoat.train.base import Untrained

if TYPE_CHECKING:
    from turncoat.products.base import ProductSubject


@dataclass(frozen=True)
class Shipped(Untrained["ProductSubject"]):
    """A published package, pinned by release and by the hashes of what decides its answers. There is one of it: a seed
    draws the items that it is asked, and the item is what is judged."""

    product: Product

    kind: ClassVar[str] = "Shipped"
    version: ClassVar[int] = 1
    unit: ClassVar[str] = "item"

    def load(self, arrays: Mapping[str, np.ndarray]) -> ProductSubject:
        """Raises TurncoatError where it is not installed as it was published."""
        return listing(self.product).open()
