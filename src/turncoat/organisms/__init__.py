"""The catalogue: one file an organism. The folder is the list; a path to a file works wherever a name does."""

from __future__ import annotations

import importlib
import importlib.util
import os
import pkgutil
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from turncoat.boundary import line_of, one_line, shown, user_code
from turncoat.core import Organism, Row, TurncoatError, digest, nearest


def names() -> list[str]:
    """The names in the catalogue, without importing any of them."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


def load(source: str) -> Organism:
    """The organism of that name, or in that file. Raises TurncoatError on an unknown name or a malformed file."""
    if source in names():
        module, name = importlib.import_module(f"{__name__}.{source}"), source
    elif source.endswith(".py") or "/" in source or os.sep in source or Path(source).is_dir():
        path = Path(source)
        if not path.is_file():
            what = f"{source} is a folder" if path.is_dir() else f"there is no organism file {source}"
            raise TurncoatError(f"{what}; give a name ({', '.join(names())}) or a .py file")
        module, name = from_file(path), path.stem
    else:
        raise TurncoatError(f"there is no organism {source!r}; {nearest(source, names(), 'the catalogue has')}")
    return checked(module, name, getattr(module, "__file__", None) or source)


def from_file(path: Path) -> ModuleType:
    """Import one file. Any error in it becomes one line with the file and the line number."""
    name = f"turncoat_file_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise TurncoatError(f"{path} cannot be imported as Python; an organism is a .py file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their own module up there
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise TurncoatError(f"{one_line(error, shown(str(path)))}; mend the file") from error
    return module


def checked(module: ModuleType, name: str, file: str) -> Organism:
    """The module's organism with its name and page. Raises TurncoatError on what a run would stumble over, with the
    line of the arm, figure or claim that it lies in."""
    organism = getattr(module, "organism", None)
    if not isinstance(organism, Organism):
        raise TurncoatError(f"{shown(file)} has no `organism = Organism(...)` at module level; add one")
    if not (module.__doc__ or "").strip():
        raise TurncoatError(f"{shown(file)} has no docstring; its docstring is the organism's page, so write one")
    with user_code(lambda: line_of(file)):  # parts that are no tuples, or no arms and claims
        sound(organism, file)
    return replace(organism, name=name, doc=module.__doc__ or "")


def sound(organism: Organism, file: str) -> None:
    """Raises TurncoatError where the parts do not fit together or a recipe or an assay is not plain data."""
    arms = [arm.name for arm in organism.arms]
    if not arms or organism.arms[0].role != "organism":
        raise TurncoatError("the first arm must have the role 'organism'; put it first")
    if twice := sorted({arm for arm in arms if arms.count(arm) > 1}):
        raise TurncoatError(f"two arms are called {twice[0]!r}; rename one")
    for arm in organism.arms:
        with user_code(lambda: line_of(file, arm.name)):  # noqa: B023
            digest(arm.recipe)
    for family in organism.families:
        with user_code(lambda: line_of(file, family.title)):  # noqa: B023
            for thing in (*(arm.recipe for arm in organism.family_arms(family)), *family.readouts):
                digest(thing)
    for plot in organism.trace_plots:
        with user_code(lambda: line_of(file, plot.title)):  # noqa: B023
            digest(plot.assay)
    digest(organism.replay)
    known = {arm.name for arm in organism.all_arms()}
    for claim in organism.claims:
        with user_code(lambda: line_of(file, claim.statement)):  # noqa: B023
            digest(claim)
            for name in (claim.arm, claim.control):
                if name is not None and name not in known:
                    hint = nearest(name, sorted(known), "arms are")
                    raise TurncoatError(f"claim {claim.statement!r} names an unknown arm {name!r}; {hint}")
    for row in organism.not_applicable:
        if row not in tuple(Row):
            raise TurncoatError(f"not_applicable names an unknown row {row!r}; {nearest(row, Row, 'rows are')}")
