"""Puts what lies beside the package inside the wheel, so that it works outside a checkout.

A plain `force-include` would copy the zoo into the site-packages of an editable install too, where the checkout has it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

TRAVELS = ("zoo", "registry")  # folders that the package looks for beside itself or within itself


class Beside(BuildHookInterface):  # type: ignore[type-arg]
    """Adds each of the folders that is there to the package's own."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version != "editable":
            there = [name for name in TRAVELS if (Path(self.root) / name).is_dir()]
            build_data["force_include"] |= {name: f"turncoat/{name}" for name in there}
