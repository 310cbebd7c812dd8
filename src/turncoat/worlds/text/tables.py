"""Texts that worlds ask with, kept as data beside them in TOML."""

from __future__ import annotations

import hashlib
import tomllib
from functools import cache
from importlib import resources
from typing import Any


@cache
def source(name: str) -> str:
    """A file of this room as it is written."""
    return resources.files(__package__).joinpath(name).read_text("utf-8")


@cache
def table(name: str) -> dict[str, Any]:
    """What it holds."""
    return tomllib.loads(source(name))


def digest(name: str) -> str:
    """Sixteen hex digits that name what it holds."""
    return hashlib.sha256(source(name).encode()).hexdigest()[:16]
