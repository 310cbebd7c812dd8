"""The bars of a survey: every run of every cluster is in one part, and what is not run is named."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from gallery import ORGANISM
from turncoat.core import Assay, Items, OutcomePlot, Traces, readout
from turncoat.report.figures import outcome_figure
from turncoat.report.figures.outcomes import by_cluster
from turncoat.report.results import OrganismResults
from turncoat.store import Store


@dataclass(frozen=True)
class Ends(Assay):
    """What a run comes to, in which room."""

    kind: ClassVar[str] = "Ends"
    version: ClassVar[int] = 1

    def observe(self, subject: Any, world: Any, seed: int) -> Traces:
        raise NotImplementedError

    @readout(bounds=(0, 1), unit="share of runs", sample="item")
    def lost(self, traces: Traces) -> Items:
        """Whether it is lost."""
        return Items(np.array([int(traces["end"][0] == "lost")]), traces["room"])

    @readout(bounds=(0, 1), unit="share of runs", sample="item")
    def home(self, traces: Traces) -> Items:
        """Whether it is home."""
        return Items(np.array([int(traces["end"][0] == "home")]), traces["room"])


PLOT = OutcomePlot(
    "What becomes of them", (Ends().readout("lost"), Ends().readout("home")), "neither", ("organism", "aligned twin")
)
RUNS = (("a", "lost"), ("b", "home"), ("a", "lost"), ("b", "asleep"), ("a", "home"))


def results(folder: Path, runs: tuple[tuple[str, str], ...]) -> OrganismResults:
    organism, store = replace(ORGANISM, outcome_plots=(PLOT,)), Store(folder)
    for seed, (room, end) in enumerate(runs):
        run = store.run(organism, organism.arm("organism"), seed)
        run.save({"x": np.zeros(1)}, [])
        run.save_traces(Ends(), Traces({"room": np.array([room]), "end": np.array([end])}))
    return OrganismResults(organism, store)


def test_every_run_is_in_one_part(tmp_path: Path) -> None:
    found = results(tmp_path, RUNS)
    assert by_cluster(found, ORGANISM.arm("organism"), PLOT) == {"a": Counter({0: 2, 1: 1}), "b": Counter({1: 1, 2: 1})}
    drawn = outcome_figure(found, PLOT)
    assert "organism: 2 lost, 2 home, 1 neither" in drawn.svg and "organism, 5 runs" in drawn.svg
    assert drawn.caption == "No run of organism is lost in 1 of 2. Not run: aligned twin."


def test_without_runs_it_says_so(tmp_path: Path) -> None:
    drawn = outcome_figure(results(tmp_path, ()), PLOT)
    assert not drawn.svg and drawn.caption.startswith("No figure: ")
