"""Figures as SVG: text stays text, colours are safe for colour-blind readers, and the run is the sample.

Every point with a bar is a mean across seeds with its 95% t interval; every small dot is one seed. What a store does
not hold is not drawn: the figure is then a sentence that says so.
"""

from __future__ import annotations

import functools
import io
import math
import re
import textwrap
import warnings
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Rectangle

from turncoat import registration
from turncoat.assays.behaviour.measures import Level
from turncoat.core import Arm, Claim, Curve, Log, Organism, Phases, Sweep, Traces, TurncoatError, digest
from turncoat.stats import mean_interval
from turncoat.store import Store

INK, SOFT, FAINT, REST = "#1f2328", "#5c646d", "#dfe3e8", "#7b838c"
ARM, CONTROL = "#0072b2", "#d55e00"
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b58900", "#56b4e9", "#000000", "#7b838c")  # after Okabe, Ito
MARKERS = "osD^vPX*"
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (5, 1.5, 1.2, 1.5)))
STYLE: Any = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "text.usetex": False,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # for measuring; the page sets its own face
    "font.size": 8.5,
    "axes.labelsize": 8.5,
    "axes.labelcolor": SOFT,
    "axes.edgecolor": REST,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.7,
    "text.color": INK,
    "xtick.color": REST,
    "ytick.color": REST,
    "xtick.labelcolor": SOFT,
    "ytick.labelcolor": SOFT,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "lines.linewidth": 1.6,
    "legend.frameon": False,
    "legend.fontsize": 8,
}


@dataclass(frozen=True)
class Figure:
    """A drawing, or, with `svg` empty, the sentence in `caption` that says why there is none."""

    title: str
    caption: str
    svg: str = ""


class Shelf:
    """What one organism has in the store, read once. `notes` says what could not be read. The runs of a replication are
    in the table of verdicts, apart, and in no figure."""

    def __init__(self, organism: Organism, store: Store) -> None:
        self.organism, self.store = organism, store
        self.apart = registration.seeds_of(registration.load(organism.name))
        self.notes: list[str] = []
        self.cache: dict[tuple[str, str], dict[int, Traces]] = {}

    def traces(self, arm: Arm, assay: Any) -> dict[int, Traces]:
        """Traces by seed; seeds without any are left out."""
        key = digest(arm.recipe), digest(assay, pure=False)
        if key not in self.cache:
            self.cache[key] = found = {}
            for seed in self.seeds(arm):
                try:
                    traces = self.store.load_traces(self.organism.name, arm, seed, assay)
                except TurncoatError as error:
                    self.notes.append(str(error))
                    continue
                if traces is not None:
                    found[seed] = traces
        return self.cache[key]

    def seeds(self, arm: Arm) -> list[int]:
        """Finished runs of an arm that are drawn."""
        return [seed for seed in self.store.seeds(self.organism.name, arm) if seed not in self.apart]

    def estimates(self, arm: Arm, assay: Any) -> list[float]:
        """One finite estimate a seed."""
        values = (float(assay.estimate(traces)) for traces in self.traces(arm, assay).values())
        return [value for value in values if math.isfinite(value)]

    def why_not(self, arm: Arm, assay: Any) -> str:
        """Why there is nothing to draw."""
        for seed in self.seeds(arm):
            if reason := self.store.untestable(self.organism.name, arm, seed, assay):
                return f"not testable: {reason}"
        return f"the store holds no traces of {assay_name(assay)} for arm “{arm.name}” yet"

    def logs(self, arm: Arm) -> list[list[dict[str, Any]]]:
        """The training log of each seed, one dict a report; seeds without any are left out."""
        found = []
        for seed in self.seeds(arm):
            try:
                log = self.store.metrics(self.organism.name, arm, seed)
            except TurncoatError as error:
                if str(error) not in self.notes:  # one log stands in several figures
                    self.notes.append(str(error))
                continue
            if log:
                found.append(log)
        return found


# -- the kinds of figure -------------------------------------------------------------------------------


