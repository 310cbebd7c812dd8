"""What only a training shows of an organism: it is cut short, stored, loaded again and compared bit for bit."""

from __future__ import annotations

import copy
import dataclasses
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from turncoat.boundary import one_line, place_of
from turncoat.core import (
    Arm,
    Assay,
    NotTestable,
    Organism,
    Readout,
    Subject,
    Traces,
    World,
    digest,
    every_claim,
    nearest,
)  # fmt: skip
from turncoat.protocols import EpisodicWorld, require
from turncoat.runner.plan import EVALUATION, Job, observations
from turncoat.runner.worker import train
from turncoat.store import Run, Store
from turncoat.testing.contract import Check, verdict

UPDATES = 2  # of a smoke run
SEED = 0
EXPENSIVE = 10.0  # CPU-seconds; an observation that takes more is not made a second time


def smoke_checks(organism: Organism, full: bool = False) -> Iterator[Check]:
    """Train, twice, an arm of each kind of recipe and those that something else is measured of, each for two updates,
    and put to each what it is measured by. `full`: a recipe that has no smoke(limit) is trained as it is."""
    wanted, done, world = observations(organism), set[object](), WatchedWorld(organism.world)
    for arm in organism.all_arms():
        new = [assay for assay in wanted[arm.name] if digest(assay) not in done]
        if type(arm.recipe) in done and not new:
            continue
        cut = getattr(arm.recipe, "smoke", None)
        if cut is None and not full:
            yield Check(f"arm {arm.name}", True, "not trained: its recipe has no smoke(limit); --train trains it")
            continue
        done |= {type(arm.recipe)} | {digest(assay) for assay in new}
        short = arm if cut is None else dataclasses.replace(arm, recipe=cut(UPDATES))
        with tempfile.TemporaryDirectory(prefix="turncoat-check-") as folder:
            yield from arm_checks(organism, short, new, world, Path(folder))
    yield from world.checks()


def arm_checks(organism: Organism, arm: Arm, assays: list[Assay], world: WatchedWorld, folder: Path) -> Iterator[Check]:
    """One arm: trained twice, stored, loaded, observed."""
    runs = [Store(folder / name).run(organism, arm, SEED) for name in ("once", "again")]
    try:
        fresh, twin = (train(run, Job("", arm.name, SEED, run.store.root, ()), run.store) for run in runs)
        differs = first_difference(fresh.arrays(), twin.arrays())
        yield verdict(
            f"arm {arm.name}: one seed trains one set of weights", not differs, f"{differs}; seed all randomness"
        )
        loaded = runs[0].subject()
        differs = first_difference(fresh.arrays(), loaded.arrays())
        yield verdict(
            f"arm {arm.name}: its weights are loaded as they were", not differs, f"{differs}; mend load, arrays"
        )
    except (Exception, SystemExit) as error:
        place = place_of(type(arm.recipe))
        yield Check(f"arm {arm.name}: it can be trained, stored and loaded", False, one_line(error, place))
        return
    reported = {name for row in runs[0].log() for name in row}
    for plot in organism.training_plots:
        for metric in (plot.metric, plot.against):
            if arm.name in plot.arms and metric is not None and metric not in reported:
                hint = nearest(metric, sorted(reported), "they are")
                yield Check(f"figure {plot.title!r}", True, f"no metric {metric!r} in a short training; {hint}")
    for assay in assays:
        name = f"arm {arm.name}, {label(assay)}: observed, stored, loaded and estimated"
        try:
            yield Check(name, True, observe(assay, world, fresh, loaded, runs[0]))
        except RuleBroken as broken:
            yield Check(name, False, str(broken))
        except (Exception, SystemExit) as error:
            yield Check(name, False, one_line(error, place_of(type(assay))))


class RuleBroken(Exception):
    """A rule that an observation does not keep."""


