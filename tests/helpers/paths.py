"""Where things are that tests use."""

from __future__ import annotations

from pathlib import Path

HELPERS = Path(__file__).parent
ROOT = HELPERS.parents[1]
ZOO = ROOT / "zoo"
EXAMPLE = ROOT / "docs" / "examples" / "absent_supervisor.py"
TOY = HELPERS / "toy.py"  # an organism that trains in no time, without torch
TOY_DESIGNS = HELPERS / "toy_designs.py"
TOY_FAMILY = HELPERS / "toy_family.py"
TOY_LAYOUT = HELPERS / "toy_layout.py"
