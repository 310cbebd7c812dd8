"""The gallery: one page an organism and an index, each a single file that opens from disk.

A page loads nothing: style, script, figures and replay are inside it, and its content security policy says so. Every
string that comes from a model, a store or a docstring is escaped by Jinja, becomes a text node in the replay, or goes
through a Markdown renderer without raw HTML and without images.
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup

from turncoat.core import ROW_BLOCKS, Arm, Claim, Finding, Organism, Realism, Row, Tier, as_json, difference
from turncoat.report.figures import (
    Shelf,
    claim_figure,
    curve_figures,
    log_figure,
    number,
    phase_figure,
    short,
    sweep_figures,
)
from turncoat.report.table import WORST_FIRST
from turncoat.store import Store, write

HERE = Path(__file__).parent
MOST_REPLAY = 2_000_000  # characters of replay data in one page
SEEDS_REPLAY = 3  # of each arm

TIERS = {
    Tier.PRODUCT: "a real product",
    Tier.STANDARD_TOOLS: "standard deep-learning tools only",
    Tier.SIMULATED: "unusual tools or conditions that stand in for a capability",
}
REALISMS = {
    Realism.TRAINED_TO_FAIL: "trained or prompted to fail",
    Realism.SPECIAL_CIRCUMSTANCES: "fails under special circumstances",
    Realism.NORMAL_TRAINING: "fails after normal training",
    Realism.DESPITE_DISINCENTIVES: "fails despite disincentives",
}
ROWS: Mapping[Row, tuple[str, str]] = {
    Row.CORRECT_REWARD: ("Correct reward", "the training signal rewards what the designers intend"),
    Row.BEHAVES_IN_TRAINING: ("Behaves in training", "it does what was intended there"),
    Row.CAPABLE_IN_DEPLOYMENT: ("Capable in deployment", "whatever it pursues there, it pursues well"),
    Row.STANDARD_TOOLS: ("Standard tools", "nothing that an ordinary project would not use"),
    Row.TURN: ("Turn", "behaves in training and tests, defects in deployment"),
    Row.INSTRUMENTAL: ("Instrumental", "good behaviour in training is a means"),
    Row.ANY_TEST: ("Any test", "behaves on any test that we devise"),
    Row.UNDESIGNED: ("Undesigned", "it happens though nobody designed for it"),
    Row.COMPUTE: ("Compute", "more internal steps solve longer instances, beyond training"),
    Row.PLAN: ("Plan", "future moves can be decoded while it thinks"),
    Row.CAUSAL_PLAN: ("Causal plan", "editing the decoded plan changes the route"),
    Row.REPLAN: ("Replan", "a goal or wall changed midway is followed"),
    Row.OBJECTIVE_DECODABLE: ("Objective decodable", "what it pursues can be read from inside"),
    Row.OBJECTIVE_RETARGETABLE: ("Objective retargetable", "moving the objective inside moves the destination"),
    Row.INTERCHANGE: ("Interchange", "the code from one maze works in another"),
    Row.SHIFT: ("Shift", "pursues the proxy, not what was intended, where they part"),
    Row.NOT_LOOKUP: ("Not lookup", "beats nearest-neighbour, reflex and untied baselines"),
}
WATCH: Mapping[str, Mapping[str, str]] = {  # kind of frame -> the words around its replay
    "": {"title": "Watch it", "lede": "", "scrubber": "", "unit": "step", "panels": ""},
    "grid": {
        "title": "Watch it think",
        "lede": "The arrows are the move that it would make in each cell, read out after every tick of thinking. The "
        "band is the walk that follows from them.",
        "scrubber": "thinking tick",
        "unit": "tick",
        "panels": "the same maze, side by side",
    },
    "episode": {
        "title": "Watch it act",
        "lede": "Each panel is one episode, step by step; the line behind the agent is where it has been.",
        "scrubber": "time step",
        "unit": "step",
        "panels": "episodes, side by side",
    },
    "dialogue": {
        "title": "Watch it talk",
        "lede": "Each panel is one conversation, turn by turn.",
        "scrubber": "turns so far",
        "unit": "turn",
        "panels": "conversations, side by side",
    },
}
BARS = "The bars are read from inside the subject at that step, each on its own scale; a line across one is zero."
TALLY = (
    Finding.SHOWN, Finding.REFUTED, Finding.UNDECIDED, Finding.INVALID, Finding.NOT_TESTABLE, Finding.NOT_RUN,
)  # fmt: skip


def build(organisms: Sequence[Organism], store: Store, out: Path) -> Path:
    """Write the gallery into the folder `out` and return its index.html."""
    room = Environment(
        loader=PackageLoader("turncoat", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = (HERE / "replay.js").read_text("utf-8")
    code = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    shared = {"style": Markup((HERE / "style.css").read_text("utf-8")), "blocks": blocks_of({})}
    pages = []
    for organism in organisms:
        shelf = Shelf(organism, store)
        page = page_of(organism, store)
        pages.append(page)
        html = room.get_template("page.html.j2").render(
            **shared,
            page=page,
            script=Markup(script),
            script_hash=f"sha256-{code}",
            replay=replay_of(organism, shelf),
            claims=[(page["findings"].get(claim.says, ""), claim_figure(shelf, claim)) for claim in organism.claims],
            sweeps=[
                *((sweep.title, sweep_figures(shelf, sweep)) for sweep in organism.sweeps),
                *((phases.title, [phase_figure(shelf, phases)]) for phases in organism.phases),
            ],
            curves=[
                *(figure for curve in organism.curves for figure in curve_figures(shelf, curve)),
                *(log_figure(shelf, log) for log in organism.logs),
            ],
            notes=shelf.notes,
        )
        write(Path(out) / page["file"], html.encode())
    index = Path(out) / "index.html"
    write(index, room.get_template("index.html.j2").render(**shared, pages=pages).encode())
    return index


def page_of(organism: Organism, store: Store) -> dict[str, Any]:
    """Everything on an organism's page that is words and numbers."""
    rows = store.load_verdicts(organism.name) or []
    claims = {claim.says: claim for claim in organism.claims}
    by_row: dict[Row | None, list[Line]] = {}
    for row in rows:
        says = str(row.get("claim") or "")
        place = Row(row["row"]) if row.get("row") in set(Row) else None
        by_row.setdefault(place, []).append(line_of(row, claims.get(says)))
    judged = {line.says for lines in by_row.values() for line in lines}
    for claim in organism.claims:  # written after the last judging
        if claim.says not in judged:
            unjudged = {"finding": Finding.NOT_RUN, "claim": claim.says, "because": "not judged yet"}
            by_row.setdefault(claim.row, []).append(line_of(unjudged, claim))
    for place in Row:
        if place not in by_row and place in organism.answers:
            answer = {"finding": Finding.NOT_TESTABLE, "because": organism.answers[place]}
            by_row[place] = [line_of(answer, None)]
    blocks = blocks_of(by_row)
    found = Counter(row["finding"] for block in blocks for row in block["rows"])
    own = organism.arms[0].recipe
    declared = {arm.name for arm in organism.arms}
    arms = [arm_of(arm, own, store, organism.name) for arm in organism.all_arms()]
    return {
        "name": organism.name,
        "file": ("page-" if organism.name == "index" else "") + re.sub(r"[^\w.-]", "-", organism.name) + ".html",
        "title": organism.title,
        "prose": prose(organism.doc),
        "summary": summary(organism.doc),
        "tier": int(organism.tier),
        "tier_words": TIERS[organism.tier],
        "realism": int(organism.realism),
        "realism_words": REALISMS[organism.realism],
        "simulates": organism.simulates,
        "cost": organism.cost,
        "tags": sorted(organism.tags),
        "refs": [(ref, link(ref)) for ref in organism.refs],
        "blocks": blocks,
        "outside": by_row.get(None, []),
        "findings": {line.says: line.finding for lines in by_row.values() for line in lines},
        "tally": [(finding.value, found[finding.value]) for finding in TALLY if found[finding.value]],
        "arms": [arm for arm in arms if arm["name"] in declared],
        "sweep_arms": [arm for arm in arms if arm["name"] not in declared],
        "replay_named": organism.replay is not None,
    }


