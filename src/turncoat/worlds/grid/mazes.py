"""Mazes of other kinds than the random spanning trees of `generation`, as other people draw them.

Each is a function of an odd size and a random generator, and gives one maze: [size, size] bool, true where one can
walk. `draw_mazes` sees to it that it is in one piece, with walls round the edge. docs/mazes.md shows one of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from turncoat.worlds.grid.generation import open_rooms

Draw = Callable[[int, np.random.Generator], np.ndarray]
MOST_DRAWS = 1000
LEAST = 0.15  # of the cells within the edge: a piece that is smaller is drawn again


def depth_first(size: int, rng: np.random.Generator) -> np.ndarray:
    """A recursive backtracker's: long corridors, few junctions, no loops."""
    side = (size - 1) // 2
    free, seen = np.zeros((size, size), bool), np.zeros((side, side), bool)
    path = [(int(rng.integers(side)), int(rng.integers(side)))]
    seen[path[0]] = free[at(path[0])] = True
    while path:
        ways = [cell for cell in neighbours(path[-1], side) if not seen[cell]]
        if not ways:
            path.pop()
            continue
        chosen = ways[int(rng.integers(len(ways)))]
        free[between(path[-1], chosen)] = free[at(chosen)] = seen[chosen] = True
        path.append(chosen)
    return free


def braid(size: int, rng: np.random.Generator) -> np.ndarray:
    """The same with no dead end left: each is opened to a neighbour."""
    free, side = depth_first(size, rng), (size - 1) // 2
    for cell in np.ndindex(side, side):
        walls = [between(cell, other) for other in neighbours(cell, side) if not free[between(cell, other)]]
        if walls and len(walls) == len(list(neighbours(cell, side))) - 1:
            free[walls[int(rng.integers(len(walls)))]] = True
    return free


