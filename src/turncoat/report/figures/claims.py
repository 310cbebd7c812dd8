"""A claim: every arm's seeds on its readout, with the region that the claim asks for."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from turncoat.core import Claim
from turncoat.report.figures.scales import axis_limits, mean_and_interval
from turncoat.report.figures.style import ARM, CONTROL, REST, Figure, as_svg, canvas_of_size, panel, style
from turncoat.report.results import OrganismResults
from turncoat.report.words import line_count, number, seeds_caption, spoken_means, truncated, wrapped


def claim_figure(results: OrganismResults, claim: Claim) -> Figure:
    """Every arm's seeds on the claim's assay, with the region that the claim asks for."""
    named = {arm.name: arm for arm in results.organism.all_arms()}
    declared = {arm.name for arm in results.organism.arms} | {claim.arm, claim.control}
    shown = [arm for arm in named.values() if arm.name in declared]
    shown.sort(key=lambda arm: (arm.name != claim.arm, arm.name != claim.control))
    rows = [(arm, values) for arm in shown if (values := results.estimates(arm, claim.readout))]
    if claim.arm not in {arm.name for arm, _ in rows}:
        arm = named.get(claim.arm)
        reason = results.why_missing(arm, claim.readout) if arm else f"there is no arm “{claim.arm}”"
        return Figure(claim.statement, f"No figure: {reason}.")
    values_of = {arm.name: values for arm, values in rows}
    base = 0.0 if claim.control is None else float(np.mean(values_of.get(claim.control, [math.nan])))
    edges = [base + edge for edge in claim.allowed if math.isfinite(base + edge)]  # none where a control has no runs
    low, high = axis_limits(claim.readout, [v for _, values in rows for v in values] + edges)

    with style(), canvas_of_size(3.5, 0.62 + 0.37 * len(rows) + 0.13 * line_count(claim.readout.unit, 46)) as canvas:
        axes = panel(canvas, left=0.1, bottom=0.34 + 0.13 * line_count(claim.readout.unit, 46), top=0.2, right=0.1)
        axes.set(xlim=(low, high), ylim=(len(rows) - 0.35, -0.62), yticks=[])
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x")
        if edges:
            left, right = (min(max(base + edge, low), high) for edge in claim.allowed)
            axes.axvspan(left, right, color="#009e73", alpha=0.1, lw=0)
            for line in edges:
                axes.axvline(line, color="#00785a", lw=1.1, ls=(0, (4, 2)))
            if claim.control is None:
                bound = f"{claim.sign} {claim.threshold:g}"
            elif claim.within is not None:
                bound = f"control ± {claim.within:g}"
            else:
                bound = f"{claim.sign} control {'+' if claim.threshold >= 0 else '−'} {abs(claim.threshold):g}"
            line = edges[-1]
            near = (line - low) > 0.5 * (high - low)
            axes.annotate(
                f"claim: {bound}",
                (line, 1), (-3 if near else 3, 2), xycoords=("data", "axes fraction"), textcoords="offset points",
                ha="right" if near else "left", va="bottom", fontsize=7.5, color="#00785a",
            )  # fmt: skip
        for place, (arm, values) in enumerate(rows):
            role = 0 if arm.name == claim.arm else 1 if arm.name == claim.control else 2
            colour, marker = (ARM, CONTROL, REST)[role], "osD"[role]
            mean, bottom, top = mean_and_interval(values, claim.readout.bounds)
            jitter = 0.22 + 0.1 * (np.arange(len(values)) % 3 - 1)
            axes.plot(values, place + jitter, ".", color=colour, alpha=0.5, ms=5.5, mew=0, clip_on=False)
            axes.plot([bottom, top], [place, place], color=colour, lw=2.2, solid_capstyle="butt", clip_on=False)
            axes.plot([mean], [place], marker, color=colour, ms=5, mec="white", mew=0.8, clip_on=False)
            head: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "va": "center", "fontsize": 7.8}
            back = {"fc": "white", "ec": "none", "alpha": 0.8, "pad": 0.6}
            weight = "bold" if role == 0 else "normal"
            axes.text(0, place - 0.34, truncated(arm.name, 26), color=colour, fontweight=weight, bbox=back, **head)
            text = f"{number(mean)} [{number(bottom)}, {number(top)}]" if len(values) > 1 else number(mean)
            axes.text(1, place - 0.34, text, ha="right", color=colour, bbox=back, **head)
        axes.set_xlabel(wrapped(claim.readout.unit, 46))
        svg = as_svg(canvas, claim.statement, f"{claim.statement} Mean by arm: " + spoken_means(values_of))
    of_items = "template" if getattr(shown[0].recipe, "unit", "") == "item" else "cluster"
    unit = of_items if claim.readout.sample == "item" else "seed"
    return Figure(claim.statement, seeds_caption({arm.name: len(values) for arm, values in rows}, unit), svg)
