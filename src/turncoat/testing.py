"""Contract tests that every organism and every assay must pass, for this catalogue and for anybody's own files.

turncoat check ./my_organism.py              each check with pass or fail, and why
pytest --organism ./my_organism.py           the same as tests of your project (a pytest plugin)
for check in assay_checks(MyAssay(), world, planted=..., null=..., at_least=0.5): assert check.passed, check.reason
"""

from __future__ import annotations

import copy
import dataclasses
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from turncoat.core import Arm, Assay, Claim, Organism, TurncoatError, difference, digest, every_claim, plain
from turncoat.organisms import load
from turncoat.store import Store


@dataclass(frozen=True)
class Check:
    """One checked rule; `reason` says what is wrong where it is not kept."""

    name: str
    passed: bool
    reason: str = ""


def organism_checks(organism: Organism, source: str) -> Iterator[Check]:
    """The rules for an organism that was loaded from `source` (a name or a path). Trains nothing."""
    title, _, prose = organism.doc.strip().partition("\n")
    yield verdict("the docstring has a title", title.startswith("# "), "begin it with '# Title'")
    yield verdict("the docstring has prose", len(prose.split()) >= 20, "say what the organism shows and its control")
    yield verdict("references are given", bool(organism.refs), "refs is empty")
    yield verdict("there is a control", len(organism.arms) > 1, "no claim without its matched control: add an arm")
    for arm in organism.all_arms():
        yield attempt(f"arm {arm.name}: the recipe is frozen plain data", partial(is_plain, arm.recipe))
        yield verdict(f"arm {arm.name}: it says what a seed replicates", hasattr(arm.recipe, "unit"), "give it a unit")
    first = organism.arms[0]
    for arm in organism.arms[1:]:
        apart = difference(first.recipe, arm.recipe)
        yield verdict(f"arm {arm.name}: differs from the organism", bool(apart), "its recipe is the organism's own")
    for claim in every_claim(organism.claims):
        yield attempt(f"claim {claim.says!r}: its assay is frozen plain data", partial(is_plain, claim.assay))
        yield attempt(f"claim {claim.says!r}: its threshold can be met and missed", partial(in_bounds, claim))
    yield attempt("listing it does not import torch", lambda: imports_no_torch(source))


def assay_checks(assay: Any, world: Any, planted: Any, null: Any, at_least: float, seed: int = 0) -> Iterator[Check]:
    """The rules for an assay: it fires on the planted subject, is silent on the null, and repeats itself."""
    yield verdict(
        "it is an assay", isinstance(assay, Assay), "it lacks observe, estimate, needs, version, bounds or says"
    )
    yield attempt("it is frozen plain data", lambda: is_plain(assay))
    traces = assay.observe(planted, world, seed)
    fired, silent = assay.estimate(traces), assay.estimate(assay.observe(null, world, seed))
    yield verdict("it fires on the planted subject", fired >= at_least, f"{fired:.3f} is below {at_least}")
    yield verdict("it is silent on the null", silent < at_least, f"{silent:.3f} reaches {at_least}")
    low, high = assay.bounds
    yield verdict("its estimates are within its bounds", low <= min(fired, silent) <= max(fired, silent) <= high)
    again = assay.observe(planted, world, seed)
    same = all(np.array_equal(column, again[name]) for name, column in traces.columns.items())
    yield verdict("observation is a function of the seed", same, "the same seed gave other traces")
    with tempfile.TemporaryDirectory() as folder:
        store, arm = Store(Path(folder)), Arm("planted", assay)  # any plain data names a folder
        store.save_traces("check", arm, 0, assay, traces)
        stored = store.load_traces("check", arm, 0, assay)
    same = stored is not None and assay.estimate(stored) == assay.estimate(traces) == fired
    yield verdict("estimates are pure, also after storage", same, "the same traces gave another number")


def verdict(name: str, passed: bool, reason: str = "") -> Check:
    return Check(name, bool(passed), "" if passed else reason)


def attempt(name: str, act: Callable[[], object]) -> Check:
    """Passes where `act` does not raise."""
    try:
        act()
    except Exception as error:
        return Check(name, False, f"{type(error).__name__}: {error}")
    return Check(name, True)


def is_plain(thing: Any) -> None:
    kind = type(thing)
    if not dataclasses.is_dataclass(kind) or not getattr(kind, "__dataclass_params__").frozen:  # noqa: B009
        raise TypeError(f"{type(thing).__name__} is not a frozen dataclass")
    plain(thing)
    if digest(thing) != digest(copy.deepcopy(thing)):
        raise ValueError("its digest changes between equal copies")


def in_bounds(claim: Claim) -> None:
    low, high = claim.assay.bounds
    if claim.control is not None:
        low, high = low - high, high - low
    if not low <= claim.threshold <= high:  # nor is NaN
        raise ValueError(f"the threshold {claim.threshold} is outside {low} to {high}")


def imports_no_torch(source: str) -> None:
    """In a process of its own, since this one may have torch already."""
    code = "import sys; from turncoat.organisms import load; load(sys.argv[1]); sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, source], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ImportError(
            done.stderr.strip().splitlines()[-1] if done.stderr else "it imports torch: import it in train"
        )


# -- the pytest plugin -------------------------------------------------------------------------------------


def pytest_addoption(parser: Any) -> None:
    parser.addoption("--organism", action="append", default=[], help="check this organism (name or .py file) as tests")


def pytest_collect_file(parent: Any, file_path: Path) -> Any:
    """Files given with --organism are collected as tests, one a check."""
    import pytest

    wanted = [Path(source).resolve() for source in parent.config.getoption("--organism") if source.endswith(".py")]
    if file_path.resolve() not in wanted:
        return None

    class CheckItem(pytest.Item):
        def __init__(self, *, check: Check, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.check = check

        def runtest(self) -> None:
            if not self.check.passed:
                raise TurncoatError(self.check.reason)

        def repr_failure(self, excinfo: Any, style: Any = None) -> str:
            return f"{self.check.name}: {excinfo.value}"

    class OrganismFile(pytest.File):
        def collect(self) -> Iterator[CheckItem]:
            for check in organism_checks(load(str(self.path)), str(self.path)):
                yield CheckItem.from_parent(self, name=check.name, check=check)

    return OrganismFile.from_parent(parent, path=file_path)


def pytest_configure(config: Any) -> None:
    """A file that is named only with --organism is collected too."""
    config.args += [source for source in config.getoption("--organism") if source not in config.args]