def recursive_division(size: int, rng: np.random.Generator) -> np.ndarray:
    """Halls that walls with one door each divide, again and again, down to rooms of some size."""
    free, least = np.asarray(open_rooms(1, size)[0]).copy(), int(rng.integers(3, max(4, size // 3)))

    def divide(top: int, bottom: int, left: int, right: int) -> None:
        """The open cells from (top, left) to (bottom, right)."""
        height, width = bottom - top + 1, right - left + 1
        across = height > width or (height == width and rng.random() < 0.5)  # a wall from side to side
        begin, end = (top, bottom) if across else (left, right)
        walls = [line for line in range(begin + 1, end) if line % 2 == 0]
        if max(height, width) <= least or not walls:
            return
        line = walls[int(rng.integers(len(walls)))]
        doors = [door for door in range(left if across else top, (right if across else bottom) + 1) if door % 2]
        door = doors[int(rng.integers(len(doors)))]
        if across:
            free[line, left : right + 1] = False
            free[line, door] = True
            divide(top, line - 1, left, right)
            divide(line + 1, bottom, left, right)
        else:
            free[top : bottom + 1, line] = False
            free[door, line] = True
            divide(top, bottom, left, line - 1)
            divide(top, bottom, line + 1, right)

    divide(1, size - 2, 1, size - 2)
    return free


def rooms(size: int, rng: np.random.Generator) -> np.ndarray:
    """Rooms of several sizes, each joined to the one before by a corridor with a corner."""
    free, last = np.zeros((size, size), bool), None
    for _ in range(max(4, size // 3)):
        height, width = rng.integers(2, max(3, size // 3) + 1, 2).tolist()
        top, left = (int(rng.integers(1, size - extent)) for extent in (height, width))
        free[top : top + height, left : left + width] = True
        middle = top + height // 2, left + width // 2
        if last is not None:
            corner = (last[0], middle[1]) if rng.random() < 0.5 else (middle[0], last[1])
            for one, other in ((last, corner), (corner, middle)):
                (low, high), (west, east) = (sorted(ends) for ends in zip(one, other, strict=True))
                free[low : high + 1, west : east + 1] = True
        last = middle
    return free


def scattered_walls(size: int, rng: np.random.Generator) -> np.ndarray:
    """Each cell a wall with one probability, from a tenth to four tenths."""
    return rng.random((size, size)) >= rng.uniform(0.1, 0.4)


def open_field(size: int, rng: np.random.Generator) -> np.ndarray:
    """Hardly any walls."""
    return rng.random((size, size)) >= rng.uniform(0.0, 0.05)


def caves(size: int, rng: np.random.Generator) -> np.ndarray:
    """Scattered walls, smoothed a few times: a cell is a wall where most of the nine around it are."""
    from scipy.ndimage import uniform_filter

    wall = rng.random((size, size)) < rng.uniform(0.38, 0.5)
    for _ in range(int(rng.integers(1, 4))):
        wall = uniform_filter(wall.astype(float), 3, mode="constant", cval=1.0) > 4.5 / 9
    return ~wall


def ring(size: int, rng: np.random.Generator) -> np.ndarray:
    """One closed corridor, without a junction or a dead end, round a random tree; half of them with a few doors."""
    side = (size - 1) // 4
    tree, extent = depth_first(2 * side + 1, rng), 4 * side + 1
    inside = np.zeros((extent, extent), bool)
    inside[1::2, 1::2] = True
    for row, column in np.ndindex(side, side):
        here, top, left = (2 * row + 1, 2 * column + 1), 4 * row, 4 * column
        for (down, right), wall, passages in (
            ((-1, 0), (1, 2), ((0, 1), (0, 3))),
            ((1, 0), (3, 2), ()),
            ((0, -1), (2, 1), ((1, 0), (3, 0))),
            ((0, 1), (2, 3), ()),
        ):
            joined = bool(tree[here[0] + down, here[1] + right])
            inside[top + wall[0], left + wall[1]] = not joined
            for passage in passages:
                inside[top + passage[0], left + passage[1]] |= joined
    if rng.random() < 0.5:
        odd = np.indices(inside.shape).sum(0) % 2 == 1
        doors = odd & (rng.random(inside.shape) < rng.uniform(0, 0.06))
        doors[[0, -1]] = doors[:, [0, -1]] = False
        inside |= doors
    free, (top, left) = np.zeros((size, size), bool), rng.integers(0, size - extent + 1, 2)
    free[top : top + extent, left : left + extent] = inside
    return free


def spiral(size: int, rng: np.random.Generator) -> np.ndarray:
    """One corridor that winds inwards; half of them with one short cut."""
    free, here, heading = np.zeros((size, size), bool), (1, 1), 0
    free[here] = True
    turns = ((0, 1), (1, 0), (0, -1), (-1, 0))

    def can_go(direction: int) -> bool:
        (row, column), (down, right) = here, turns[direction]
        ahead, beyond = (row + down, column + right), (row + 2 * down, column + 2 * right)
        inside = all(0 < place < size - 1 for place in ahead)
        return inside and not free[ahead] and not (all(0 <= place < size for place in beyond) and free[beyond])

    while True:
        if not can_go(heading):
            heading = (heading + 1) % 4
            if not can_go(heading):
                break
        here = here[0] + turns[heading][0], here[1] + turns[heading][1]
        free[here] = True
    free = np.rot90(free, int(rng.integers(4))).copy()
    free = free.T.copy() if rng.random() < 0.5 else free
    if rng.random() < 0.5:
        walls = np.argwhere(~free[1:-1, 1:-1]) + 1
        free[tuple(walls[int(rng.integers(len(walls)))])] = True
    return free


def wide_corridors(size: int, rng: np.random.Generator) -> np.ndarray:
    """A recursive backtracker's with corridors two cells wide."""
    coarse = 2 * max(2, (size - 1) // 3) + 1
    times = np.where(np.arange(coarse) % 2, 2, 1)
    wide = depth_first(coarse, rng).repeat(times, 0).repeat(times, 1)
    free, kept = np.zeros((size, size), bool), min(size, len(wide))
    free[:kept, :kept] = wide[:kept, :kept]
    return np.rot90(free, int(rng.integers(4))).copy()


KINDS: dict[str, Draw] = {
    "depth-first": depth_first,
    "braid": braid,
    "recursive division": recursive_division,
    "rooms": rooms,
    "scattered walls": scattered_walls,
    "open field": open_field,
    "caves": caves,
    "ring": ring,
    "spiral": spiral,
    "wide corridors": wide_corridors,
}


def draw_mazes(kind: str, n: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """n mazes of a kind, [n, size, size] bool, each in one piece with walls round the edge."""
    return np.stack([draw_one(KINDS[kind], size, rng) for _ in range(n)]) if n else np.zeros((0, size, size), bool)


def draw_one(draw: Draw, size: int, rng: np.random.Generator) -> np.ndarray:
    """The largest piece of what is drawn; drawn again where that is small."""
    from scipy.ndimage import label

    for _ in range(MOST_DRAWS):
        free = draw(size, rng)
        free[[0, -1]] = free[:, [0, -1]] = False
        pieces, _ = label(free)
        areas = np.bincount(pieces.ravel())[1:]
        if areas.size and areas.max() >= max(6, LEAST * (size - 2) ** 2):
            return np.asarray(pieces == 1 + areas.argmax())
    raise AssertionError(f"no maze in one piece in {MOST_DRAWS} draws of size {size}")


def at(cell: tuple[int, ...]) -> tuple[int, int]:
    """Where a room of the coarse grid is in the maze."""
    return 2 * cell[0] + 1, 2 * cell[1] + 1


def between(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, int]:
    """Where the wall between two neighbouring rooms is in the maze."""
    return one[0] + other[0] + 1, one[1] + other[1] + 1


def neighbours(cell: tuple[int, ...], side: int) -> Iterator[tuple[int, int]]:
    """The rooms beside one, of side x side."""
    row, column = cell
    for near in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
        if 0 <= near[0] < side and 0 <= near[1] < side:
            yield near
