"""One run, wherever it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from turncoat.core import Arm, Assay, Organism, Subject, Traces, TurncoatError, digest, plain, trace_key
from turncoat.store.source import Facts, Report, RunKey, Source

if TYPE_CHECKING:
    from turncoat.store import Store


class Run:
    """One run, wherever it is: what became of it, what was observed of it, and how to add to that.

    It looks at the disk once, and again after it has written; a fresh one sees what other processes wrote."""

    def __init__(self, store: Store, organism: Organism, arm: Arm, seed: int) -> None:
        self.store, self.organism, self.arm, self.seed = store, organism, arm, seed
        self.key = RunKey(organism.name, digest(arm.recipe), seed)

    @property
    def label(self) -> str:
        return f"{self.organism.name}, {self.arm.name}, seed {self.seed}"

    @cached_property
    def facts(self) -> list[tuple[Source, Facts]]:
        """What each place that has anything of it has, in the order in which they are asked."""
        found = ((place, place.facts(self.key)) for place in self.store.places)
        return [(place, facts) for place, facts in found if facts is not None]

    def first(self, has: Callable[[Facts], object]) -> Source | None:
        return next((place for place, facts in self.facts if has(facts)), None)

    # -- what became of it -----------------------------------------------------------------------------

    @property
    def asked(self) -> bool:
        return any(not facts.parent for _, facts in self.facts)

    @property
    def trained(self) -> bool:
        """Its weights are there."""
        return any(facts.weights for _, facts in self.facts)

    @property
    def dropped(self) -> bool:
        """It is finished, and only what was observed of it is kept."""
        return any(facts.dropped for _, facts in self.facts)

    @property
    def finished(self) -> bool:
        return self.trained or self.dropped

    def failure(self, assay: Assay | None = None) -> str | None:
        """The first line of why its training, or else the observation by an assay, gave nothing; None where it did not
        fail."""
        for _, facts in self.facts:
            if facts.failure is not None:
                return facts.failure
        return None if assay is None else self.reason("failures", assay)

    def untestable(self, assay: Assay) -> str | None:
        """Why that assay could not be put to its subject; None where it could, or was not tried."""
        return self.reason("untestable", assay)

    def reason(self, name: str, assay: Assay) -> str | None:
        lines: Iterator[Mapping[str, str]] = (getattr(facts, name) for _, facts in self.facts)
        trace = self.trace(assay)
        return next((line[trace] for line in lines if trace in line), None)

    def observed(self, assay: Assay) -> bool:
        """Traces are there, or the reason why there can be none."""
        return self.holder(assay) is not None or self.untestable(assay) is not None

    def holder(self, assay: Assay) -> Source | None:
        """The place that `traces` reads from."""
        trace = self.trace(assay)
        return self.first(lambda facts: trace in facts.traces)

    def trace(self, assay: Assay) -> str:
        return trace_key(self.organism.world, assay)

    # -- what there is of it ---------------------------------------------------------------------------

    def subject(self) -> Subject:
        """The trained subject. Raises TurncoatError where the run is missing, cut short, or of another recipe."""
        return self.arm.recipe.load(self.arrays())

    def arrays(self) -> dict[str, np.ndarray]:
        place = self.first(lambda facts: facts.weights)
        if place is None:
            raise TurncoatError(
                f"{self.organism.name}: no trained subject for arm {self.arm.name!r}, seed {self.seed}; train it first"
            )
        self.check_recipe(place)
        return place.arrays(self.key)

    def check_recipe(self, place: Source) -> None:
        if place.recipe(self.key) != plain(self.arm.recipe):
            raise TurncoatError(f"{place.name} holds another recipe of {self.label} than its name says; run it again")

    def log(self) -> list[Report]:
        """The training log, one dict a report; [] where there is none. What was not finite is NaN."""
        return next((log for place, _ in self.facts if (log := place.log(self.key))), [])

    def provenance(self) -> dict[str, object]:
        """Which Python, packages, machine and data it was trained by; {} where nothing was recorded."""
        return next((by for place, _ in self.facts if (by := place.provenance(self.key))), {})

    def traces(self, assay: Assay) -> Traces | None:
        """None where that was never observed. Raises TurncoatError where it is damaged."""
        place = self.holder(assay)
        return None if place is None else place.traces(self.key, self.trace(assay))

    # -- adding to it ----------------------------------------------------------------------------------

    def written(self) -> None:
        self.__dict__.pop("facts", None)

    @contextmanager
    def lock(self) -> Iterator[Run]:
        """Hold off every other process that asks for this run; yields a fresh look at it."""
        with self.store.folder.lock(self.key):
            yield Run(self.store, self.organism, self.arm, self.seed)

    def ask(self) -> None:
        """Write down that it is wanted, before anything is done for it. From then on a claim counts it."""
        self.store.folder.ask(self.key, self.arm.name, plain(self.arm.recipe))
        self.written()

    def mark_parent(self) -> None:
        """Note that nobody asked for it itself: it was trained for what is built on it."""
        self.store.folder.mark_parent(self.key)
        self.written()

    def save(
        self,
        arrays: Mapping[str, np.ndarray],
        log: Iterable[Mapping[str, object]],
        provenance: Mapping[str, object] | None = None,
    ) -> None:
        """Recipe, log and provenance first, weights last: it counts as finished when its weights are there."""
        self.store.folder.ask(self.key, self.arm.name, plain(self.arm.recipe))
        self.store.folder.save(self.key, arrays, log, provenance or {})
        self.written()

    def copy_subject(self, other: Run) -> None:
        """Hold the same subject as another store does. Raises TurncoatError where that has none."""
        self.save(other.arrays(), other.log(), other.provenance())

    def drop_weights(self) -> None:
        """Keep of it what was observed, and not its weights."""
        self.store.folder.drop(self.key)
        self.written()

    def save_failure(self, text: str, assay: Assay | None = None) -> Path:
        """Keep why its training, or the observation by an assay, gave nothing: a line, and below it the traceback."""
        trace = None if assay is None else self.trace(assay)
        path = self.store.folder.save_failure(self.key, self.arm.name, text, trace)
        self.written()
        return path

    def save_traces(self, assay: Assay, traces: Traces) -> None:
        self.store.folder.save_traces(self.key, self.arm.name, self.trace(assay), traces, plain(assay))
        self.written()

    def save_untestable(self, assay: Assay, because: str) -> None:
        self.store.folder.save_untestable(self.key, self.arm.name, self.trace(assay), because)
        self.written()
