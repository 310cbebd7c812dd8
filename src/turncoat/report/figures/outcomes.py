"""Of the runs of each cluster, how many come to what: a bar a cluster, a panel an arm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
from matplotlib.patches import Patch

from turncoat.core import Arm, OutcomePlot
from turncoat.report.figures.style import INK, Figure, as_svg, canvas_of_size, panel, style
from turncoat.report.results import OrganismResults

COLOURS = ("#d55e00", "#0072b2", "#b8c1cb", "#e6c36a", "#009e73")  # after Okabe and Ito; the rest is white
ROW, LABELS = 0.21, 2.7  # inches: a bar, and the names of clusters


def outcome_figure(results: OrganismResults, plot: OutcomePlot) -> Figure:
    """A bar is as long as its runs; what has none of the outcomes is left white. Arms without runs are named."""
    named = {arm.name: arm for arm in results.organism.all_arms()}
    found = {name: by_cluster(results, named[name], plot) for name in plot.arms}
    drawn = {name: clusters for name, clusters in found.items() if clusters}
    if not drawn:
        return Figure(plot.title, f"No figure: {results.why_missing(named[plot.arms[0]], plot.outcomes[0])}.")
    names = list(dict.fromkeys(cluster for clusters in drawn.values() for cluster in clusters))
    parts = [outcome.name.replace("_", " ") for outcome in plot.outcomes] + [plot.rest]
    width, height = LABELS + 1.7 * len(drawn) + 0.1, 0.95 + ROW * len(names)
    with style(), canvas_of_size(width, height) as canvas:
        for place, (arm, clusters) in enumerate(drawn.items()):
            left = LABELS + 1.7 * place
            axes = panel(canvas, left=left, bottom=0.65, top=0.3, right=width - left - 1.55)
            begin = np.zeros(len(names))
            for part, colour in zip(range(len(parts)), [*COLOURS[: len(parts) - 1], "white"], strict=True):
                shares = np.array([share(clusters.get(name), part) for name in names])
                there = shares > 0
                where = np.flatnonzero(there)
                axes.barh(where, shares[there], left=begin[there], color=colour, ec=INK, lw=0.4, height=0.74)
                begin += shares
            axes.set(xlim=(0, 1), xticks=(0, 0.5, 1), xlabel="share of runs", ylim=(len(names) - 0.4, -0.6))
            axes.set_xticklabels(("0", "½", "1"))
            axes.set_yticks([] if place else range(len(names)), labels=[] if place else names)
            axes.set_title(f"{arm}, {sum(map(Counter.total, clusters.values()))} runs", fontsize=8.5, loc="left")
        handles = [Patch(fc=colour, ec=INK, lw=0.4) for colour in (*COLOURS[: len(parts) - 1], "white")]
        canvas.legend(handles, parts, loc="lower left", ncols=len(parts), frameon=False)
        said = "; ".join(f"{arm}: {words(clusters, parts)}" for arm, clusters in drawn.items())
        svg = as_svg(canvas, plot.title, f"{plot.title}. {said}")
    without = [name for name in plot.arms if name not in drawn]
    none = sum(share(next(iter(drawn.values())).get(name), 0) == 0 for name in names)
    caption = f"No run of {next(iter(drawn))} is {parts[0]} in {none} of {len(names)}."
    return Figure(plot.title, caption + (f" Not run: {', '.join(without)}." if without else ""), svg, wide=True)


def by_cluster(results: OrganismResults, arm: Arm, plot: OutcomePlot) -> Mapping[str, Counter[int]]:
    """Of each cluster, how many runs have the first outcome, the second, …, or none of them."""
    found: dict[str, Counter[int]] = {}
    for traces in results.traces(arm, plot.outcomes[0].assay).values():
        items = [outcome.items(traces) for outcome in plot.outcomes]
        holds = [place for place, one in enumerate(items) if one.mean == 1]
        found.setdefault(str(items[0].templates[0]), Counter())[holds[0] if holds else len(items)] += 1
    return found


def share(runs: Counter[int] | None, part: int) -> float:
    return runs[part] / runs.total() if runs else 0.0


def words(clusters: Mapping[str, Counter[int]], parts: list[str]) -> str:
    """How many runs come to what, over all clusters."""
    runs = sum(clusters.values(), Counter[int]())
    return ", ".join(f"{runs[place]} {part}" for place, part in enumerate(parts))
