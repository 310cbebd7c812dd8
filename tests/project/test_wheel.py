"""The wheel, installed into an empty environment and used from another folder."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from paths import ROOT

PYTHON = Path("Scripts" if os.name == "nt" else "bin") / "python"
SUBJECT = "import turncoat as tc; assert len(tc.rollout(tc.subject('coin_run'), 3, world='coin_run')) == 3"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that has the wheel, and borrows this one's other packages."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet"]
    subprocess.run([*pip, "wheel", ROOT, "--no-deps", "--no-build-isolation", "-w", folder], check=True)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "env")
    python = folder / "env" / PYTHON
    subprocess.run([*pip, "--python", python, "install", "--no-deps", wheel], check=True)
    (packages,) = (folder / "env").rglob("site-packages")
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib"))  # its own .pth files are not followed
    for path in [packages, *packages.rglob("*")]:
        path.chmod(path.stat().st_mode & ~0o222)
    return python


def turncoat(python: Path, cwd: Path, *command: str) -> str:
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run([python, *command], cwd=cwd, env=env, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_works_outside_a_checkout(installed: Path, tmp_path: Path) -> None:
    (packages,) = installed.parents[1].rglob("site-packages")
    before = sorted(packages.rglob("*"))
    where = turncoat(installed, tmp_path, "-c", "import turncoat; print(turncoat.__file__)")
    assert Path(where.strip()).is_relative_to(packages)
    for command, says in (
        (["table"], "Traces from: zoo"),
        (["table", "coin_run"], "correct_reward"),
        (["play", "coin_run"], "step"),
        (["report", "coin_run"], "index.html"),
        (["verify", "coin_run", "--seeds", "1", "-j", "1"], "observed afresh agree"),
    ):
        assert says in turncoat(installed, tmp_path, "-m", "turncoat", *command)
    turncoat(installed, tmp_path, "-c", SUBJECT)
    assert (tmp_path / "site" / "coin_run.html").is_file()
    assert sorted(packages.rglob("*")) == before  # nothing is written there: it may be read-only
