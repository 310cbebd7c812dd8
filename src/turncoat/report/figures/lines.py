"""Lines with a band: the mean across seeds and its 95% interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from turncoat.report.figures.scales import mean_and_interval, sort_key
from turncoat.report.figures.style import (
    as_svg,
    canvas_of_size,
    legend_above,
    legend_columns,
    line_styles,
    panel,
    style,
)
from turncoat.report.words import line_count, tick_label, wrapped


def line_drawing(
    title: str,
    lines: Mapping[Any, Sequence[Mapping[Any, float]]],
    xlabel: str,
    ylabel: str,
    by: str | None = None,
    places: Mapping[Any, Mapping[Any, float]] | None = None,
) -> str:
    """Means across seeds with their intervals as bands, as SVG. `lines`: key -> x -> y of each seed; `by` is what the
    keys are called. An x that spans much is logarithmic, unless `places` say where it stands: key -> x -> place."""
    ticks = sorted({x for line in lines.values() for seed in line for x in seed}, key=sort_key)
    numeric = all(isinstance(x, (int, float)) and not isinstance(x, bool) for x in ticks)
    own = {x: float(x) if numeric else float(i) for i, x in enumerate(ticks)}
    styles = line_styles(list(lines))
    labels = [tick_label(key) for key in lines]
    columns = legend_columns(labels)
    legend = len(lines) > 1 or by is not None
    rows = math.ceil(len(lines) / columns) if legend else 0
    with style(), canvas_of_size(3.5, 2.45 + 0.17 * rows) as canvas:
        extra = 0.14 * (line_count(ylabel, 36) - 1)
        axes = panel(canvas, left=0.56 + extra, bottom=0.48, top=0.12 + 0.17 * rows + 0.18 * bool(rows), right=0.15)
        everything = []
        for (key, seeds), (colour, dash, marker) in zip(lines.items(), styles, strict=True):
            xs = [x for x in ticks if any(x in seed for seed in seeds)]
            place = own if places is None else places[key]
            at = [place[x] for x in xs]
            stats = np.array(
                [mean_and_interval([seed[x] for seed in seeds if x in seed], (-math.inf, math.inf)) for x in xs]
            )
            everything += [value for seed in seeds for value in seed.values()]
            axes.fill_between(at, stats[:, 1], stats[:, 2], color=colour, alpha=0.15, lw=0)
            ends: dict[str, Any] = {"marker": marker, "ms": 4, "mec": "white", "mew": 0.6} if len(xs) <= 20 else {}
            axes.plot(at, stats[:, 0], color=colour, ls=dash, label=tick_label(key), **ends)
        low, high = min(everything), max(everything)
        if low >= 0 and high <= 1:
            axes.set_ylim(-0.03, 1.03)
        if places is None and (not numeric or len(ticks) <= 6):
            axes.set_xticks([own[x] for x in ticks], [tick_label(x) for x in ticks])
        elif places is None and ticks[0] > 0 and ticks[-1] / ticks[0] >= 50:
            axes.set_xscale("log")
            axes.minorticks_off()
            some = ticks[:: math.ceil(len(ticks) / 8)]
            axes.set_xticks(some, [tick_label(x) for x in some])
        axes.grid(axis="y")
        axes.set(xlabel=xlabel, ylabel=wrapped(ylabel, 36))
        if rows:
            legend_above(canvas, axes, columns, by)
        return as_svg(canvas, title, f"{title}: {ylabel} against {xlabel}, lines: {', '.join(labels)}")
