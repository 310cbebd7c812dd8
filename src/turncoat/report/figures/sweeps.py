"""Dose-response: an estimate against the recipe field that a sweep varies."""

from __future__ import annotations

import functools
import math
from collections.abc import Container, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from turncoat.core import Arm, Readout, Sweep
from turncoat.report.figures.labels import line_labels, with_unit
from turncoat.report.figures.scales import alignment, axis_limits, mean_and_interval, tick_positions
from turncoat.report.figures.style import (
    ARM,
    FAINT,
    REST,
    SOFT,
    Figure,
    as_svg,
    canvas_of_size,
    legend_above,
    legend_columns,
    line_styles,
    panel,
    style,
)
from turncoat.report.results import OrganismResults
from turncoat.report.words import line_count, readout_name, seeds_caption, spoken_means, tick_label, truncated, wrapped


def sweep_figures(results: OrganismResults, sweep: Sweep) -> list[Figure]:
    """Estimate against the recipe field: one dose-response panel an readout, or with `overlay` one for them all."""
    arms = results.organism.family_arms(sweep)
    if sweep.overlay:
        return [overlay_panel(results, sweep, arms)]
    return [sweep_panel(results, sweep, arms, readout) for readout in sweep.readouts]


def sweep_panel(results: OrganismResults, sweep: Sweep, arms: Sequence[Arm], readout: Readout) -> Figure:
    title = readout_name(readout)
    found = dose_response(results, sweep, arms, readout)
    if not found:
        return Figure(title, f"No figure: {results.why_missing(arms[0], readout)}.")
    lines = line_count(readout.unit, 38)
    with style(), canvas_of_size(3.5, 2.5) as canvas:
        axes = panel(canvas, left=0.42 + 0.14 * lines, bottom=0.5, top=0.24, right=0.12)
        axes.set(ylim=axis_limits(readout, [v for _, vs in found for v in vs]), ylabel=wrapped(readout.unit, 38))
        dose_axis(results, sweep, axes, readout)
        dose_line(sweep, axes, found, readout.bounds, (ARM, "-", "o"))
        by_label = {tick_label(value): values for value, values in found}
        svg = as_svg(canvas, sweep.title + title, f"{title} by {sweep.field}. Means: {spoken_means(by_label)}")
    counts = {name: len(values) for name, values in by_label.items()}
    return Figure(title, seeds_caption(counts) + not_run(sweep, by_label), svg)


def overlay_panel(results: OrganismResults, sweep: Sweep, arms: Sequence[Arm]) -> Figure:
    """Every readout of a sweep on one pair of axes, a line each; those without traces are named in the caption."""
    labels = line_labels(sweep.readouts)
    title = truncated(", ".join(labels), 120)
    styles = line_styles(labels)
    lines = [(readout, dose_response(results, sweep, arms, readout)) for readout in sweep.readouts]
    drawn = [(label, look, *line) for label, look, line in zip(labels, styles, lines, strict=True) if line[1]]
    absent = [
        f"{label}: {results.why_missing(arms[0], readout)}."
        for label, (readout, found) in zip(labels, lines, strict=True)
        if not found
    ]
    if not drawn:
        return Figure(title, f"No figure: {' '.join(absent)}")
    units = {readout.unit for _, _, readout, _ in drawn}
    if len(units) > 1:  # one axis cannot name them all, so each line names its own
        drawn = [(f"{label} ({readout.unit})", look, readout, found) for label, look, readout, found in drawn]
    ylabel = units.pop() if len(units) == 1 else "estimate, each line in its own unit"
    columns = legend_columns([truncated(label, 58) for label, *_ in drawn])
    above = 0.17 * math.ceil(len(drawn) / columns)
    ranges = [axis_limits(readout, [v for _, vs in found for v in vs]) for _, _, readout, found in drawn]
    with style(), canvas_of_size(3.5, 2.6 + above) as canvas:
        axes = panel(canvas, left=0.42 + 0.14 * line_count(ylabel, 38), bottom=0.5, top=0.32 + above, right=0.12)
        axes.set(ylim=(min(low for low, _ in ranges), max(high for _, high in ranges)), ylabel=wrapped(ylabel, 38))
        dose_axis(results, sweep, axes, drawn[0][2])
        for place, (label, look, readout, found) in enumerate(drawn):
            aside = place - (len(drawn) - 1) / 2  # intervals at one value stand beside each other
            dose_line(sweep, axes, found, readout.bounds, look, truncated(label, 58), aside)
        legend_above(canvas, axes, columns, lift=0.2)
        by_label = {label: {tick_label(value): values for value, values in found} for label, _, _, found in drawn}
        means = " ".join(f"{label}: {spoken_means(line)}" for label, line in by_label.items())
        svg = as_svg(canvas, sweep.title + title, f"{sweep.title}, by {sweep.field}. Means: {means}")
    counts = {label: seeds_caption({x: len(vs) for x, vs in line.items()}) for label, line in by_label.items()}
    alike = len(set(counts.values())) == 1
    words = list(counts.values())[:1] if alike else [f"{label}: {count}" for label, count in counts.items()]
    words += [f"No line for {reason}" for reason in absent]
    return Figure(title, " ".join(words) + not_run(sweep, {value for line in by_label.values() for value in line}), svg)