def claim_figure(shelf: Shelf, claim: Claim) -> Figure:
    """Every arm's seeds on the claim's assay, with the region that the claim asks for."""
    named = {arm.name: arm for arm in shelf.organism.all_arms()}
    declared = {arm.name for arm in shelf.organism.arms} | {claim.arm, claim.control}
    shown = [arm for arm in named.values() if arm.name in declared]
    shown.sort(key=lambda arm: (arm.name != claim.arm, arm.name != claim.control))
    rows = [(arm, values) for arm in shown if (values := shelf.estimates(arm, claim.assay))]
    if claim.arm not in {arm.name for arm, _ in rows}:
        arm = named.get(claim.arm)
        reason = shelf.why_not(arm, claim.assay) if arm else f"there is no arm “{claim.arm}”"
        return Figure(claim.says, f"No figure: {reason}.")
    values_of = {arm.name: values for arm, values in rows}
    base = 0.0 if claim.control is None else float(np.mean(values_of.get(claim.control, [math.nan])))
    edges = [base + edge for edge in claim.allowed if math.isfinite(base + edge)]  # none where a control has no runs
    low, high = limits(claim.assay, [v for _, values in rows for v in values] + edges)

    with style(), drawing(3.5, 0.62 + 0.37 * len(rows) + 0.13 * label_lines(claim.assay.says, 46)) as canvas:
        axes = panel(canvas, left=0.1, bottom=0.34 + 0.13 * label_lines(claim.assay.says, 46), top=0.2, right=0.1)
        axes.set(xlim=(low, high), ylim=(len(rows) - 0.35, -0.62), yticks=[])
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x")
        if edges:
            left, right = (min(max(base + edge, low), high) for edge in claim.allowed)
            axes.axvspan(left, right, color="#009e73", alpha=0.1, lw=0)
            for line in edges:
                axes.axvline(line, color="#00785a", lw=1.1, ls=(0, (4, 2)))
            if claim.control is None:
                said_so = f"{claim.sign} {claim.threshold:g}"
            elif claim.within is not None:
                said_so = f"control ± {claim.within:g}"
            else:
                said_so = f"{claim.sign} control {'+' if claim.threshold >= 0 else '−'} {abs(claim.threshold):g}"
            line = edges[-1]
            near = (line - low) > 0.5 * (high - low)
            axes.annotate(
                f"claim: {said_so}",
                (line, 1), (-3 if near else 3, 2), xycoords=("data", "axes fraction"), textcoords="offset points",
                ha="right" if near else "left", va="bottom", fontsize=7.5, color="#00785a",
            )  # fmt: skip
        for place, (arm, values) in enumerate(rows):
            role = 0 if arm.name == claim.arm else 1 if arm.name == claim.control else 2
            colour, marker = (ARM, CONTROL, REST)[role], "osD"[role]
            mean, bottom, top = interval(values, claim.assay.bounds)
            wobble = 0.22 + 0.1 * (np.arange(len(values)) % 3 - 1)
            axes.plot(values, place + wobble, ".", color=colour, alpha=0.5, ms=5.5, mew=0, clip_on=False)
            axes.plot([bottom, top], [place, place], color=colour, lw=2.2, solid_capstyle="butt", clip_on=False)
            axes.plot([mean], [place], marker, color=colour, ms=5, mec="white", mew=0.8, clip_on=False)
            head: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "va": "center", "fontsize": 7.8}
            back = {"fc": "white", "ec": "none", "alpha": 0.8, "pad": 0.6}
            weight = "bold" if role == 0 else "normal"
            axes.text(0, place - 0.34, short(arm.name, 26), color=colour, fontweight=weight, bbox=back, **head)
            told = f"{number(mean)} [{number(bottom)}, {number(top)}]" if len(values) > 1 else number(mean)
            axes.text(1, place - 0.34, told, ha="right", color=colour, bbox=back, **head)
        axes.set_xlabel(wrap(claim.assay.says, 46))
        svg = render(canvas, claim.says, f"{claim.says} Mean by arm: " + said(values_of))
    return Figure(claim.says, seeds_caption({arm.name: len(values) for arm, values in rows}), svg)


def sweep_figures(shelf: Shelf, sweep: Sweep) -> list[Figure]:
    """Estimate against the recipe field: one dose-response panel an assay, or with `overlay` one for them all."""
    arms = shelf.organism.family_arms(sweep)
    if sweep.overlay:
        return [overlay_panel(shelf, sweep, arms)]
    return [sweep_panel(shelf, sweep, arms, assay) for assay in sweep.assays]


