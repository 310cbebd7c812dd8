"""What one organism has in the store, as its page draws it."""

from __future__ import annotations

import math

from turncoat import registration
from turncoat.core import Arm, Assay, Items, Organism, Readout, Traces, TurncoatError, digest
from turncoat.report.words import assay_name, readout_name
from turncoat.store import Run, Store


class OrganismResults:
    """What one organism has in the store, read once. `notes` says what could not be read. The runs of a replication are
    in the table of verdicts, apart, and in no figure."""

    def __init__(self, organism: Organism, store: Store) -> None:
        self.organism, self.store = organism, store
        self.replication_seeds = registration.replication_seeds(registration.load(organism.name))
        self.notes: list[str] = []
        self._runs: dict[str, list[Run]] = {}
        self._traces: dict[tuple[str, str], dict[int, Traces]] = {}

    def runs(self, arm: Arm) -> list[Run]:
        """Finished runs of an arm that are drawn, by seed."""
        key = digest(arm.recipe)
        if key not in self._runs:
            seeds = self.store.known(self.organism, arm)
            runs = (self.store.run(self.organism, arm, seed) for seed in seeds if seed not in self.replication_seeds)
            self._runs[key] = [run for run in runs if run.finished]
        return self._runs[key]

    def traces(self, arm: Arm, assay: Assay) -> dict[int, Traces]:
        """Traces by seed; seeds without any are left out."""
        key = digest(arm.recipe), digest(assay)
        if key not in self._traces:
            self._traces[key] = found = {}
            for run in self.runs(arm):
                try:
                    traces = run.traces(assay)
                except TurncoatError as error:
                    self.notes.append(str(error))
                    continue
                if traces is not None:
                    found[run.seed] = traces
        return self._traces[key]

    def estimates(self, arm: Arm, readout: Readout) -> list[float]:
        """One finite estimate a seed; of a readout of items, one a template that they were made from."""
        traces = list(self.traces(arm, readout.assay).values())
        if readout.sample == "item":
            return (
                list(Items.concat([readout.items(each) for each in traces]).template_means().values()) if traces else []
            )
        values = (readout.estimate(each) for each in traces)
        return [value for value in values if math.isfinite(value)]

    def why_missing(self, arm: Arm, what: Assay | Readout) -> str:
        """Why there is nothing to draw."""
        assay = what.assay if isinstance(what, Readout) else what
        for run in self.runs(arm):
            if reason := run.untestable(assay):
                return f"not testable: {reason}"
        name = readout_name(what) if isinstance(what, Readout) else assay_name(what)
        return f"the store holds no traces of {name} for arm “{arm.name}” yet"

    def logs(self, arm: Arm) -> list[list[dict[str, float]]]:
        """The training log of each seed, one dict a report; seeds without any are left out."""
        found = []
        for run in self.runs(arm):
            try:
                log = run.log()
            except TurncoatError as error:
                if str(error) not in self.notes:  # one log stands in several figures
                    self.notes.append(str(error))
                continue
            if log:
                found.append(log)
        return found
