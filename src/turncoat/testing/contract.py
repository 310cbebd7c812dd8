"""Contract tests that every organism and every assay must pass, for this catalogue and for anybody's own files.

turncoat check ./my_organism.py              each check with pass, note or FAIL, and why
pytest --organism ./my_organism.py           the same as tests of your project (a pytest plugin)
for check in assay_checks(MyAssay().readout(), world, planted=..., null=..., at_least=0.5):
    assert check.passed, check.reason
"""

from __future__ import annotations

import copy
import dataclasses
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from turncoat.boundary import one_line
from turncoat.core import (
    Assay,
    Claim,
    Organism,
    Readout,
    Subject,
    TurncoatError,
    World,
    difference,
    digest,
    every_claim,
    lineage,
    plain,
)
from turncoat.protocols import require
from turncoat.store import tables


@dataclass(frozen=True)
class Check:
    """One checked rule; `reason` says what is wrong where it is not kept, and of one that is kept what to look at."""

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
    stored: dict[str, list[object]] = {
        "recipe": [recipe for arm in organism.all_arms() for recipe in lineage(arm.recipe)],
        "assay": [claim.readout.assay for claim in every_claim(organism.claims)],
        "world": [organism.world],
    }
    for what, things in stored.items():
        for kind in dict.fromkeys(type(thing) for thing in things):
            hint = "add `version: ClassVar[int] = 1`, and raise it when a change of code changes what it does"
            yield verdict(f"{what} {kind.__name__}: it has a version", has_version(kind), hint)
            hint = f'it has none: add `kind: ClassVar[str] = "{kind.__name__}"`, or a rename orphans what is stored'
            yield Check(f"{what} {kind.__name__}: its kind", True, "" if "kind" in vars(kind) else hint)
    for arm in organism.all_arms():
        yield attempt(f"arm {arm.name}: the recipe is frozen plain data", partial(is_plain, arm.recipe))
        yield verdict(f"arm {arm.name}: it says what a seed replicates", hasattr(arm.recipe, "unit"), "give it a unit")
    first = organism.arms[0]
    for arm in organism.arms[1:]:
        apart = difference(first.recipe, arm.recipe)
        yield verdict(f"arm {arm.name}: differs from the organism", bool(apart), "its recipe is the organism's own")
        if arm.role == "control" and len(apart) > 1:
            hint = f"in {len(apart)} fields: {', '.join(apart)}; a claim that compares them must name them all"
            yield Check(f"arm {arm.name}: in what it differs", True, hint)
    for claim in every_claim(organism.claims):
        yield attempt(f"claim {claim.statement!r}: its assay is frozen plain data", partial(is_plain, claim.readout))
        yield attempt(f"claim {claim.statement!r}: its threshold can be met and missed", partial(in_bounds, claim))
    yield attempt("listing it does not import torch", lambda: imports_no_torch(source))


def assay_checks(
    readout: Readout, world: World, planted: Subject, null: Subject, at_least: float, seed: int = 0
) -> Iterator[Check]:
    """The rules for an assay, by one of its readouts: it fires on the planted subject, is silent on the null, and
    repeats itself. Raises NotTestable where it cannot be put to them."""
    assay = readout.assay
    yield verdict("it is an assay", isinstance(assay, Assay), "it is no subclass of turncoat.core.Assay")
    yield attempt("it is frozen plain data", lambda: is_plain(assay))
    for subject in (planted, null):
        require(assay, subject, world)
    traces = assay.observe(planted, world, seed)
    fired, silent = readout.estimate(traces), readout.estimate(assay.observe(null, world, seed))
    yield verdict("it fires on the planted subject", fired >= at_least, f"{fired:.3f} is below {at_least}")
    yield verdict("it is silent on the null", not silent >= at_least, f"{silent:.3f} reaches {at_least}")
    low, high = readout.bounds
    within = all(low <= value <= high for value in (fired, silent) if not np.isnan(value))
    yield verdict("its estimates are within its bounds", within, f"they are {fired:.3f} and {silent:.3f}")
    again = assay.observe(planted, world, seed)
    same = all(np.array_equal(column, again[name]) for name, column in traces.columns.items())
    yield verdict("observation is a function of the seed", same, "the same seed gave other traces")
    stored = tables.from_parquet(tables.to_parquet(traces, {}))
    same = readout.estimate(stored) == readout.estimate(traces) == fired
    yield verdict("estimates are pure, also after storage", same, "the same traces gave another number")


def verdict(name: str, passed: bool, reason: str = "") -> Check:
    return Check(name, bool(passed), "" if passed else reason)


def attempt(name: str, act: Callable[[], object]) -> Check:
    """Passes where `act` does not raise."""
    try:
        act()
    except Exception as error:
        return Check(name, False, one_line(error))
    return Check(name, True)


def has_version(kind: type) -> bool:
    return isinstance(getattr(kind, "version", None), int)


def is_plain(thing: object) -> None:
    kind = type(thing)
    if not dataclasses.is_dataclass(kind) or not getattr(kind, "__dataclass_params__").frozen:  # noqa: B009
        raise TurncoatError(f"{kind.__name__} is not a frozen dataclass")
    plain(thing)
    unchanging(thing, kind.__name__)
    if digest(thing) != digest(copy.deepcopy(thing)):
        raise TurncoatError("its digest changes between equal copies")


MUTABLE = {dict: "a dict; write a tuple of pairs", list: "a list; write a tuple", set: "a set; write a frozenset"}


def unchanging(thing: object, where: str) -> None:
    """Raises TurncoatError where a field, or something within it, could be changed in place."""
    for kind, hint in MUTABLE.items():
        if isinstance(thing, kind):
            raise TurncoatError(f"{where} is {hint}")
    if dataclasses.is_dataclass(thing):
        for f in dataclasses.fields(thing):
            unchanging(getattr(thing, f.name), f"{where}.{f.name}")
    elif isinstance(thing, tuple):
        for index, part in enumerate(thing):
            unchanging(part, f"{where}[{index}]")


def in_bounds(claim: Claim) -> None:
    low, high = claim.readout.bounds
    if claim.control is not None:
        low, high = low - high, high - low
    if not low <= claim.threshold <= high:  # nor is NaN
        raise TurncoatError(f"the threshold {claim.threshold} is outside {low} to {high}")


def imports_no_torch(source: str) -> None:
    """In a process of its own, since this one may have torch already."""
    code = "import sys; from turncoat.organisms import load; load(sys.argv[1]); sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, source], capture_output=True, text=True, check=False)
    if done.returncode:
        raise TurncoatError(
            done.stderr.strip().splitlines()[-1] if done.stderr else "it imports torch: import it in train"
        )