def sweep_panel(shelf: Shelf, sweep: Sweep, arms: Sequence[Arm], assay: Any) -> Figure:
    title = assay_name(assay)
    found = dose_response(shelf, sweep, arms, assay)
    if not found:
        return Figure(title, f"No figure: {shelf.why_not(arms[0], assay)}.")
    lines = label_lines(assay.says, 38)
    with style(), drawing(3.5, 2.5) as canvas:
        axes = panel(canvas, left=0.42 + 0.14 * lines, bottom=0.5, top=0.24, right=0.12)
        axes.set(ylim=limits(assay, [v for _, vs in found for v in vs]), ylabel=wrap(assay.says, 38))
        dose_axis(shelf, sweep, axes, assay)
        dose_line(sweep, axes, found, assay.bounds, (ARM, "-", "o"))
        heard = {tick(value): values for value, values in found}
        svg = render(canvas, sweep.title + title, f"{title} by {sweep.field}. Means: {said(heard)}")
    counts = {name: len(values) for name, values in heard.items()}
    return Figure(title, seeds_caption(counts) + not_run(sweep, heard), svg)


def overlay_panel(shelf: Shelf, sweep: Sweep, arms: Sequence[Arm]) -> Figure:
    """Every assay of a sweep on one pair of axes, a line each; those without traces are named in the caption."""
    labels = line_labels(sweep.assays)
    title = short(", ".join(labels), 120)
    looks = looks_of(labels)
    lines = [(assay, dose_response(shelf, sweep, arms, assay)) for assay in sweep.assays]
    drawn = [(label, look, *line) for label, look, line in zip(labels, looks, lines, strict=True) if line[1]]
    absent = [
        f"{label}: {shelf.why_not(arms[0], assay)}."
        for label, (assay, found) in zip(labels, lines, strict=True)
        if not found
    ]
    if not drawn:
        return Figure(title, f"No figure: {' '.join(absent)}")
    units = {assay.says for _, _, assay, _ in drawn}
    if len(units) > 1:  # one axis cannot name them all, so each line names its own
        drawn = [(f"{label} ({assay.says})", look, assay, found) for label, look, assay, found in drawn]
    ylabel = units.pop() if len(units) == 1 else "estimate, each line in its own unit"
    columns = legend_columns([short(label, 58) for label, *_ in drawn])
    above = 0.17 * math.ceil(len(drawn) / columns)
    ranges = [limits(assay, [v for _, vs in found for v in vs]) for _, _, assay, found in drawn]
    with style(), drawing(3.5, 2.6 + above) as canvas:
        axes = panel(canvas, left=0.42 + 0.14 * label_lines(ylabel, 38), bottom=0.5, top=0.32 + above, right=0.12)
        axes.set(ylim=(min(low for low, _ in ranges), max(high for _, high in ranges)), ylabel=wrap(ylabel, 38))
        dose_axis(shelf, sweep, axes, drawn[0][2])
        for place, (label, look, assay, found) in enumerate(drawn):
            aside = place - (len(drawn) - 1) / 2  # intervals at one value stand beside each other
            dose_line(sweep, axes, found, assay.bounds, look, short(label, 58), aside)
        legend_above(canvas, axes, columns, lift=0.2)
        heard = {label: {tick(value): values for value, values in found} for label, _, _, found in drawn}
        told = " ".join(f"{label}: {said(line)}" for label, line in heard.items())
        svg = render(canvas, sweep.title + title, f"{sweep.title}, by {sweep.field}. Means: {told}")
    counts = {label: seeds_caption({x: len(vs) for x, vs in line.items()}) for label, line in heard.items()}
    alike = len(set(counts.values())) == 1
    words = list(counts.values())[:1] if alike else [f"{label}: {count}" for label, count in counts.items()]
    words += [f"No line for {reason}" for reason in absent]
    return Figure(title, " ".join(words) + not_run(sweep, {value for line in heard.values() for value in line}), svg)


def dose_response(shelf: Shelf, sweep: Sweep, arms: Sequence[Arm], assay: Any) -> list[tuple[Any, list[float]]]:
    """The sweep's values that have estimates, each with one a seed."""
    pairs = zip(sweep.values, arms, strict=True)
    return [(value, values) for value, arm in pairs if (values := shelf.estimates(arm, assay))]