def observe(assay: Assay, world: WatchedWorld, fresh: Subject, loaded: Subject, run: Run) -> str:
    """Observe the subject as it was trained and as it was loaded, store that and read it out. Returns why it is not
    testable or was not repeated, if so. Raises RuleBroken."""
    organism, seed = run.organism, SEED + EVALUATION
    began = time.process_time()
    try:
        require(assay, fresh, world.world)
        traces = assay.observe(loaded, world.world, seed)
        took = time.process_time() - began
        again = traces if took > EXPENSIVE else assay.observe(fresh, world.world, seed)
    except NotTestable as reason:
        return f"not testable: {reason}"
    if differs := first_difference(traces.columns, again.columns):
        if first_difference(traces.columns, assay.observe(loaded, world.world, seed).columns):
            raise RuleBroken(f"the same subject and seed gave other traces ({differs}); seed all randomness")
        raise RuleBroken(f"the reloaded subject does not do what the fresh one did ({differs}); mend load, arrays")
    run.save_traces(assay, traces)
    for plot in organism.trace_plots:
        if digest(plot.assay) == digest(assay):
            for column in (plot.x, plot.y, plot.by, plot.weight, *plot.only):
                if column is not None and column not in traces.columns:
                    hint = nearest(column, traces.columns, "they have")
                    raise RuleBroken(f"figure {plot.title!r} reads a column {column!r} that the traces lack; {hint}")
    readouts = [claim.readout for claim in every_claim(organism.claims)]
    readouts += [readout for family in organism.families for readout in family.readouts]
    for readout in {digest(each): each for each in readouts if digest(each.assay) == digest(assay)}.values():
        check_readout(readout, traces, run.traces(assay))
    return f"of the loaded subject alone, since it took {took:.0f} s" if took > EXPENSIVE else ""


def check_readout(readout: Readout, traces: Traces, stored: Traces | None) -> None:
    """Raises RuleBroken where its number is outside its bounds, or another one once the traces were stored."""
    value, (low, high) = readout.estimate(traces), readout.bounds
    if not (np.isnan(value) or low <= value <= high):
        raise RuleBroken(f"its estimate {value:g} is outside its bounds, {low:g} to {high:g}")
    if stored is None or not np.array_equal(value, readout.estimate(stored), equal_nan=True):
        raise RuleBroken("it makes another number of the same traces once they were stored")


def label(assay: Assay) -> str:
    """The assay's class and the fields that are not as usual, within reason."""
    fields: tuple[dataclasses.Field[object], ...] = dataclasses.fields(assay) if dataclasses.is_dataclass(assay) else ()
    settings = [f"{f.name}={getattr(assay, f.name)!r}" for f in fields if getattr(assay, f.name) != f.default]
    text = f"{type(assay).__name__}({', '.join(settings)})"
    return text if len(text) <= 80 else f"{text[:77]}..."


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


class WatchedWorld:
    """A world, and a copy of it that notes under which conditions episodes are asked of it and what it returns."""

    def __init__(self, world: World) -> None:
        self.conditions: dict[str, dict[str, object]] = {}  # the values of each factor, by what they look like
        self.columns: set[str] = set()
        self.world = world
        if not isinstance(world, EpisodicWorld):
            return
        rollout = world.rollout

        def watched(
            this: World, subject: Subject, n: int, seed: int, condition: Mapping[str, object], **more: object
        ) -> Traces:
            for name, value in dict(condition).items():
                self.conditions.setdefault(str(name), {})[repr(value)] = value
            traces = rollout(subject, n, seed, condition, **more)
            self.columns |= set(traces.columns)
            return traces

        kind = type(world)
        self.world = copy.copy(world)
        object.__setattr__(self.world, "__class__", type(kind.__name__, (kind,), {"rollout": watched, "__slots__": ()}))

    def checks(self) -> Iterator[Check]:
        """What it was asked for, and what it returned, against what it declares."""
        kind = type(self.world).__name__
        factors, measures = self.world.factors, self.world.measures
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
