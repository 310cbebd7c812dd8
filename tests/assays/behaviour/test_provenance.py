"""Provenance: silent on what is installed, loud on each kind of planted edit."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from extras import needs
from turncoat import installed
from turncoat.assays.behaviour.provenance import Provenance
from turncoat.core import Traces
from turncoat.worlds.stock import minigrid, published
from turncoat.worlds.stock.rooms import register_environments
from turncoat.worlds.stock.world import StockEnvironments

ROOM = "MiniGrid-Empty-5x5-v0"


@dataclass(frozen=True)
class Trained:
    environment: str = ROOM
    view: str = "egocentric"


@pytest.fixture(autouse=True)
def fresh_look() -> Iterator[None]:
    needs("stock", "minigrid")
    register_environments("minigrid")
    installed.pypi_package.cache_clear()
    yield
    installed.pypi_package.cache_clear()


def observed(environment: str = ROOM) -> Traces:
    return Provenance().observe(Trained(environment), StockEnvironments(), 0)


def changed(traces: Traces) -> list[str]:
    return [str(what) for what, good in zip(traces["what"], traces["as_published"], strict=True) if not good]


@pytest.mark.parametrize("environment", [ROOM, "MiniGrid-DoorKey-5x5-v0", "MiniHack-Room-5x5-v0"])
def test_what_is_installed_is_as_published(environment: str) -> None:
    traces = observed(environment)
    assert changed(traces) == [] and Provenance().readout("published").estimate(traces) == 1
    assert any(environment in what for what in traces["what"])


def test_an_edited_file_of_a_package_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One byte more in a copy of a package that is otherwise as installed."""
    package = installed.pypi_package("minigrid", "3.2.0")
    for file in package.files or ():
        if ".." not in file.parts and file.suffix != ".pyc":
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(Path(str(file.locate())), tmp_path / file)
    installed.pypi_package.cache_clear()
    monkeypatch.syspath_prepend(tmp_path)
    assert published.package_entry("minigrid", "3.2.0")[2]
    with (tmp_path / "minigrid/envs/empty.py").open("a") as file:
        file.write("\n")
    installed.pypi_package.cache_clear()
    what, found, good = published.package_entry("minigrid", "3.2.0")
    assert not good and "minigrid/envs/empty.py" in found and "make stock" in found


def test_a_method_that_is_put_over_the_published_one_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from minigrid.envs import EmptyEnv

    monkeypatch.setattr(EmptyEnv, "_reward", lambda self: 2.0)
    traces = observed()
    assert changed(traces) == ["minigrid.envs.empty.EmptyEnv"]
    assert Provenance().readout("published").estimate(traces) < 1


def test_a_method_of_one_instance_and_a_wrapper_of_ours_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def make_changed(environment: str, view: str) -> Any:
        env = minigrid.make(environment, view)
        env.unwrapped.step = lambda action: (None, 0.0, True, False, {})
        return env

    monkeypatch.setattr(published, "make", make_changed)
    assert changed(observed()) == ["minigrid.envs.empty.EmptyEnv"]
    monkeypatch.setattr(published, "make", minigrid.make_with_random_goal)
    (found,) = changed(observed())
    assert found.startswith("turncoat.") and found.endswith("RandomGoal")


def test_another_file_of_settings_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "SETTINGS_SHA256", hashlib.sha256(b"").hexdigest())
    (found,) = changed(observed())
    assert found.startswith("rl_zoo3/hyperparams/ppo.yml")