def dose_axis(shelf: Shelf, sweep: Sweep, axes: Axes, assay: Any) -> None:
    """The axis of a sweep's values, with the own value of the arm that is varied marked."""
    places, cut = positions(sweep.values)
    at = dict(zip(map(repr, sweep.values), places, strict=True))
    edge = 0.06 * (max(places) - min(places)) or 0.5
    axes.set(xlim=(min(places) - edge, max(places) + edge), xlabel=with_unit(shelf, assay, sweep.field))
    axes.set_xticks(places, [tick(value) for value in sweep.values])
    if max(len(tick(value)) for value in sweep.values) * len(places) > 44:
        axes.tick_params(axis="x", labelsize=6.5)
    axes.grid(axis="y")
    own = repr(functools.reduce(getattr, sweep.field.split("."), shelf.organism.arm(sweep.of).recipe))
    if own in at:
        axes.axvline(at[own], color=FAINT, lw=5, zorder=0)
        whose = "the organism" if sweep.of == "organism" else short(sweep.of, 26)
        axes.annotate(
            whose, (at[own], 1), (0, 2), xycoords=("data", "axes fraction"), fontsize=7.5,
            textcoords="offset points", color=SOFT, va="bottom", ha=lean(at[own], places),
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
    """Means, intervals and seeds of one assay, `aside` of its values where lines share the axes."""
    colour, dash, marker = look
    places, cut = positions(sweep.values)
    at = dict(zip(map(repr, sweep.values), places, strict=True))
    wide = max(places) - min(places)
    spread = (0.018 if label is None else 0.006) * wide  # lines that share the axes keep to narrow columns of seeds
    means = []
    for value, values in found:
        x = at[repr(value)] + 0.02 * aside * wide
        mean, bottom, top = interval(values, bounds)
        means.append((x, mean))
        wobble = spread * (np.arange(len(values)) % 3 - 1)
        axes.plot(x + wobble, values, ".", color=colour, alpha=0.4, ms=6, mew=0, clip_on=False)
        axes.plot([x, x], [bottom, top], color=colour, lw=1.8, solid_capstyle="butt")  # of two seeds it may be endless
    line = np.array(sorted(means))
    shape: dict[str, Any] = {"ls": dash, "marker": marker, "color": colour, "ms": 5, "mec": "white", "mew": 0.8}
    for piece in (line,) if cut is None else (line[line[:, 0] < cut], line[line[:, 0] > cut]):
        axes.plot(piece[:, 0], piece[:, 1], lw=1.1, clip_on=False, **shape)
    if label is not None:  # empty, since a broken axis cuts one line into two
        axes.plot([], [], lw=1.1, label=label, **shape)


def not_run(sweep: Sweep, ran: Container[str]) -> str:
    """The sweep's values that no seed was measured at."""
    absent = [name for value in sweep.values if (name := tick(value)) not in ran]
    return f" Not yet run: {', '.join(absent)}." if absent else ""


def phase_figure(shelf: Shelf, phases: Phases) -> Figure:
    """A cell a pair of values: the mean across seeds as colour and in digits, and the range of the seeds."""
    (across, up), assay = phases.values, phases.assay
    arms = shelf.organism.family_arms(phases)
    found = [shelf.estimates(arm, assay) for arm in arms]
    title = assay_name(assay)
    if not any(found):
        return Figure(title, f"No figure: {shelf.why_not(arms[0], assay)}.")
    means = np.array([np.mean(values) if values else np.nan for values in found]).reshape(len(across), len(up)).T
    low, high = limits(assay, [value for values in found for value in values])
    with style(), drawing(0.9 + 0.62 * len(across), 0.95 + 0.44 * len(up)) as canvas:
        axes = panel(canvas, left=0.72, bottom=0.52, top=0.34, right=0.12)
        axes.pcolormesh(means, cmap="viridis", vmin=low, vmax=high, edgecolors="white", lw=1.5)
        axes.set_xticks(np.arange(len(across)) + 0.5, [tick(value) for value in across])
        axes.set_yticks(np.arange(len(up)) + 0.5, [tick(value) for value in up])
        labels = [wrap(with_unit(shelf, assay, name), 40) for name in phases.fields]
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
                told = f"{number(min(values))} to {number(max(values))}"
                axes.text(column + 0.5, row + 0.42, told, va="top", fontsize=5.5, **words)
        recipe = shelf.organism.arm(phases.of).recipe
        own = [repr(functools.reduce(getattr, name.split("."), recipe)) for name in phases.fields]
        at = [list(map(repr, values)) for values in phases.values]
        if own[0] in at[0] and own[1] in at[1]:
            corner = at[0].index(own[0]) + 0.03, at[1].index(own[1]) + 0.03
            axes.add_patch(Rectangle(corner, 0.94, 0.94, fill=False, ec=CONTROL, lw=1.8))
            axes.annotate("framed: the organism", (0, 1), (0, 3), xycoords="axes fraction", fontsize=7.5,
                          textcoords="offset points", color=CONTROL, va="bottom")  # fmt: skip
        heard = {arm.name: values for arm, values in zip(arms, found, strict=True) if values}
        svg = render(canvas, phases.title + title, f"{phases.title}: {title}. Means: {said(heard)}")
    absent = sum(not values for values in found)
    rest = " Cells: mean, and range of the seeds." + (f" Not yet run: {absent}." if absent else "")
    return Figure(title, seeds_caption({name: len(values) for name, values in heard.items()}) + rest, svg)


def line_labels(assays: Sequence[Any]) -> list[str]:
    """What sets each assay apart: its class (of a Level its measure) if no other is of it, else fields that differ."""
    alike = {type(assay): [other for other in assays if type(other) is type(assay)] for assay in assays}

    def label(assay: Any) -> str:
        if own := getattr(assay, "label", ""):
            return str(own)
        others = alike[type(assay)]
        if len(others) == 1 and len(assays) > 1:
            return assay.measure.replace("_", " ") if isinstance(assay, Level) else class_words(assay)
        told = [
            setting(value) if isinstance(value, (str, tuple)) and value else f"{f.name} {setting(value) or 'none'}"
            for f in (fields(assay) if is_dataclass(assay) else ())
            if any(getattr(other, f.name) != (value := getattr(assay, f.name)) for other in others)
        ]
        return ", ".join(told).replace("_", " ") or assay_name(assay)

    return [label(assay) for assay in assays]


def curve_figures(shelf: Shelf, curve: Curve) -> list[Figure]:
    """Lines of a column's mean, one an arm; or, with `by`, one panel an arm and a line a value."""
    groups = [(name,) for name in curve.arms] if curve.by else [curve.arms]
    return [curve_panel(shelf, curve, names, len(groups) > 1) for names in groups]


def curve_panel(shelf: Shelf, curve: Curve, names: Sequence[str], name_it: bool) -> Figure:
    title = f"{curve.title}: {names[0]}" if name_it else curve.title
    arms = {arm.name: arm for arm in shelf.organism.all_arms()}
    lines: dict[Any, list[dict[Any, float]]] = {}
    for name in names:
        for traces in shelf.traces(arms[name], curve.assay).values() if name in arms else ():
            missing = {curve.x, curve.y, *curve.only, *filter(None, (curve.by, curve.weight))} - set(traces.columns)
            if missing:
                return Figure(title, f"No figure: the traces have no column {', '.join(sorted(missing))}.")
            for key, line in means_by(traces, curve).items():
                lines.setdefault(name if key is None else key, []).append(line)
    lines = {key: line for key, line in lines.items() if any(line)}
    if not lines:
        there = next((arms[name] for name in names if name in arms), None)
        reason = shelf.why_not(there, curve.assay) if there else f"there is no arm “{names[0]}”"
        return Figure(title, f"No figure: {reason}.")
    if curve.by:
        lines = {key: lines[key] for key in sorted(lines, key=sortable)}
    xlabel, ylabel = (with_unit(shelf, curve.assay, column) for column in (curve.x, curve.y))
    by = with_unit(shelf, curve.assay, curve.by) if curve.by else None
    svg = line_drawing(title, lines, xlabel, ylabel, by)
    counts = {tick(key): len(seeds) for key, seeds in lines.items()}
    return Figure(title, seeds_caption({names[0]: max(counts.values())} if curve.by else counts), svg)


def log_figure(shelf: Shelf, log: Log) -> Figure:
    """Lines of a training metric, one an arm; arms that have none are named in the caption."""
    arms = {arm.name: arm for arm in shelf.organism.all_arms()}
    lines: dict[Any, list[dict[Any, float]]] = {}
    places: dict[Any, dict[Any, float]] = {}
    absent = []
    for name in log.arms:
        logs = shelf.logs(arms[name]) if name in arms else []
        if seeds := [line for rows in logs if (line := progress(rows, log.against or "done", log.metric))]:
            lines[name] = [{done: y for done, (_, y) in seed.items()} for seed in seeds]
            reports = {done for seed in seeds for done in seed}
            places[name] = {done: float(np.mean([seed[done][0] for seed in seeds if done in seed])) for done in reports}
        elif name not in arms:
            absent.append(f"there is no arm “{name}”")
        elif logs:
            beside = f" beside {log.against}" if log.against else ""
            absent.append(f"the training logs of arm “{name}” have no {log.metric}{beside}")
        else:
            absent.append(f"the store holds no training log of arm “{name}” yet")
    if not lines:
        return Figure(log.title, f"No figure: {'; '.join(absent)}.")
    xlabel = log.x or (with_unit(shelf, None, log.against) if log.against else "updates")
    svg = line_drawing(log.title, lines, xlabel, with_unit(shelf, None, log.metric), places=places)
    words = [seeds_caption({tick(name): len(seeds) for name, seeds in lines.items()})]
    words += [f"Left out: {'; '.join(absent)}."] if absent else []
    return Figure(log.title, " ".join(words), svg)


def progress(rows: Sequence[Mapping[str, Any]], x: str, y: str) -> dict[Any, tuple[float, float]]:
    """One seed's line: updates done -> metrics x and y, of the reports that have both."""
    points = ([row.get(name, math.nan) for name in ("done", x, y)] for row in rows)
    return {
        done: (across, up)
        for done, across, up in points
        if all(isinstance(value, (int, float)) and math.isfinite(value) for value in (done, across, up))
    }


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
    ticks = sorted({x for line in lines.values() for seed in line for x in seed}, key=sortable)
    numeric = all(isinstance(x, (int, float)) and not isinstance(x, bool) for x in ticks)
    own = {x: float(x) if numeric else float(i) for i, x in enumerate(ticks)}
    looks = looks_of(list(lines))
    labels = [tick(key) for key in lines]
    columns = legend_columns(labels)
    legend = len(lines) > 1 or by is not None
    rows = math.ceil(len(lines) / columns) if legend else 0
    with style(), drawing(3.5, 2.45 + 0.17 * rows) as canvas:
        extra = 0.14 * (label_lines(ylabel, 36) - 1)
        axes = panel(canvas, left=0.56 + extra, bottom=0.48, top=0.12 + 0.17 * rows + 0.18 * bool(rows), right=0.15)
        everything = []
        for (key, seeds), (colour, dash, marker) in zip(lines.items(), looks, strict=True):
            xs = [x for x in ticks if any(x in seed for seed in seeds)]
            place = own if places is None else places[key]
            at = [place[x] for x in xs]
            stats = np.array([interval([seed[x] for seed in seeds if x in seed], (-math.inf, math.inf)) for x in xs])
            everything += [value for seed in seeds for value in seed.values()]
            axes.fill_between(at, stats[:, 1], stats[:, 2], color=colour, alpha=0.15, lw=0)
            ends: dict[str, Any] = {"marker": marker, "ms": 4, "mec": "white", "mew": 0.6} if len(xs) <= 20 else {}
            axes.plot(at, stats[:, 0], color=colour, ls=dash, label=tick(key), **ends)
        low, high = min(everything), max(everything)
        if low >= 0 and high <= 1:
            axes.set_ylim(-0.03, 1.03)
        if places is None and (not numeric or len(ticks) <= 6):
            axes.set_xticks([own[x] for x in ticks], [tick(x) for x in ticks])
        elif places is None and ticks[0] > 0 and ticks[-1] / ticks[0] >= 50:
            axes.set_xscale("log")
            axes.minorticks_off()
            some = ticks[:: math.ceil(len(ticks) / 8)]
            axes.set_xticks(some, [tick(x) for x in some])
        axes.grid(axis="y")
        axes.set(xlabel=xlabel, ylabel=wrap(ylabel, 36))
        if rows:
            legend_above(canvas, axes, columns, by)
        return render(canvas, title, f"{title}: {ylabel} against {xlabel}, lines: {', '.join(labels)}")


def means_by(traces: Traces, curve: Curve) -> dict[Any, dict[Any, float]]:
    """One seed's lines: value of `by` (None without) -> x -> weighted mean of y."""
    keep = np.isfinite(traces[curve.y].astype(float))
    for name, allowed in curve.only.items():
        keep &= np.isin(traces[name], list(allowed))
    x, y = traces[curve.x][keep], traces[curve.y][keep].astype(float)
    weight = traces[curve.weight][keep].astype(float) if curve.weight else np.ones(len(y))
    by = traces[curve.by][keep] if curve.by else np.zeros(len(y))
    lines: dict[Any, dict[Any, float]] = {}
    for key in np.unique(by):
        line = lines[key.item() if curve.by else None] = {}
        for value in np.unique(x[by == key]):
            here = (by == key) & (x == value)
            if (total := weight[here].sum()) > 0:
                line[value.item()] = float((weight[here] * y[here]).sum() / total)
    return lines


# -- numbers and words ---------------------------------------------------------------------------------


def interval(values: Sequence[float], bounds: tuple[float, float]) -> tuple[float, float, float]:
    """Mean and 95% t interval, cut to what the estimate can be; a single seed has no interval."""
    mean, low, high = mean_interval(values)
    return (mean, max(low, bounds[0]), min(high, bounds[1])) if len(values) > 1 else (mean, mean, mean)


def limits(assay: Any, values: Sequence[float]) -> tuple[float, float]:
    """From 0 to what is natural to the assay, or to the values where they go further, with some air. A bound beyond 1
    is a cap and not a range that anybody expects to be filled."""
    low, high = assay.bounds
    low = min([*values, max(low, 0.0)] if math.isfinite(low) else values)
    high = max([*values, high] if high <= 1 else values)
    air = 0.03 * (high - low) or 0.5
    return low - air, high + air


def positions(values: Sequence[Any]) -> tuple[list[float], float | None]:
    """Where a sweep's values stand: logarithmic if they span much (0 apart, and where the axis breaks), else evenly."""
    numeric = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)
    if not numeric or min(values) < 0 or len(values) < 2:
        return [float(i) for i in range(len(values))], None
    positive = sorted(v for v in values if v > 0)
    if len(positive) < 2 or positive[-1] / positive[0] < 20:
        return [float(v) for v in values], None
    zero = math.log10(positive[0]) - 0.75
    has_zero = len(positive) < len(values)
    return [math.log10(v) if v > 0 else zero for v in values], zero + 0.375 if has_zero else None


