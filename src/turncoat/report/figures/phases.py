"""Phase diagrams: an estimate over two recipe fields."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from matplotlib.patches import Rectangle

from turncoat.core import PhaseDiagram
from turncoat.report.figures.labels import with_unit
from turncoat.report.figures.scales import axis_limits
from turncoat.report.figures.style import CONTROL, INK, Figure, as_svg, canvas_of_size, panel, style
from turncoat.report.results import OrganismResults
from turncoat.report.words import number, readout_name, seeds_caption, spoken_means, tick_label, wrapped


def phase_figure(results: OrganismResults, phases: PhaseDiagram) -> Figure:
    """A cell a pair of values: the mean across seeds as colour and in digits, and the range of the seeds."""
    (across, up), readout = phases.values, phases.readout
    arms = results.organism.family_arms(phases)
    found = [results.estimates(arm, readout) for arm in arms]
    title = readout_name(readout)
    if not any(found):
        return Figure(title, f"No figure: {results.why_missing(arms[0], readout)}.")
    means = np.array([np.mean(values) if values else np.nan for values in found]).reshape(len(across), len(up)).T
    low, high = axis_limits(readout, [value for values in found for value in values])
    with style(), canvas_of_size(0.9 + 0.62 * len(across), 0.95 + 0.44 * len(up)) as canvas:
        axes = panel(canvas, left=0.72, bottom=0.52, top=0.34, right=0.12)
        axes.pcolormesh(means, cmap="viridis", vmin=low, vmax=high, edgecolors="white", lw=1.5)
        axes.set_xticks(np.arange(len(across)) + 0.5, [tick_label(value) for value in across])
        axes.set_yticks(np.arange(len(up)) + 0.5, [tick_label(value) for value in up])
        labels = [wrapped(with_unit(results, readout.assay, name), 40) for name in phases.fields]
        axes.set(xlabel=labels[0], ylabel=labels[1])
        axes.tick_params(length=0)
        for place, values in enumerate(found):
            if not values:
                continue
            column, row = divmod(place, len(up))
            mean = float(np.mean(values))
            ink = "white" if (mean - low) < 0.6 * (high - low) else INK
            words: dict[str, Any] = {"ha": "center", "color": ink}
            axes.text(column + 0.5, row + 0.52, number(mean), va="bottom", fontsize=8.5, **words)
            if len(values) > 1:
                text = f"{number(min(values))} to {number(max(values))}"
                axes.text(column + 0.5, row + 0.42, text, va="top", fontsize=5.5, **words)
        recipe = results.organism.arm(phases.of).recipe
        own = [repr(functools.reduce(getattr, name.split("."), recipe)) for name in phases.fields]
        at = [list(map(repr, values)) for values in phases.values]
        if own[0] in at[0] and own[1] in at[1]:
            corner = at[0].index(own[0]) + 0.03, at[1].index(own[1]) + 0.03
            axes.add_patch(Rectangle(corner, 0.94, 0.94, fill=False, ec=CONTROL, lw=1.8))
            axes.annotate("framed: the organism", (0, 1), (0, 3), xycoords="axes fraction", fontsize=7.5,
                          textcoords="offset points", color=CONTROL, va="bottom")  # fmt: skip
        by_label = {arm.name: values for arm, values in zip(arms, found, strict=True) if values}
        svg = as_svg(canvas, phases.title + title, f"{phases.title}: {title}. Means: {spoken_means(by_label)}")
    absent = sum(not values for values in found)
    rest = " Cells: mean, and range of the seeds." + (f" Not yet run: {absent}." if absent else "")
    return Figure(title, seeds_caption({name: len(values) for name, values in by_label.items()}) + rest, svg)