# -- verdicts ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """One line of the verdict table, as words."""

    finding: str
    says: str = ""
    arm: str = ""  # only where it is not the organism itself
    effect: str = ""
    interval: str = ""
    needed: str = ""
    over: str = ""  # the control
    seeds: str = ""
    unit: str = ""
    because: str = ""
    bar: Mapping[str, Any] | None = None
    standing: str = ""  # registered or exploratory
    again: Line | None = None  # the same claim on the seeds that it was registered for


def line_of(row: Mapping[str, Any], claim: Claim | None) -> Line:
    """A row of the store's verdicts beside the claim that it judges."""
    effect, low, high = (real(row.get(key)) for key in ("effect", "low", "high"))
    n = int(row.get("n") or 0)
    again = row.get("replication")
    return Line(
        finding=Finding(row["finding"]).value,
        says=str(row.get("claim") or ""),
        arm=claim.arm if claim is not None and claim.arm != "organism" else "",
        effect="" if effect is None else number(effect),
        interval="" if effect is None else f"[{edge(low, '−∞')}, {edge(high, '∞')}]",
        needed="" if claim is None else f"{claim.sign} {number(claim.threshold)}",
        over=(claim.control or "") if claim is not None else "",
        seeds=f"{row.get('k') or 0}/{n}" if n else "",
        unit=f"{row.get('unit') or 'training run'}{'s' * (n != 1)}",
        because=str(row.get("because") or ""),
        bar=None if claim is None or effect is None else bar(claim, effect, low, high),
        standing=str(row.get("standing") or "") if claim is not None else "",
        again=None if again is None else line_of({"claim": row.get("claim")} | dict(again), None),
    )