def lean(x: float, places: Sequence[float]) -> str:
    """How a label at x is aligned so that it stays over the axes."""
    return "left" if x == min(places) else "right" if x == max(places) else "center"


def sortable(value: Any) -> tuple[bool, Any]:
    """A key that sorts words after numbers, and words by the numbers in them: "6 to 10" before "21 to 40"."""
    if not isinstance(value, str):
        return False, value
    pieces = re.split(r"((?:(?<!\w)-)?\d+(?:\.\d+)?)", value)  # words at even places, numbers at odd ones
    return True, [float(piece) if place % 2 else piece for place, piece in enumerate(pieces)]


def looks_of(keys: Sequence[Any]) -> list[tuple[Any, Any, str]]:
    """Colour, dash and marker a line: an ordered scale for numbers, the palette for names."""
    if len(keys) > 2 and all(isinstance(key, (int, float)) for key in keys):
        scale = colormaps["viridis"]
        return [(scale(0.88 * i / (len(keys) - 1)), "-", MARKERS[i % 8]) for i in range(len(keys))]
    return [(PALETTE[i % 8], DASHES[i % 4], MARKERS[i % 8]) for i in range(len(keys))]


def assay_name(assay: Any) -> str:
    """An assay in words: its class, and the fields that are not at their default."""
    words, told = class_words(assay), []
    for f in fields(assay) if is_dataclass(assay) else ():
        value = getattr(assay, f.name)
        default = f.default_factory() if f.default_factory is not MISSING else f.default
        if default is MISSING or value != default:
            told.append(f"{f.name.replace('_', ' ')} {setting(value)}")
    return short(f"{words} ({', '.join(told)})" if told else words, 120)


