"""House rules, each checked by the tool that owns it; its output is shown where it objects."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from paths import ROOT

TOOLS = Path(sys.executable).parent


@pytest.mark.parametrize(
    "command",
    [("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",), ("lint-imports",)],
    ids=["style", "format", "types", "imports"],
)
def test_house_rules(command: tuple[str, ...]) -> None:
    name, *arguments = command
    done = subprocess.run([TOOLS / name, *arguments], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.fail(f"{' '.join(command)}\n{done.stdout}{done.stderr}", pytrace=False)
