"""Plots of traces: the mean of one column against another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from turncoat.core import TracePlot, Traces
from turncoat.report.figures.labels import with_unit
from turncoat.report.figures.lines import line_drawing
from turncoat.report.figures.scales import sort_key
from turncoat.report.figures.style import Figure
from turncoat.report.results import OrganismResults
from turncoat.report.words import seeds_caption, tick_label


def trace_figures(results: OrganismResults, plot: TracePlot) -> list[Figure]:
    """Lines of a column's mean, one an arm; or, with `by`, one panel an arm and a line a value."""
    groups = [(name,) for name in plot.arms] if plot.by else [plot.arms]
    return [trace_panel(results, plot, names, len(groups) > 1) for names in groups]


def trace_panel(results: OrganismResults, plot: TracePlot, names: Sequence[str], name_it: bool) -> Figure:
    title = f"{plot.title}: {names[0]}" if name_it else plot.title
    arms = {arm.name: arm for arm in results.organism.all_arms()}
    lines: dict[Any, list[dict[Any, float]]] = {}
    for name in names:
        for traces in results.traces(arms[name], plot.assay).values() if name in arms else ():
            missing = {plot.x, plot.y, *plot.only, *filter(None, (plot.by, plot.weight))} - set(traces.columns)
            if missing:
                return Figure(title, f"No figure: the traces have no column {', '.join(sorted(missing))}.")
            for key, line in means_by(traces, plot).items():
                lines.setdefault(name if key is None else key, []).append(line)
    lines = {key: line for key, line in lines.items() if any(line)}
    if not lines:
        there = next((arms[name] for name in names if name in arms), None)
        reason = results.why_missing(there, plot.assay) if there else f"there is no arm “{names[0]}”"
        return Figure(title, f"No figure: {reason}.")
    if plot.by:
        lines = {key: lines[key] for key in sorted(lines, key=sort_key)}
    xlabel, ylabel = (with_unit(results, plot.assay, column) for column in (plot.x, plot.y))
    by = with_unit(results, plot.assay, plot.by) if plot.by else None
    svg = line_drawing(title, lines, xlabel, ylabel, by)
    counts = {tick_label(key): len(seeds) for key, seeds in lines.items()}
    return Figure(title, seeds_caption({names[0]: max(counts.values())} if plot.by else counts), svg)


def means_by(traces: Traces, plot: TracePlot) -> dict[Any, dict[Any, float]]:
    """One seed's lines: value of `by` (None without) -> x -> weighted mean of y."""
    keep = np.isfinite(traces[plot.y].astype(float))
    for name, allowed in plot.only.items():
        keep &= np.isin(traces[name], list(allowed))
    x, y = traces[plot.x][keep], traces[plot.y][keep].astype(float)
    weight = traces[plot.weight][keep].astype(float) if plot.weight else np.ones(len(y))
    by = traces[plot.by][keep] if plot.by else np.zeros(len(y))
    lines: dict[Any, dict[Any, float]] = {}
    for key in np.unique(by):
        line = lines[key.item() if plot.by else None] = {}
        for value in np.unique(x[by == key]):
            here = (by == key) & (x == value)
            if (total := weight[here].sum()) > 0:
                line[value.item()] = float((weight[here] * y[here]).sum() / total)
    return lines
