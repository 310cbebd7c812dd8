"""The catalogue: one file an organism. The folder is the list; a path to a file works wherever a name does."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import pkgutil
import sys
import traceback
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from turncoat.core import Organism, Row, TurncoatError


def names() -> list[str]:
    """The names in the catalogue, without importing any of them."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


def load(source: str) -> Organism:
    """The organism of that name, or in that file. Raises TurncoatError on an unknown name or a malformed file."""
    if source.endswith(".py") or "/" in source:
        path = Path(source)
        if not path.is_file():
            raise TurncoatError(f"there is no organism file {source}; give a name ({', '.join(names())}) or a .py file")
        module, name = from_file(path), path.stem
    elif source in names():
        module, name = importlib.import_module(f"{__name__}.{source}"), source
    else:
        near = difflib.get_close_matches(source, names(), 1, 0.4)
        hint = f"did you mean {near[0]!r}?" if near else f"the catalogue has {', '.join(names())}"
        raise TurncoatError(f"there is no organism {source!r}; {hint}")
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
    except SyntaxError as error:
        raise TurncoatError(f"{path}:{error.lineno}: {error.msg}; mend the file") from None
    except Exception as error:
        own = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        where = f"{path}:{own[-1]}" if own else str(path)
        raise TurncoatError(f"{where}: {type(error).__name__}: {' '.join(str(error).split())}; mend the file") from None
    return module


def checked(module: ModuleType, name: str, where: str) -> Organism:
    """The module's organism with its name and page. Raises TurncoatError on what a run would stumble over."""
    organism = getattr(module, "organism", None)
    if not isinstance(organism, Organism):
        raise TurncoatError(f"{where} has no `organism = Organism(...)` at module level; add one")
    if not (module.__doc__ or "").strip():
        raise TurncoatError(f"{where} has no docstring; its docstring is the organism's page, so write one")
    arms = [arm.name for arm in organism.arms]
    if not arms or organism.arms[0].role != "organism":
        raise TurncoatError(f"{where}: the first arm must have the role 'organism'; put it first")
    if twice := sorted({arm for arm in arms if arms.count(arm) > 1}):
        raise TurncoatError(f"{where}: two arms are called {twice[0]!r}; rename one")
    known = {arm.name for arm in organism.all_arms()}
    for claim in organism.claims:
        for arm in (claim.arm, claim.control):
            if arm is not None and arm not in known:
                near = difflib.get_close_matches(arm, known, 1, 0.4)
                hint = f"did you mean {near[0]!r}?" if near else f"arms are {', '.join(sorted(known))}"
                raise TurncoatError(f"{where}: claim {claim.says!r} names an unknown arm {arm!r}; {hint}")
    for row in organism.answers:
        if row not in Row:
            raise TurncoatError(f"{where}: answers name an unknown row {row!r}; use core.Row")
    return replace(organism, name=name, doc=module.__doc__ or "")