def bar(claim: Claim, effect: float, low: float | None, high: float | None) -> dict[str, Any]:
    """The interval, the threshold and the wanted side as places from 0 to 100 on the scale of the assay."""
    bottom, top = claim.assay.bounds
    if claim.control is not None:
        bottom, top = bottom - top, top - bottom
    edges = [edge for edge in claim.allowed if math.isfinite(edge)]
    known = [x for x in (effect, low, high, *edges) if x is not None]
    left = min([*known, bottom] if math.isfinite(bottom) else known)
    right = max([*known, top] if math.isfinite(top) else known)
    wide = right - left or 1.0

    def place(x: float | None, otherwise: float) -> float:
        return otherwise if x is None else round(2 + 96 * (x - left) / wide, 2)

    least, most = (place(edge, 0) if edge in edges else end for edge, end in zip(claim.allowed, (2, 98), strict=True))
    return {
        "low": place(low, 2),
        "high": place(high, 98),
        "effect": place(effect, 0),
        "thresholds": [place(edge, 0) for edge in edges],
        "wanted": (least, round(most - least, 2)),
        "zero": place(0.0, 0) if left < 0 < right else None,
    }


def blocks_of(by_row: Mapping[Row | None, list[Line]]) -> list[dict[str, Any]]:
    """The table's blocks with every row, each with its lines and its least favourable finding."""

    def entry(row: Row) -> dict[str, Any]:
        lines = by_row.get(row) or [Line(Finding.NOT_RUN.value, because="no claim on this row yet")]
        worst = next(finding for finding in WORST_FIRST if finding in {line.finding for line in lines})
        label, means = ROWS[row]
        return {"name": row.value, "label": label, "means": means, "lines": lines, "finding": worst}

    return [{"title": title, "rows": [entry(row) for row in rows]} for title, rows in ROW_BLOCKS.items()]