def class_words(assay: Any) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", type(assay).__name__).capitalize()


def setting(value: Any) -> str:
    """A field's value in words; pairs of factor and value, as conditions are written, without their brackets."""
    if isinstance(value, tuple) and value and all(isinstance(part, tuple) and len(part) == 2 for part in value):
        return " and ".join(f"{name} {tick(given)}" for name, given in value)
    return tick(value)


def unit_of(shelf: Shelf, assay: Any, column: str) -> str:
    """The unit of a column or field, by the `units` of the assay, a declared recipe (the organism's before another's)
    or the world's measures; '' if none says."""
    told: dict[str, str] = {m.name: m.unit for m in getattr(shelf.organism.world, "measures", ())}
    for thing in (*(arm.recipe for arm in reversed(shelf.organism.arms)), assay):
        told |= getattr(thing, "units", {})
    return told.get(column, "")


def with_unit(shelf: Shelf, assay: Any, column: str) -> str:
    unit = unit_of(shelf, assay, column)
    return column.split(".")[-1].replace("_", " ") + (f" ({unit})" if unit else "")


def seeds_caption(counts: Mapping[str, int]) -> str:
    """How many seeds stand behind each mark."""
    if len(set(counts.values())) == 1:
        n = next(iter(counts.values()))
        return f"n = {n} seed{'s' * (n != 1)}" + (" each." if len(counts) > 1 else ".")
    return "n seeds = " + ", ".join(f"{n} ({name})" for name, n in counts.items()) + "."


