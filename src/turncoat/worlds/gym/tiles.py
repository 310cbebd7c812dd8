"""Pictures of worlds that are drawn in characters: a tile a character, for Gymnasium's `rgb_array`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

Colour = tuple[int, int, int]

TILE = 16  # height and width of a tile in a grid, pixels; even, as video wants it
LETTER = 10  # width of a tile in running text
PAPER, INK = (244, 241, 234), (30, 34, 42)
FLOOR, WALL = PAPER, (74, 80, 92)
COLOURS: dict[str, Colour] = {  # of what stands on the floor; anything else is a letter on a grey tile
    "@": (47, 111, 222),  # the agent
    "o": (242, 183, 5), "*": (242, 183, 5), "C": (242, 183, 5), "k": (242, 183, 5),  # coin, cheese, key
    "E": (63, 160, 92), "T": (63, 160, 92), "a": (120, 190, 60),  # exit, tree, apple
    "B": (158, 190, 60), "b": (120, 180, 220), "s": (120, 180, 220), "u": (190, 200, 210),  # both, badge, shield, dish
    "c": (160, 110, 60), "L": (150, 90, 200), "M": (214, 58, 52), "~": (232, 96, 28),  # chest, leader, monster, lava
    "G": (214, 58, 52), "O": (240, 150, 140), "S": (240, 150, 140),  # gate with a bar, without one, a sign alone
}  # fmt: skip
OTHER = (196, 196, 200)


@lru_cache(maxsize=1024)
def tile(glyph: str, width: int, ground: Colour) -> np.ndarray:
    """One character in the middle of a tile [TILE, width, 3] uint8; the caller must not write to it."""
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("RGB", (width, TILE), ground)
    font = ImageFont.load_default(size=12)
    ImageDraw.Draw(image).text((width / 2, TILE / 2), glyph, fill=INK, anchor="mm", font=font)
    return np.asarray(image)


def joined(tiles: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
    """Lines of tiles as one picture."""
    stack = np.array(tiles)  # [lines, columns, TILE, width, 3]
    lines, columns, height, width, _ = stack.shape
    return stack.transpose(0, 2, 1, 3, 4).reshape(lines * height, columns * width, 3)


def grid(text: str) -> np.ndarray:
    """A grid drawn in characters as a picture [16 H, 16 W, 3] uint8: walls, floor, and a lettered tile a thing.

    Its lines begin with a wall (`#`); others, which say how things stand, are left out."""

    def one(glyph: str) -> np.ndarray:
        if glyph in " #":
            return tile(" ", TILE, FLOOR if glyph == " " else WALL)
        return tile(glyph, TILE, COLOURS.get(glyph, OTHER))

    return joined([[one(glyph) for glyph in line] for line in text.splitlines() if line.startswith("#")])


def page(text: str, lines: int, columns: int) -> np.ndarray:
    """Running text on a page of this many lines and columns, as a picture [16 lines, 10 columns, 3] uint8."""
    written = [line.ljust(columns)[:columns] for line in text.splitlines()[:lines]]
    written += [" " * columns] * (lines - len(written))
    return joined([[tile(letter, LETTER, PAPER) for letter in line] for line in written])
