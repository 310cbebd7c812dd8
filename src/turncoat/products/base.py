"""A product as a subject: it is given contents, and names a class for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from turncoat.core import Access, NotTestable, Session


class ProductSubject:
    """A classifier that somebody else published. It has no weights of ours to keep: a run holds that it was asked, and
    loading it opens the installed package again."""

    access = Access.ACT

    def __init__(self, root: Path) -> None:
        """root: where the package is installed."""
        self.root = root

    def classify(self, contents: Sequence[Any]) -> list[str]:  # Any: texts, or sounds [samples]
        """The class that it names for each, in the words of the world that asks; its own word where that has none."""
        raise NotImplementedError

    def begin(self, n: int, seed: int) -> Session:
        """Raises NotTestable: it does not act."""
        raise NotTestable("it names classes, and does not act")

    def arrays(self) -> Mapping[str, np.ndarray]:
        return {}