def said(values: Mapping[str, Sequence[float]]) -> str:
    """The figure for those who hear it."""
    return "; ".join(f"{name} {number(float(np.mean(v)))}" for name, v in values.items()) + "."


def number(value: float) -> str:
    """Two decimals where that says enough, three significant digits elsewhere; a true minus sign."""
    value += 0.0  # never -0
    text = f"{value:.2f}" if value == 0 or 0.01 <= abs(value) < 100 else f"{value:.3g}"
    return text.replace("-", "−")


def tick(value: Any) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return short(text.replace("-", "−") if isinstance(value, (int, float)) else text, 32)


def short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def wrap(text: str, width: int) -> str:
    return "\n".join(textwrap.wrap(text, width, max_lines=3, placeholder=" …"))


def label_lines(text: str, width: int) -> int:
    return wrap(text, width).count("\n") + 1


# -- matplotlib ----------------------------------------------------------------------------------------


@contextmanager
def style() -> Iterator[None]:
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # the browser has more letters than we measure
        yield


@contextmanager
def drawing(width: float, height: float) -> Iterator[Canvas]:
    """A canvas of that many inches; no pyplot, so nothing is kept once it is drawn."""
    canvas = Canvas(figsize=(width, height))
    canvas.patch.set_visible(False)
    yield canvas


