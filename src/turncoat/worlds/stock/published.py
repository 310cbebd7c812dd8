"""What of the survey is other people's: packages at fixed releases, a file of settings, and the code of an environment.

Every file of a package is checked against the record that it was installed with. torch, numpy and Python are pinned by
the project's lock, and not read file by file.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from turncoat.core import TurncoatError
from turncoat.installed import check_files, pypi_package
from turncoat.worlds.stock.world import make

TRAINER = (("stable-baselines3", "2.9.2"), ("gymnasium", "1.4.0"), ("rl-zoo3", "2.9.2"))
SUITES = {"MiniGrid": (("minigrid", "3.2.0"),), "MiniHack": (("minihack", "1.0.2"), ("nle", "1.3.0"))}
SETTINGS, KEY = "rl_zoo3/hyperparams/ppo.yml", "MiniGrid-Empty-Random-5x5-v0"
SETTINGS_SHA256 = "3eb424c8918941d6a876417b00fe884b44be24e4642e0561ba853de7c604a88f"
MODULES = ("gymnasium", "minigrid", "minihack", "nle")  # whose code an environment may be of
MEND = "run `make stock`"

Entry = tuple[str, str, bool]  # what, how it was found, and whether it is as published


def suite_of(environment: str) -> str:
    """ "MiniGrid" or "MiniHack", or whatever else an id begins with."""
    return environment.partition("-")[0]


def packages_of(environment: str) -> tuple[tuple[str, str], ...]:
    """Name and release of each package that a training in an environment takes."""
    return TRAINER + SUITES[suite_of(environment)]


def check_packages(environment: str) -> None:
    """Raises TurncoatError where one is missing, of another release, or changed after it was installed."""
    for name, version in packages_of(environment):
        pypi_package(name, version, MEND)


def settings() -> Mapping[str, Any]:
    """The RL Zoo's settings of MiniGrid, from the installed package. Raises TurncoatError where it is not installed, or
    the file is another one."""
    import yaml

    package = pypi_package("rl-zoo3", dict(TRAINER)["rl-zoo3"], MEND)
    check_files(Path(str(package.locate_file(""))), [(SETTINGS, SETTINGS_SHA256)], MEND)
    text = Path(str(package.locate_file(SETTINGS))).read_text(encoding="utf-8")
    found: Mapping[str, Any] = yaml.safe_load(text)[KEY]
    return found


def manifest(environment: str, view: str) -> list[Entry]:
    """What a training consists of, and whether each part is as it was published."""
    entries = [package_entry(name, version) for name, version in packages_of(environment)]
    try:
        settings()
        entries.append((f"{SETTINGS}, key {KEY}", f"SHA-256 {SETTINGS_SHA256}", True))
    except TurncoatError as error:
        entries.append((f"{SETTINGS}, key {KEY}", str(error), False))
    return entries + list(code_entries(make(environment, view)))


def package_entry(name: str, version: str) -> Entry:
    try:
        package = pypi_package(name, version, MEND)
    except TurncoatError as error:
        return f"{name} {version}", str(error), False
    record = hashlib.sha256((package.read_text("RECORD") or "").encode()).hexdigest()
    return f"{name} {version}", f"{len(package.files or ())} files, SHA-256 of their record {record}", True


def code_entries(env: Any) -> Iterator[Entry]:  # Any: an environment, and its wrappers
    """The id with the options that were given, and each wrapper by import path: is all that they do in files of those
    packages?"""
    if (spec := env.unwrapped.spec) is not None:
        entry = str(spec.entry_point)
        yield f"id {spec.id}", f"entry point {entry}, {dict(spec.kwargs)}", entry.split(".")[0] in MODULES
    roots = tuple(str(Path(found).parent) for found in map(package_file, MODULES) if found)
    while True:
        kind = type(env)
        functions = {
            f"{base.__qualname__}.{name}": value for base in kind.__mro__ for name, value in vars(base).items()
        }
        functions |= {f"its own {name}": value for name, value in vars(env).items()}
        foreign = [name for name, value in functions.items() if is_foreign(value, roots)]
        yield f"{kind.__module__}.{kind.__qualname__}", ", ".join(foreign) or "all in its package", not foreign
        if env is env.unwrapped:
            return
        env = env.env


def is_foreign(value: object, roots: tuple[str, ...]) -> bool:
    """Whether it is a function that is defined in no file below the roots, nor in Python itself."""
    function = getattr(value, "__func__", value)
    if not inspect.isfunction(function) or function.__module__.partition(".")[0] in sys.stdlib_module_names:
        return False
    return not function.__code__.co_filename.startswith(roots)


def package_file(module: str) -> str | None:
    found = importlib.util.find_spec(module)
    return found.origin if found else None