def dose_response(
    results: OrganismResults, sweep: Sweep, arms: Sequence[Arm], readout: Readout
) -> list[tuple[Any, list[float]]]:
    """The sweep's values that have estimates, each with one a seed."""
    pairs = zip(sweep.values, arms, strict=True)
    return [(value, values) for value, arm in pairs if (values := results.estimates(arm, readout))]


def dose_axis(results: OrganismResults, sweep: Sweep, axes: Axes, readout: Readout) -> None:
    """The axis of a sweep's values, with the own value of the arm that is varied marked."""
    places, cut = tick_positions(sweep.values)
    at = dict(zip(map(repr, sweep.values), places, strict=True))
    edge = 0.06 * (max(places) - min(places)) or 0.5
    axes.set(xlim=(min(places) - edge, max(places) + edge), xlabel=with_unit(results, readout.assay, sweep.field))
    axes.set_xticks(places, [tick_label(value) for value in sweep.values])
    if max(len(tick_label(value)) for value in sweep.values) * len(places) > 44:
        axes.tick_params(axis="x", labelsize=6.5)
    axes.grid(axis="y")
    own = repr(functools.reduce(getattr, sweep.field.split("."), results.organism.arm(sweep.of).recipe))
    if own in at:
        axes.axvline(at[own], color=FAINT, lw=5, zorder=0)
        whose = "the organism" if sweep.of == "organism" else truncated(sweep.of, 26)
        axes.annotate(
            whose, (at[own], 1), (0, 2), xycoords=("data", "axes fraction"), fontsize=7.5,
            textcoords="offset points", color=SOFT, va="bottom", ha=alignment(at[own], places),
        )  # fmt: skip
    if cut is not None:  # the axis is broken between 0 and the first value that has a logarithm
        axes.plot([cut], [0], "|", transform=axes.get_xaxis_transform(), color="white", ms=9, mew=5, clip_on=False)
        axes.annotate("//", (cut, 0), xycoords=("data", "axes fraction"), ha="center", va="center", color=REST)


def dose_line(
    sweep: Sweep,
    axes: Axes,
    found: Sequence[tuple[Any, list[float]]],
    bounds: tuple[float, float],
    look: tuple[Any, Any, str],
    label: str | None = None,
    aside: float = 0.0,
) -> None:
    """Means, intervals and seeds of one readout, `aside` of its values where lines share the axes."""
    colour, dash, marker = look
    places, cut = tick_positions(sweep.values)
    at = dict(zip(map(repr, sweep.values), places, strict=True))
    wide = max(places) - min(places)
    spread = (0.018 if label is None else 0.006) * wide  # lines that share the axes keep to narrow columns of seeds
    means = []
    for value, values in found:
        x = at[repr(value)] + 0.02 * aside * wide
        mean, bottom, top = mean_and_interval(values, bounds)
        means.append((x, mean))
        jitter = spread * (np.arange(len(values)) % 3 - 1)
        axes.plot(x + jitter, values, ".", color=colour, alpha=0.4, ms=6, mew=0, clip_on=False)
        axes.plot([x, x], [bottom, top], color=colour, lw=1.8, solid_capstyle="butt")  # of two seeds it may be endless
    line = np.array(sorted(means))
    shape: dict[str, Any] = {"ls": dash, "marker": marker, "color": colour, "ms": 5, "mec": "white", "mew": 0.8}
    for piece in (line,) if cut is None else (line[line[:, 0] < cut], line[line[:, 0] > cut]):
        axes.plot(piece[:, 0], piece[:, 1], lw=1.1, clip_on=False, **shape)
    if label is not None:  # empty, since a broken axis cuts one line into two
        axes.plot([], [], lw=1.1, label=label, **shape)


def not_run(sweep: Sweep, ran: Container[str]) -> str:
    """The sweep's values that no seed was measured at."""
    absent = [name for value in sweep.values if (name := tick_label(value)) not in ran]
    return f" Not yet run: {', '.join(absent)}." if absent else ""
