"""Plots of training logs: a metric against the updates done, or against another metric."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from turncoat.core import TrainingPlot
from turncoat.report.figures.labels import with_unit
from turncoat.report.figures.lines import line_drawing
from turncoat.report.figures.style import Figure
from turncoat.report.results import OrganismResults
from turncoat.report.words import seeds_caption, tick_label


def training_figure(results: OrganismResults, plot: TrainingPlot) -> Figure:
    """Lines of a training metric, one an arm; arms that have none are named in the caption."""
    arms = {arm.name: arm for arm in results.organism.all_arms()}
    lines: dict[Any, list[dict[Any, float]]] = {}
    places: dict[Any, dict[Any, float]] = {}
    absent = []
    for name in plot.arms:
        logs = results.logs(arms[name]) if name in arms else []
        if seeds := [line for rows in logs if (line := progress(rows, plot.against or "done", plot.metric))]:
            lines[name] = [{done: y for done, (_, y) in seed.items()} for seed in seeds]
            reports = {done for seed in seeds for done in seed}
            places[name] = {done: float(np.mean([seed[done][0] for seed in seeds if done in seed])) for done in reports}
        elif name not in arms:
            absent.append(f"there is no arm “{name}”")
        elif logs:
            beside = f" beside {plot.against}" if plot.against else ""
            absent.append(f"the training logs of arm “{name}” have no {plot.metric}{beside}")
        else:
            absent.append(f"the store holds no training log of arm “{name}” yet")
    if not lines:
        return Figure(plot.title, f"No figure: {'; '.join(absent)}.")
    xlabel = plot.x or (with_unit(results, None, plot.against) if plot.against else "updates")
    svg = line_drawing(plot.title, lines, xlabel, with_unit(results, None, plot.metric), places=places)
    words = [seeds_caption({tick_label(name): len(seeds) for name, seeds in lines.items()})]
    words += [f"Left out: {'; '.join(absent)}."] if absent else []
    return Figure(plot.title, " ".join(words), svg)


def progress(rows: Sequence[Mapping[str, Any]], x: str, y: str) -> dict[Any, tuple[float, float]]:
    """One seed's line: updates done -> metrics x and y, of the reports that have both."""
    points = ([row.get(name, math.nan) for name in ("done", x, y)] for row in rows)
    return {
        done: (across, up)
        for done, across, up in points
        if all(isinstance(value, (int, float)) and math.isfinite(value) for value in (done, across, up))
    }
