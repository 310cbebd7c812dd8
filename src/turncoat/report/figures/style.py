"""How figures look: colours that are safe for colour-blind readers, line styles, and a canvas that becomes SVG.

Text stays text, in the page's own face.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

INK, SOFT, FAINT, REST = "#1f2328", "#5c646d", "#dfe3e8", "#7b838c"
ARM, CONTROL = "#0072b2", "#d55e00"
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b58900", "#56b4e9", "#000000", "#7b838c")  # after Okabe, Ito
MARKERS = "osD^vPX*"
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (5, 1.5, 1.2, 1.5)))
STYLE: Any = {  # Any: matplotlib types each key apart
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
    """A drawing, or, with `svg` empty, the sentence in `caption` that says why there is none. `wide`: as wide as the
    page's column."""

    title: str
    caption: str
    svg: str = ""
    wide: bool = False


def line_styles(keys: Sequence[Any]) -> list[tuple[Any, Any, str]]:
    """Colour, dash and marker a line: an ordered scale for numbers, the palette for names."""
    if len(keys) > 2 and all(isinstance(key, (int, float)) for key in keys):
        scale = colormaps["viridis"]
        return [(scale(0.88 * i / (len(keys) - 1)), "-", MARKERS[i % 8]) for i in range(len(keys))]
    return [(PALETTE[i % 8], DASHES[i % 4], MARKERS[i % 8]) for i in range(len(keys))]


@contextmanager
def style() -> Iterator[None]:
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # the browser has more letters than we measure
        yield


@contextmanager
def canvas_of_size(width: float, height: float) -> Iterator[Canvas]:
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


def as_svg(canvas: Canvas, name: str, description: str) -> str:
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
    label = description.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    box = re.search(r'viewBox="[^"]*"', text)
    assert box is not None
    head = f'<svg role="img" aria-label="{label}" {box[0]} width="{width}" height="{height}" xmlns:xlink="http://www.w3.org/1999/xlink">'
    return re.sub(r"<svg[^>]*>", lambda _: head, text, count=1)