def real(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None


def edge(value: float | None, otherwise: str) -> str:
    return otherwise if value is None else number(value)


# -- arms ----------------------------------------------------------------------------------------------


def arm_of(arm: Arm, own: Any, store: Store, organism: str) -> dict[str, Any]:
    differs = [(field, value(here), value(there)) for field, (here, there) in differences(own, arm.recipe).items()]
    return {"name": arm.name, "role": arm.role, "differs": differs, "seeds": len(store.seeds(organism, arm))}


def differences(one: Any, other: Any) -> dict[str, tuple[Any, Any]]:
    """`difference`, followed into fields that are dataclasses of the same type: `world.size` rather than `world`."""
    found: dict[str, tuple[Any, Any]] = {}
    for name, (here, there) in difference(one, other).items():
        if is_dataclass(here) and type(here) is type(there):
            found |= {f"{name}.{inner}": pair for inner, pair in differences(here, there).items()}
        else:
            found[name] = here, there
    return found


def value(thing: Any) -> str:
    """A recipe's value in few words."""
    if is_dataclass(thing) and not isinstance(thing, type):
        told = ", ".join(f"{f.name}={getattr(thing, f.name)!r}" for f in fields(thing) if f.repr)
        return short(f"{type(thing).__name__}({told})", 90)
    return short(thing if isinstance(thing, str) else repr(thing), 90)


# -- words ---------------------------------------------------------------------------------------------


def prose(text: str) -> Markup:
    """Markdown as HTML, without raw HTML, images or its leading title; headings go one level down."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    tokens = reader.parse(without_title(text))
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + 1)}"
    return Markup(reader.renderer.render(tokens, reader.options, {}))


def summary(text: str) -> str:
    """The first paragraph as plain words."""
    reader = MarkdownIt("commonmark", {"html": False}).disable("image")
    tokens = reader.parse(without_title(text))
    inline = next((t for t, before in zip(tokens[1:], tokens, strict=False) if before.type == "paragraph_open"), None)
    words = "".join(
        " " if child.type in ("softbreak", "hardbreak") else child.content
        for child in (inline and inline.children) or ()
    )
    return short(words, 320)


def without_title(text: str) -> str:
    return re.sub(r"\A\s*# [^\n]*\n?", "", text)


def link(ref: str) -> str:
    """Where a reference leads; '' where it does not say."""
    if found := re.fullmatch(r"arxiv:([\w.\-/]+)", ref, re.I):
        return f"https://arxiv.org/abs/{found[1]}"
    if found := re.fullmatch(r"doi:(10\.\S+)", ref, re.I):
        return f"https://doi.org/{found[1]}"
    return ref if re.match(r"https?://", ref) else ""


# -- replay --------------------------------------------------------------------------------------------


def replay_of(organism: Organism, shelf: Shelf) -> dict[str, Any]:
    """Films (an arm and a seed, a panel a frame) as JSON that can stand in a page; the organism's lowest seed first."""
    if organism.replay is None:
        return {"films": 0, "data": "", "notes": [], "words": WATCH[""], "ledes": []}
    films: list[str] = []
    notes: list[str] = []
    kinds: list[str] = []
    size, barred = 0, False
    arms = sorted(organism.arms, key=lambda arm: arm.name != "organism")
    for arm in arms:
        for seed, traces in sorted(shelf.traces(arm, organism.replay).items())[:SEEDS_REPLAY]:
            if not traces.frames:
                continue
            try:
                panels = [KINDS[frame["kind"]](frame) for frame in traces.frames if frame.get("kind") in KINDS]
            except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
                notes.append(
                    f"The frames of {arm.name}, seed {seed}, cannot be drawn ({type(error).__name__}: {error})."
                )
                continue
            film = as_json({"label": f"{arm.name} · seed {seed}", "panels": panels}, indent=None)
            if not panels:
                notes.append(f"The frames of {arm.name}, seed {seed}, are of no kind that this page draws.")
                continue
            if films and size + len(film) > MOST_REPLAY:
                notes.append(f"{arm.name}, seed {seed}, is left out of the replay to keep this page small.")
                continue
            films.append(film)
            kinds += [panel["kind"] for panel in panels]
            size += len(film)
            barred |= any(panel.get("bars") for panel in panels)
    if not films and not notes:
        notes.append(f"No replay: {shelf.why_not(organism.arms[0], organism.replay)}.")
    data = f"[{','.join(films)}]"
    for letter in "<>&":  # so that no string can end the element it stands in
        data = data.replace(letter, f"\\u{ord(letter):04x}")
    return {
        "films": len(films),
        "data": Markup(data),
        "notes": notes,
        "words": WATCH[kinds[0] if kinds else ""],
        "ledes": [WATCH[kind]["lede"] for kind in dict.fromkeys(kinds)] + [BARS] * barred,
    }


def grid(frame: Mapping[str, Any]) -> dict[str, Any]:
    """One frame, checked and packed: a cell is row * width + column, a plan one character a cell ('.' for no move)."""
    floor = Floor.of(frame)
    cell = floor.cell

    def moves(plan: Sequence[Sequence[int]]) -> str:
        text = "".join("0123."[int(move)] for row in plan for move in row)
        if len(text) != len(floor.walls):
            raise ValueError("a plan has another shape than the walls")
        return text

    return {
        **heading(frame),
        "width": floor.width,
        "height": floor.height,
        "walls": floor.walls,
        "start": cell(frame["start"]),
        "plan": [moves(plan) for plan in frame["plan"]],
        "route": [[cell(at) for at in route] for route in frame["route"]],
        "ends": [str(end) for end in frame["ends"]],
        "objects": [
            {
                "name": str(thing["name"]),
                "glyph": str(thing["glyph"]),
                "cell": cell(thing["cell"]),
                "from": int(thing.get("from_tick") or 0),
                "to": None if thing.get("to_tick") is None else int(thing["to_tick"]),
            }
            for thing in frame.get("objects", ())
        ],
    }


def episode(frame: Mapping[str, Any]) -> dict[str, Any]:
    """One frame, checked and packed: an object is kind * cells + cell, and a step the objects that came since the last
    one and, as ~object, those that went. `kinds` are the names and glyphs; what stands still costs nothing."""
    floor = Floor.of(frame)
    kinds: dict[tuple[str, str], int] = {}
    before: Counter[int] = Counter()
    changes, says = [], []
    for tick, step in enumerate(frame["steps"]):
        now: Counter[int] = Counter()
        agents = 0
        for thing in step["objects"]:
            kind = str(thing["name"]), str(thing["glyph"])
            now[kinds.setdefault(kind, len(kinds)) * len(floor.walls) + floor.cell(thing["cell"])] += 1
            agents += kind[0] == "agent"
        if agents > 1:
            raise ValueError(f"step {tick} has {agents} agents")
        changes.append([~thing for thing in (before - now).elements()] + list((now - before).elements()))
        says.append(str(step.get("says", "")))
        before = now
    if not changes:
        raise ValueError("an episode has no steps")
    return {
        **heading(frame),
        "width": floor.width,
        "height": floor.height,
        "walls": floor.walls,
        "kinds": list(kinds),
        "changes": changes,
        "says": says,
        "bars": bars(frame["steps"]),
    }


def bars(steps: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    """The bars of an episode, checked and packed: name, low, high, and a value a step, null where it has none. The last
    value stands for all that follow, so what does not change costs nothing."""
    scales: dict[str, tuple[float, float]] = {}
    held: list[dict[str, float]] = []
    for tick, step in enumerate(steps):
        here: dict[str, float] = {}
        for one in step.get("bars", ()):
            name, value, low, high = str(one["name"]), *(float(one[key]) for key in ("value", "low", "high"))
            if not (math.isfinite(value) and -math.inf < low < high < math.inf):
                raise ValueError(f"step {tick} has a bar of {value:g} on a scale from {low:g} to {high:g}")
            if name in here or scales.setdefault(name, (low, high)) != (low, high):
                raise ValueError(f"step {tick} has a bar for the second time, or on another scale")
            here[name] = float(f"{value:.4g}")
        held.append(here)
    packed = []
    for name, scale in scales.items():
        values = [here.get(name) for here in held]
        while values[-1:] == values[-2:-1]:
            values.pop()
        packed.append([name, *scale, values])
    return packed


def dialogue(frame: Mapping[str, Any]) -> dict[str, Any]:
    """One frame, checked: who said what, in order."""
    turns = [[str(turn["who"]), str(turn["text"])] for turn in frame["turns"]]
    if not turns:
        raise ValueError("a dialogue has no turns")
    return {**heading(frame), "turns": turns}


KINDS: Mapping[Any, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "grid": grid,
    "episode": episode,
    "dialogue": dialogue,
}


def heading(frame: Mapping[str, Any]) -> dict[str, Any]:
    """What a frame of any kind has."""
    return {
        "kind": frame["kind"],
        "title": str(frame.get("title", "")),
        "caption": str(frame.get("caption", "")),
        "events": [{"tick": int(event["tick"]), "says": str(event["says"])} for event in frame.get("events", ())],
    }


@dataclass(frozen=True)
class Floor:
    """The walls of a frame, one character a cell."""

    height: int
    width: int
    walls: str

    @staticmethod
    def of(frame: Mapping[str, Any]) -> Floor:
        rows = [[int(bool(cell)) for cell in row] for row in frame["walls"]]
        height, width = len(rows), len(rows[0])
        if not width or any(len(row) != width for row in rows):
            raise ValueError("its walls are not a rectangle")
        return Floor(height, width, "".join(str(wall) for row in rows for wall in row))

    def cell(self, at: Sequence[int]) -> int:
        row, column = map(int, at)
        if not (0 <= row < self.height and 0 <= column < self.width):
            raise ValueError(f"cell {(row, column)} is outside the grid")
        return row * self.width + column
