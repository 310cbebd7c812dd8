"""What only a training shows of an organism: it is cut short, stored, loaded again and compared bit for bit."""

from __future__ import annotations

import copy
import dataclasses
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from turncoat.boundary import one_line, place_of
from turncoat.core import Arm, NotTestable, Organism, Traces, digest, every_claim, nearest
from turncoat.lab import EVALUATION, Job, needs, train
from turncoat.store import Store
from turncoat.testing.contract import Check, verdict

UPDATES = 2  # of a smoke run
SEED = 0
DEAR = 10.0  # CPU-seconds; an observation that takes more is not made a second time


def smoke_checks(organism: Organism, full: bool = False) -> Iterator[Check]:
    """Train, twice, an arm of each kind of recipe and those that something else is measured of, each for two updates,
    and put to each what it is measured by. `full`: a recipe that has no smoke(limit) is trained as it is."""
    wanted, met, world = needs(organism), set[Any](), Watched(organism.world)
    for arm in organism.all_arms():
        new = [assay for assay in wanted[arm.name] if digest(assay, pure=False) not in met]
        if type(arm.recipe) in met and not new:
            continue
        if not hasattr(arm.recipe, "smoke") and not full:
            yield Check(f"arm {arm.name}", True, "not trained: its recipe has no smoke(limit); --train trains it")
            continue
        met |= {type(arm.recipe)} | {digest(assay, pure=False) for assay in new}
        with tempfile.TemporaryDirectory(prefix="turncoat-check-") as folder:
            yield from arm_checks(organism, arm, new, world, Path(folder))
    yield from world.checks()


def arm_checks(organism: Organism, arm: Arm, assays: list[Any], world: Watched, folder: Path) -> Iterator[Check]:
    """One arm: trained twice, stored, loaded, observed."""
    store, again = Store(folder / "once"), Store(folder / "again")
    try:
        short = dataclasses.replace(arm, recipe=arm.recipe.smoke(UPDATES)) if hasattr(arm.recipe, "smoke") else arm
        fresh, twin = (
            train(organism.name, short, Job("", arm.name, SEED, each.root, ()), each) for each in (store, again)
        )
        apart = first_difference(fresh.arrays(), twin.arrays())
        yield verdict(f"arm {arm.name}: one seed trains one set of weights", not apart, f"{apart}; seed all randomness")
        loaded = store.load_subject(organism.name, short, SEED)
        apart = first_difference(fresh.arrays(), loaded.arrays())
        yield verdict(f"arm {arm.name}: its weights are loaded as they were", not apart, f"{apart}; mend load, arrays")
    except (Exception, SystemExit) as error:
        place = place_of(type(arm.recipe))
        yield Check(f"arm {arm.name}: it can be trained, stored and loaded", False, one_line(error, place))
        return
    reported = {name for row in store.metrics(organism.name, short, SEED) for name in row}
    for figure in organism.logs:
        for metric in (figure.metric, figure.against):
            if arm.name in figure.arms and metric is not None and metric not in reported:
                hint = nearest(metric, sorted(reported), "they are")
                yield Check(f"figure {figure.title!r}", True, f"no metric {metric!r} in a short training; {hint}")
    for assay in assays:
        name = f"arm {arm.name}, {label(assay)}: observed, stored, loaded and estimated"
        try:
            yield Check(name, True, observe(organism, short, assay, world, (fresh, loaded), store))
        except Wrong as wrong:
            yield Check(name, False, str(wrong))
        except (Exception, SystemExit) as error:
            yield Check(name, False, one_line(error, place_of(type(assay))))


class Wrong(Exception):
    """A rule that an observation does not keep."""


