"""Products that say in which language a text is: ISO 639-1 codes."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path

from turncoat.products.base import ProductSubject


class Langid(ProductSubject):
    """langid.py with all of its languages, as it is imported."""

    module = "langid"

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.rank = importlib.import_module(self.module).classify

    def classify(self, contents: Sequence[str]) -> list[str]:
        return [str(self.rank(text)[0]) for text in contents]


class Py3Langid(Langid):
    """A later fork of langid.py, with a model trained anew."""

    module = "py3langid"


class Langdetect(ProductSubject):
    """langdetect; it draws at random, and its seed is set as its README says."""

    def __init__(self, root: Path) -> None:
        from langdetect import DetectorFactory

        super().__init__(root)
        DetectorFactory.seed = 0

    def classify(self, contents: Sequence[str]) -> list[str]:
        from langdetect import LangDetectException, detect

        answers = []
        for text in contents:
            try:
                answers.append(str(detect(text)))
            except LangDetectException:
                answers.append("none")
        return answers
