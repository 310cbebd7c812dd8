"""Designs drawn at random: how many fail under each law, and where those that do stand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from turncoat.core import Choice, LogUniform, RandomDesigns
from turncoat.report.designs import DesignResults, design_results, field_words, laws_words
from turncoat.report.figures.labels import with_unit
from turncoat.report.figures.style import (
    ARM,
    CONTROL,
    INK,
    REST,
    SOFT,
    Figure,
    as_svg,
    canvas_of_size,
    legend_above,
    line_styles,
    panel,
    style,
)
from turncoat.report.results import OrganismResults
from turncoat.report.words import number, tick_label, wrapped
from turncoat.stats import MIN_EFFECTIVE

JITTER = 0.05  # of the distance between two values, where designs share one
LABEL = 24  # characters in a line of a law's name


def design_figures(results: OrganismResults, designs: RandomDesigns) -> list[Figure]:
    """The share of designs with each outcome by law, then of each outcome which designs have it."""
    found = design_results(results, designs)
    if not found.ran:
        arm = results.organism.family_arms(designs)[0]
        return [Figure("By law", f"No figure: {results.why_missing(arm, designs.competent.at_least[0][0])}.")]
    return [law_figure(found), *(scatter_figure(results, found, outcome.name) for outcome in designs.outcomes)]


# -- shares by law ---------------------------------------------------------------------------------------


def law_figure(found: DesignResults) -> Figure:
    """A row a law: the share of designs with each outcome and its interval, if there are designs enough."""
    outcomes, laws = list(found.happened), list(found.laws)
    looks = line_styles(outcomes)
    columns = 2 if max(map(len, outcomes)) < 12 else 1
    above = 0.17 * math.ceil(len(outcomes) / columns)
    spoken = []
    with style(), canvas_of_size(3.5, 0.38 * len(laws) + 0.75 + above) as canvas:
        axes = panel(canvas, left=1.4, bottom=0.42, top=0.33 + above, right=0.36)
        for row, law in enumerate(laws):
            shares = {outcome: found.prevalence(law, outcome) for outcome in outcomes}
            effective = f"{shares[outcomes[0]].effective:.0f}"
            axes.annotate(effective, (1, row), (6, 0), xycoords=("axes fraction", "data"), textcoords="offset points",
                          va="center", color=SOFT, fontsize=8)  # fmt: skip
            if not shares[outcomes[0]].determined:
                axes.text(0.5, row, "undetermined", ha="center", va="center", color=SOFT, fontsize=8)
                spoken.append(f"{law}: undetermined")
                continue
            for place, (outcome, look) in enumerate(zip(outcomes, looks, strict=True)):
                share, y = shares[outcome], row + 0.17 * (place - (len(outcomes) - 1) / 2)
                axes.plot([share.low, share.high], [y, y], color=look[0], lw=1.6, solid_capstyle="butt")
                axes.plot(share.share, y, look[2], color=look[0], ms=5, mec="white", mew=0.7, clip_on=False)
            spoken.append(f"{law}: " + ", ".join(f"{outcome} {number(shares[outcome].share)}" for outcome in outcomes))
        for outcome, look in zip(outcomes, looks, strict=True):
            axes.plot([], [], look[2], color=look[0], ls="-", lw=1.6, mec="white", mew=0.7, label=outcome)
        axes.set(xlim=(0, 1), ylim=(len(laws) - 0.5, -0.5), xlabel="share of designs, with 95% interval")
        axes.set_yticks(range(len(laws)), [wrapped(law, LABEL) for law in laws], fontsize=7.5)
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.grid(axis="x")
        axes.annotate("effective n", (1, -0.5), (24, 4), xycoords=("axes fraction", "data"),
                      textcoords="offset points", color=SOFT, fontsize=7.5, ha="right")  # fmt: skip
        legend_above(canvas, axes, columns, lift=0.16)
        svg = as_svg(
            canvas, found.designs.title + "laws", f"{found.designs.title}, shares by law. {'; '.join(spoken)}."
        )
    drawn = f"Drawn: {laws_words(found.designs.fields)}."
    rest = f"Right: effective number of designs; below {MIN_EFFECTIVE:.0f} nothing is said."
    return Figure("By law", f"{found.counts()}. {drawn} Other laws weight the same designs anew. {rest}", svg)


# -- which designs ---------------------------------------------------------------------------------------


def scatter_figure(results: OrganismResults, found: DesignResults, outcome: str) -> Figure:
    """Every design over the two fields that tell most about an outcome, by what came of it."""
    told = found.predictors[outcome]
    first, second = sorted(told, key=lambda path: -np.nan_to_num(abs(told[path][0] - 0.5)))[:2]
    competent, yes = found.happened[found.designs.competent.name], found.happened[outcome]
    groups: tuple[tuple[str, np.ndarray, dict[str, Any]], ...] = (
        (outcome, yes, {"marker": "o", "color": ARM, "mec": "white", "mew": 0.6}),
        (f"no {outcome}", competent & ~yes, {"marker": "s", "mfc": "none", "color": CONTROL, "mew": 1.1, "ms": 4}),
        (f"not {found.designs.competent.name}", ~competent, {"marker": "x", "color": REST, "mew": 1.1, "ms": 4.5}),
    )
    with style(), canvas_of_size(3.5, 3.0) as canvas:
        axes = panel(canvas, left=0.72, bottom=0.5, top=0.46, right=0.14)
        x, y = (places(found, path, axes, way) for path, way in ((first, "x"), (second, "y")))
        for label, which, look in groups:
            axes.plot(x[which], y[which], ls="", label=f"{label} ({int(which.sum())})", clip_on=False, **look)
        readout = found.designs.readouts[0]
        labels = [wrapped(with_unit(results, readout.assay, path), 40) for path in (first, second)]
        axes.set(xlabel=labels[0], ylabel=labels[1])
        axes.grid()
        legend_above(canvas, axes, 2)
        counts = ", ".join(f"{label} {int(which.sum())}" for label, which, _ in groups)
        areas = "; ".join(f"{field_words(path)} {number(area)} (p {p:.2g})" for path, (area, p) in told.items())
        if not np.isfinite(told[first][0]):
            areas = "none, since designs are too few, or all or none have it"
        svg = as_svg(canvas, found.designs.title + outcome, f"{found.designs.title}: {counts}. AUROC: {areas}.")
    return Figure(outcome.capitalize(), f"{found.counts()}. AUROC: {areas}.", svg)


def places(found: DesignResults, path: str, axes: Axes, way: str) -> np.ndarray:
    """[n] where designs stand along one axis ("x" or "y"), whose ticks are set: logarithmic where their law is, with 0
    apart."""
    law, values = found.designs.fields[path], found.features[list(found.designs.fields).index(path)]
    aside = np.random.default_rng(0).uniform(-JITTER, JITTER, len(values))  # for values that several designs have
    ticks, limits = (axes.set_xticks, axes.set_xlim) if way == "x" else (axes.set_yticks, axes.set_ylim)
    if isinstance(law, Choice):
        limits(-0.4, len(law.values) - 0.6)
        ticks(range(len(law.values)), [tick_label(value) for value in law.values], fontsize=7)
        return values + 2 * aside
    if not isinstance(law, LogUniform):
        return values
    low, high = math.log10(law.low), math.log10(law.high)
    steps = [(2.0 if high - low < 2 else 10.0) ** power for power in range(-10, 11)]  # octaves, or decades
    marks = {math.log10(step): tick_label(step) for step in steps if law.low <= step <= law.high}
    zero, air = low - 0.15 * (high - low), 0.04 * (high - low)
    if law.zero:
        marks = {zero: "0"} | marks
        cut = (low + zero) / 2
        spot, turned = ((cut, 0), 0) if way == "x" else ((0, cut), 90)
        frame = axes.get_xaxis_transform() if way == "x" else axes.get_yaxis_transform()
        axes.annotate("//", spot, xycoords=frame, ha="center", va="center", color=REST, rotation=turned)
    ticks(list(marks), list(marks.values()))
    limits((zero if law.zero else low) - air, high + air)
    return np.where(values > 0, np.log10(np.where(values > 0, values, 1)), zero + 0.6 * aside * (high - low))
