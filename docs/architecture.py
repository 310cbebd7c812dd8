"""Draws docs/architecture.svg: the rooms of the package in their layers, and who imports whom.

python docs/architecture.py [file]      from the imports as they are, in the layers that pyproject.toml allows
"""

from __future__ import annotations

import itertools
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
    "cli": "commands", "testing": "checks for authors", "audit": "products, on Inspect",
    "api": "functions", "runner": "plans, trains, observes",
    "export": "policies as files", "survey": "a user's own agent",
    "report": "tables, figures, pages", "registration": "claims before their data",
    "stats": "judges", "store": "runs and traces on disk", "organisms": "the catalogue",
    "assays": "observe and read out",
    "train": "recipes", "models": "networks", "products": "what others published", "worlds": "where subjects act",
    "protocols": "what assays ask for", "installed": "packages and their hashes",
    "cached": "what is made once",
    "boundary": "errors of a user's file", "core": "the nouns; all import it",
}  # fmt: skip
ALL_IMPORT = "core"  # no arrow to it: there would be one from every room
INK, LINE, BOX = "#1f2328", "#9aa4ae", "#eef3f8"
WIDE, HIGH, STEP = 2.2, 0.56, 0.92  # of a box, and from one layer to the next
OUTSIDE = 3.3  # how far from the middle a line goes round the boxes in its way

Point = tuple[float, float]


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


def arranged(rows: list[list[str]], arrows: list[tuple[str, str]]) -> dict[str, Point]:
    """The middle of each room's box. Rooms of one layer are in the order in which the fewest lines have to go round."""

    def placed(order: tuple[tuple[str, ...], ...]) -> dict[str, Point]:
        return {
            room: (3.6 * (place - (len(row) - 1) / 2), -STEP * depth)
            for depth, row in enumerate(order)
            for place, room in enumerate(row)
        }

    def cost(places: dict[str, Point]) -> tuple[int, float]:
        lines = [line(places, *arrow) for arrow in arrows]
        return sum(len(points) > 2 for points in lines), sum(abs(points[0][0] - points[-1][0]) for points in lines)

    return min((placed(order) for order in itertools.product(*map(itertools.permutations, rows))), key=cost)


def line(places: dict[str, Point], room: str, target: str) -> list[Point]:
    """From the edge of a box to that of another: straight where no other box is in the way, else round the outside."""
    (x, y), (to_x, to_y) = places[room], places[target]
    side = WIDE / 2 if to_x > x else -WIDE / 2
    below, above, beside, beside_target = (x, y - HIGH / 2), (to_x, to_y + HIGH / 2), (x + side, y), (to_x - side, to_y)
    if y == to_y:
        return [beside, beside_target]
    others = [place for name, place in places.items() if name not in (room, target)]
    for start, end in ((below, above), (beside, above), (below, beside_target)):
        if not any(crosses(start, end, other) for other in others):
            return [start, end]
    out = OUTSIDE if side > 0 else -OUTSIDE
    return [beside, (out, y), (out, to_y), (to_x + side, to_y)]


def crosses(start: Point, end: Point, middle: Point) -> bool:
    """Whether a straight line passes through the box about that point."""
    ways = [step / 100 for step in range(101)]
    points = ((start[0] + way * (end[0] - start[0]), start[1] + way * (end[1] - start[1])) for way in ways)
    return any(abs(x - middle[0]) < WIDE / 2 and abs(y - middle[1]) < HIGH / 2 for x, y in points)


def box(axes: Axes, room: str, middle: Point) -> None:
    x, y = middle
    shape = "round,pad=0,rounding_size=0.08"
    corner = (x - WIDE / 2, y - HIGH / 2)
    axes.add_patch(FancyBboxPatch(corner, WIDE, HIGH, boxstyle=shape, fc=BOX, ec=INK, lw=1, zorder=2))
    axes.text(x, y + 0.1, room, ha="center", va="center", fontsize=10, fontweight="bold", color=INK)
    axes.text(x, y - 0.14, WORDS[room], ha="center", va="center", fontsize=7.5, color=INK)


def arrow(axes: Axes, points: list[Point]) -> None:
    axes.plot(*zip(*points[:-1], strict=True), color=LINE, lw=1.1, zorder=1)
    style = {"arrowstyle": "-|>", "color": LINE, "lw": 1.1, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", points[-1], points[-2], arrowprops=style, zorder=1)


def draw(path: Path) -> None:
    rows = layers()
    arrows = reduced(imports([room for row in rows for room in row]))
    arrows = [(room, target) for room, target in arrows if target != ALL_IMPORT]
    places = arranged(rows, arrows)
    bottom = -STEP * (len(rows) - 1) - 0.5
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": PACKAGE, "font.family": "sans-serif"}):
        figure = Figure(figsize=(7, 7 * (0.5 - bottom) / 8))
        axes = figure.add_axes((0, 0, 1, 1))
        for room, target in arrows:
            arrow(axes, line(places, room, target))
        for room, middle in places.items():
            box(axes, room, middle)
        axes.set(xlim=(-4, 4), ylim=(bottom, 0.5))
        axes.axis("off")
        figure.savefig(path, format="svg", facecolor="white", metadata={"Date": None})


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE)
