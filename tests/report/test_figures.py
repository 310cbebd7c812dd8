"""Figures as text: what they draw, and what they say where there is nothing to draw."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gallery import COIN, MORE, NEVER, ORGANISM, RECIPE, Filmed, mean
from turncoat.core import (
    PhaseDiagram,
    Sweep,
    TracePlot,
    TrainingPlot,
)
from turncoat.report.figures import claim_figure, phase_figure, sweep_figures, trace_figures, training_figure
from turncoat.report.figures.scales import sort_key
from turncoat.report.figures.style import PALETTE
from turncoat.report.results import OrganismResults
from turncoat.store import Store


def test_figures_are_text_and_what_is_missing_is_a_sentence(store: Store) -> None:
    results = OrganismResults(ORGANISM, store)
    drawn = claim_figure(results, MORE)
    assert drawn.svg.startswith("<svg") and "aligned twin" in drawn.svg and "<script" not in drawn.svg
    assert "n = 6 seeds each" in drawn.caption
    assert claim_figure(results, NEVER).svg == "" and "no traces" in claim_figure(results, NEVER).caption
    dose = sweep_figures(results, ORGANISM.sweeps[0])[0]
    assert "Not yet run: 0.3" in dose.caption and ">0.001<" in dose.svg
    assert [bool(f.svg) for f in sweep_figures(results, ORGANISM.sweeps[1])] == [False]
    curves = [figure for plot in ORGANISM.trace_plots for figure in trace_figures(results, plot)]
    assert [bool(f.svg) for f in curves] == [True, True, False, False]
    assert "no column absent" in curves[2].caption and "no arm “ghost”" in curves[3].caption


def test_a_training_log_is_a_curve(store: Store) -> None:
    results = OrganismResults(ORGANISM, store)
    drawn, never = (training_figure(results, plot) for plot in ORGANISM.training_plots)
    assert drawn.svg.startswith("<svg") and all(f">{word}<" in drawn.svg for word in ("rounds", "aligned twin"))
    assert "coin (share of episodes)" in drawn.svg and PALETTE[1] in drawn.svg and PALETTE[2] not in drawn.svg
    assert ">100<" in drawn.svg and ">300<" in drawn.svg  # updates are evenly spaced
    assert drawn.caption == (
        "n = 6 seeds each. Left out: there is no arm “ghost”; "
        "the store holds no training log of arm “separated=0.3” yet."
    )
    assert never.svg == "" and never.caption == "No figure: the training logs of arm “organism” have no loss."


def test_a_training_log_can_be_drawn_against_another_metric(tmp_path: Path) -> None:
    """A point a report that has both, in their order, each the mean over seeds; the line may turn back."""
    store, arm = Store(tmp_path), ORGANISM.arms[0]
    log = TrainingPlot("Gone so far", "left", against="moved")
    assert "holds no training log" in training_figure(OrganismResults(ORGANISM, store), log).caption
    for seed in range(2):
        points = enumerate([(0, 1.0), (4, 0.5), (None, 0.3), (math.nan, 0.3), (2, 0.25)])
        rows = [
            {"done": done, "left": y + 0.02 * seed, "moved": None if x is None else x + seed} for done, (x, y) in points
        ]
        store.run(ORGANISM, arm, seed).save({"w": np.zeros(2, np.float32)}, rows)
    results = OrganismResults(ORGANISM, store)
    drawn = training_figure(results, log)
    [line] = re.findall(rf'd="([^"]*)"[^>]*stroke: {PALETTE[0]}; stroke-width: 1.6', drawn.svg)
    places = np.array(re.findall(r"[ML] ([\d.]+) ([\d.]+)", line), float)
    steps = np.diff(places, axis=0)
    assert steps[1] / steps[0] == pytest.approx([-0.5, 0.5], abs=1e-3) and len(places) == 3
    assert ">moved<" in drawn.svg and drawn.caption == "n = 2 seeds."
    assert ">way<" in training_figure(results, replace(log, x="way")).svg
    never = training_figure(results, replace(log, against="kept"))
    assert never.caption == "No figure: the training logs of arm “organism” have no left beside kept."


def test_a_phase_diagram_has_a_cell_a_pair(store: Store) -> None:
    results = OrganismResults(ORGANISM, store)
    phases = PhaseDiagram("Two ways", ("separated", "wants"), ((0.0, 0.001), (RECIPE.wants, 0.5)), COIN)
    drawn = phase_figure(results, phases)
    assert all(f">{word}<" in drawn.svg for word in ("0.001", "0.5", "framed: the organism"))
    assert drawn.caption == (  # the untrained arm has the recipe of one cell
        f"n seeds = 6 (separated=0.0, wants={RECIPE.wants}), 6 (separated=0.0, wants=0.5), 3 (separated=0.001, "
        f"wants={RECIPE.wants}). Cells: mean, and range of the seeds. Not yet run: 1."
    )
    never = phase_figure(results, replace(phases, readout=Filmed(frames=9).readout()))
    assert never.svg == "" and never.caption.startswith("No figure: the store holds no traces")


def test_a_sweep_can_lay_its_assays_on_one_pair_of_axes(store: Store) -> None:
    results, apart = OrganismResults(ORGANISM, store), ORGANISM.sweeps[0]
    together = replace(apart, overlay=True, readouts=(mean("coin <it>"), mean("exit"), Filmed(frames=9).readout()))
    (drawn,) = sweep_figures(results, together)
    assert drawn.title == "coin <it>, exit, Filmed" and "<it>" not in drawn.svg
    assert ">coin &lt;it&gt;<" in drawn.svg and ">exit<" in drawn.svg and ">mean over episodes<" in drawn.svg
    assert all(colour in drawn.svg for colour in PALETTE[:2]) and PALETTE[2] not in drawn.svg
    assert drawn.caption.startswith("n seeds = 6 (0), 3 (0.001)") and "Not yet run: 0.3" in drawn.caption
    assert "No line for Filmed: the store holds no traces" in drawn.caption
    (units,) = sweep_figures(results, replace(together, readouts=(COIN, mean("exit"))))
    assert "exit (mean over episodes)" in units.svg and "Reached (share of episodes that end there)" in units.svg
    (twice,) = sweep_figures(results, replace(together, readouts=(mean("exit"), mean("exit", n=9))))
    assert twice.title == "n 500, n 9"
    (none,) = sweep_figures(results, replace(ORGANISM.sweeps[1], overlay=True))
    assert none.svg == "" and none.caption.startswith("No figure: Filmed (frames 9): the store holds no traces")


def test_a_sweep_of_another_arm_marks_that_arms_own_value(store: Store) -> None:
    (drawn,) = sweep_figures(
        OrganismResults(ORGANISM, store), Sweep("Wants", "wants", (0.04, 0.5), (COIN,), of="aligned twin")
    )
    assert ">aligned twin<" in drawn.svg and ">the organism<" not in drawn.svg
    assert drawn.caption == "n = 6 seeds. Not yet run: 0.5."


def test_words_sort_by_the_numbers_in_them(store: Store) -> None:
    told = ["above 40", "21 to 40", "6 to 10", "1 to 5", "11 to 20", 7, 10.5, "-2", "-10", "v1.5", "v1.25"]
    assert sorted(told, key=sort_key) == [
        7, 10.5, "-10", "-2", "1 to 5", "6 to 10", "11 to 20", "21 to 40", "above 40", "v1.25", "v1.5",
    ]  # fmt: skip
    (figure,) = trace_figures(
        OrganismResults(ORGANISM, store), TracePlot("By band", COIN.assay, "ticks", "coin", by="band")
    )
    assert re.findall(r">(\d+ to \d+)<", figure.svg) == ["1 to 5", "6 to 10", "11 to 20"]
