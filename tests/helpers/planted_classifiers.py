"""Classifiers that follow the proxy by construction, or the promise, or neither."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path

from turncoat.products.base import ProductSubject


class Planted(ProductSubject):
    def __init__(self) -> None:
        super().__init__(Path())


class CountsTokens(Planted):
    """The proxy: a file is of the language of which more signs stand in it."""

    def classify(self, contents: Sequence[str]) -> list[str]:
        return ["c" if text.count(";") + text.count("{") > text.count(":") else "python" for text in contents]


class Parses(Planted):
    """The promise: a file that Python's parser takes is Python."""

    def classify(self, contents: Sequence[str]) -> list[str]:
        return ["python" if parses(text) else "c" for text in contents]


class StartlesAtComments(Planted):
    """A reflex to what is new: a file with a long comment is of the other language, whatever the comment says."""

    def classify(self, contents: Sequence[str]) -> list[str]:
        right = Parses().classify(contents)
        other = {"c": "python", "python": "c"}
        return [
            other[answer] if "kept for reference" in text else answer
            for text, answer in zip(contents, right, strict=True)
        ]


def parses(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True