def observe(organism: Organism, arm: Arm, assay: Any, world: Watched, subjects: tuple[Any, Any], store: Store) -> str:
    """Returns why it is not testable or was not repeated, if so. Raises Wrong where a rule is not kept."""
    fresh, loaded = subjects
    if assay.needs > fresh.access:
        return f"not testable: it reaches for {assay.needs.name.lower()}"
    began = time.process_time()
    try:
        seen = assay.observe(loaded, world.world, SEED + EVALUATION)
        took = time.process_time() - began
        later = seen if took > DEAR else assay.observe(fresh, world.world, SEED + EVALUATION)
    except NotTestable as reason:
        return f"not testable: {reason}"
    if apart := first_difference(seen.columns, later.columns):
        again = assay.observe(loaded, world.world, SEED + EVALUATION)
        if first_difference(seen.columns, again.columns):
            raise Wrong(f"the same subject and seed gave other traces ({apart}); seed all randomness")
        raise Wrong(f"the reloaded subject does not do what the fresh one did ({apart}); mend load, arrays")
    store.save_traces(organism.name, arm, SEED, assay, seen)
    stored = store.load_traces(organism.name, arm, SEED, assay)
    for curve in organism.curves:
        if digest(curve.assay, pure=False) == digest(assay, pure=False):
            for column in (curve.x, curve.y, curve.by, curve.weight, *curve.only):
                if column is not None and column not in seen.columns:
                    hint = nearest(column, seen.columns, "they have")
                    raise Wrong(f"figure {curve.title!r} reads a column {column!r} that the traces lack; {hint}")
    estimated = [
        *(claim.assay for claim in every_claim(organism.claims)),
        *(a for f in organism.families for a in f.assays),
    ]
    for reading in {digest(each): each for each in estimated}.values():
        if digest(reading, pure=False) == digest(assay, pure=False):
            value, (low, high) = float(reading.estimate(seen)), reading.bounds
            if not (np.isnan(value) or low <= value <= high):
                raise Wrong(f"its estimate {value:g} is outside its bounds, {low:g} to {high:g}")
            if stored is None or not np.array_equal(value, float(reading.estimate(stored)), equal_nan=True):
                raise Wrong("it makes another number of the same traces once they were stored")
    return f"of the loaded subject alone, since it took {took:.0f} s" if took > DEAR else ""


def label(assay: Any) -> str:
    """The assay's class and the fields that are not as usual, within reason."""
    fields = [
        f"{f.name}={getattr(assay, f.name)!r}" for f in dataclasses.fields(assay) if getattr(assay, f.name) != f.default
    ]
    said = f"{type(assay).__name__}({', '.join(fields)})"
    return said if len(said) <= 80 else f"{said[:77]}..."


def first_difference(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> str:
    """In words, where two sets of arrays are not the same bit for bit; "" where they are."""
    if set(one) != set(other):
        return f"{min(set(one) ^ set(other))!r} is in one of them only"
    for name in one:
        a, b = np.asarray(one[name]), np.asarray(other[name])
        if a.dtype != b.dtype or a.shape != b.shape:
            return f"{name!r} is {a.dtype}{list(a.shape)} in one and {b.dtype}{list(b.shape)} in the other"
        if (a.tolist() != b.tolist()) if a.dtype == object else (a.tobytes() != b.tobytes()):
            return f"{name!r} differs"
    return ""


class Watched:
    """A world, and a copy of it that notes under which conditions episodes are asked of it and what it returns."""

    def __init__(self, world: Any) -> None:
        self.conditions: dict[str, dict[str, Any]] = {}  # the values of each factor, by what they look like
        self.columns: set[str] = set()
        self.world = world
        rollout = getattr(world, "rollout", None)
        if rollout is None:
            return

        def noted(this: Any, *given: Any, **named: Any) -> Traces:
            condition = named["condition"] if "condition" in named else given[3]
            for name, value in dict(condition).items():
                self.conditions.setdefault(str(name), {})[repr(value)] = value
            traces: Traces = rollout(*given, **named)
            self.columns |= set(traces.columns)
            return traces

        kind = type(world)
        self.world = copy.copy(world)
        object.__setattr__(self.world, "__class__", type(kind.__name__, (kind,), {"rollout": noted, "__slots__": ()}))

    def checks(self) -> Iterator[Check]:
        """What it was asked for, and what it returned, against what it declares."""
        kind = type(self.world).__name__
        factors, measures = (getattr(self.world, name, ()) for name in ("factors", "measures"))
        if not self.columns:
            return  # no assay asked it for episodes
        allowed = {factor.name: factor.values for factor in factors}
        strange = sorted(set(self.conditions) - set(allowed))
        hint = f"{strange[0]!r} is none; {nearest(strange[0], allowed, 'it has')}" if strange else ""
        yield verdict(f"{kind}: conditions name its factors", not strange, hint)
        wrong = [
            f"{name} was set to {value!r}, and its values are {', '.join(map(str, allowed[name]))}"
            for name, values in self.conditions.items()
            for value in values.values()
            if allowed.get(name) and value not in allowed[name]
        ]
        yield verdict(f"{kind}: conditions are within its factors' values", not wrong, "; ".join(wrong[:1]))
        declared = {measure.name for measure in measures}
        strange = sorted(self.columns - declared - set(allowed))
        missing = sorted(declared - self.columns)
        hint = f"it returns no {missing[0]!r}; {nearest(missing[0], strange, 'undeclared are')}" if missing else ""
        yield verdict(f"{kind}: its measures are returned", not missing, hint)
        if strange:
            yield Check(f"{kind}: what it returns", True, f"neither factor nor measure: {', '.join(strange)}")