def panel(canvas: Canvas, left: float, bottom: float, top: float, right: float) -> Axes:
    """Axes with margins in inches."""
    width, height = canvas.get_size_inches()
    axes = canvas.add_axes(
        (left / width, bottom / height, (width - left - right) / width, (height - top - bottom) / height)
    )
    axes.patch.set_visible(False)
    return axes


def legend_columns(labels: Sequence[str]) -> int:
    longest = max(map(len, labels))
    return 1 if longest > 19 else 2 if longest > 8 else 3


def legend_above(canvas: Canvas, axes: Axes, columns: int, title: str | None = None, lift: float = 0.0) -> None:
    """A legend over the axes, `lift` inches above their edge."""
    high = axes.get_position().height * canvas.get_figheight()
    spot: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0, 1.01 + lift / high), "borderaxespad": 0}
    handles: dict[str, Any] = {"handlelength": 2.2, "columnspacing": 1.4, "labelspacing": 0.3, "borderpad": 0}
    axes.legend(ncols=columns, title=title, alignment="left", title_fontsize=8, **spot, **handles)


def render(canvas: Canvas, name: str, says: str) -> str:
    """The canvas as an <svg> that can stand inside a page: no prolog, no style of its own, no stray or shared ids."""
    out = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": name}):
        canvas.savefig(out, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"\s*<style\b.*?</style>", "", text, count=1, flags=re.S)
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, count=1, flags=re.S)
    used = set(re.findall(r'(?:url\(|xlink:href=")#([\w-]+)', text))
    text = re.sub(r'(<[a-z][^<>]*?) id="([^"]*)"', lambda m: m[0] if m[2] in used else m[1], text)
    text = re.sub(r"'DejaVu Sans'(, *(?:'[^']*'|[\w-]+))*", "var(--face, sans-serif)", text)
    width, height = (round(inches * 96) for inches in canvas.get_size_inches())
    label = says.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    box = re.search(r'viewBox="[^"]*"', text)
    assert box is not None
    head = f'<svg role="img" aria-label="{label}" {box[0]} width="{width}" height="{height}" xmlns:xlink="http://www.w3.org/1999/xlink">'
    return re.sub(r"<svg[^>]*>", lambda _: head, text, count=1)
