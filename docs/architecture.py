"""Draws docs/architecture.svg: the rooms of the package in their layers, and who imports whom.

python docs/architecture.py [file]      from the imports as they are, in the layers that pyproject.toml allows
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import grimp
import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

ROOT = Path(__file__).parents[1]
PICTURE = Path(__file__).with_name("architecture.svg")
PACKAGE = "turncoat"
WORDS = {  # a room's part on the way of a seed from recipe to verdict, or what it is to others
    "cli": "commands", "testing": "checks for authors", "api": "functions", "runner": "plans, trains, observes",
    "export": "policies as files", "report": "tables, figures, pages", "registration": "claims before their data",
    "stats": "judges", "store": "runs and traces on disk", "organisms": "the catalogue",
    "assays": "observe and read out",
    "train": "recipes", "models": "networks", "worlds": "where subjects act", "protocols": "what assays ask for",
    "boundary": "errors of a user's file", "core": "the nouns; all import it",
}  # fmt: skip
ALL_IMPORT = "core"  # no arrow to it: there would be one from every room
INK, LINE, BOX = "#1f2328", "#9aa4ae", "#eef3f8"
WIDE, HIGH, STEP = 2.2, 0.56, 0.92  # of a box, and from one layer to the next


def layers() -> list[list[str]]:
    """The rooms from top to bottom, as the import contract has them."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (contract,) = (c for c in config["tool"]["importlinter"]["contracts"] if c.get("containers") == [PACKAGE])
    return [[room.strip() for room in layer.replace("|", ":").split(":")] for layer in contract["layers"]]


def imports(rooms: list[str]) -> dict[str, set[str]]:
    """By room, those that it imports."""
    graph = grimp.build_graph(PACKAGE)
    inside = {room: {f"{PACKAGE}.{room}", *graph.find_descendants(f"{PACKAGE}.{room}")} for room in rooms}
    room_of = {module: room for room, modules in inside.items() for module in modules}
    found: dict[str, set[str]] = {room: set() for room in rooms}
    for module, room in room_of.items():
        targets = {room_of[target] for target in graph.find_modules_directly_imported_by(module) if target in room_of}
        found[room] |= targets - {room}
    return found


def reduced(found: dict[str, set[str]]) -> list[tuple[str, str]]:
    """The imports that do not follow from others: A to C is left out where A imports B, and B, in the end, C."""

    def reached(room: str) -> set[str]:
        return found[room].union(*(reached(other) for other in found[room]))

    return [
        (room, target)
        for room, targets in found.items()
        for target in sorted(targets)
        if not any(target in reached(other) for other in targets - {target})
    ]


def box(axes: Axes, room: str, x: float, y: float) -> None:
    shape = "round,pad=0,rounding_size=0.08"
    corner = (x - WIDE / 2, y - HIGH / 2)
    axes.add_patch(FancyBboxPatch(corner, WIDE, HIGH, boxstyle=shape, fc=BOX, ec=INK, lw=1, zorder=2))
    axes.text(x, y + 0.1, room, ha="center", va="center", fontsize=10, fontweight="bold", color=INK)
    axes.text(x, y - 0.14, WORDS[room], ha="center", va="center", fontsize=7.5, color=INK)


def arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    """From the edge of one box to the edge of another, so that it passes by what lies between where it can."""
    (x, y), (to_x, to_y) = start, end
    far, side, bend = y - to_y > 1.5 * STEP, WIDE / 2 if to_x > x else -WIDE / 2, 0.0
    begin, finish = (x, y - HIGH / 2), (to_x, to_y + HIGH / 2)
    if y == to_y:
        begin, finish = (x + side, y), (to_x - side, to_y)
    elif far and x == to_x:
        bend = 0.45
    elif far and x == 0:
        begin = (x + side, y)
    elif far and to_x == 0:
        finish = (to_x - side, to_y)
    style = {"arrowstyle": "-|>", "color": LINE, "lw": 1.1, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", finish, begin, arrowprops=style | {"connectionstyle": f"arc3,rad={bend}"}, zorder=1)


def draw(path: Path) -> None:
    rows = layers()
    places = {
        room: (3.6 * (place - (len(row) - 1) / 2), -STEP * depth)
        for depth, row in enumerate(rows)
        for place, room in enumerate(row)
    }
    bottom = -STEP * (len(rows) - 1) - 0.5
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": PACKAGE, "font.family": "sans-serif"}):
        figure = Figure(figsize=(7, 7 * (0.5 - bottom) / 8))
        axes = figure.add_axes((0, 0, 1, 1))
        for room, target in reduced(imports(list(places))):
            if target != ALL_IMPORT:
                arrow(axes, places[room], places[target])
        for room, (x, y) in places.items():
            box(axes, room, x, y)
        axes.set(xlim=(-4, 4), ylim=(bottom, 0.5))
        axes.axis("off")
        figure.savefig(path, format="svg", facecolor="white", metadata={"Date": None})


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE)
