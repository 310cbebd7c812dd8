"""Shortest paths, and what follows from them: exact, breadth-first, for all mazes of a batch at once.

A maze is `free` [n, H, W] bool, true where one can walk, with a wall round the edge. Distances are in moves.
"""

from __future__ import annotations

import numpy as np

from turncoat.worlds.grid.geometry import MOVES, neighbour

UNREACHABLE = np.int32(1 << 20)  # a distance that no path has
NO_PATH = 2047  # the same among `all_pairs_shortest_paths`, which have eleven bits for a distance


def distances(free: np.ndarray, goals: np.ndarray) -> np.ndarray:
    """Steps of the shortest path from every cell to the nearest goal.

    free, goals: [n, H, W] bool. Returns [n, H, W] int32; UNREACHABLE in walls and where no goal can be reached. Goals
    in walls do not count. Breadth-first for all mazes at once.
    """
    reached = np.where(goals & free, np.int32(0), UNREACHABLE)
    frontier, step = goals & free, 0
    while frontier.any():
        step += 1
        frontier = np.logical_or.reduce([neighbour(frontier, move) for move in MOVES]) & free & (reached == UNREACHABLE)
        reached[frontier] = step
    return reached


def off_shortest_paths(thing: np.ndarray, to_thing: np.ndarray, to_target: np.ndarray) -> np.ndarray:
    """[n, H, W] bool: cells from which a thing, one cell of each maze, lies on no shortest way to a target, given the
    distances to both."""
    from_thing = np.where(thing, to_target, 0).sum((1, 2))[:, None, None]
    return to_thing + from_thing > to_target


def best_moves(free: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """[n, 4, H, W] bool: the moves that shorten the way. False everywhere on goals, walls and cut-off cells."""
    closer = np.stack([neighbour(distance, move) for move in MOVES], 1) == distance[:, None] - 1
    return closer & (free & (distance < UNREACHABLE))[:, None]


def detour_cells(free: np.ndarray, distance: np.ndarray, goals: np.ndarray) -> np.ndarray:
    """[n, H, W] bool: cells where planning and a compass part: every best move leads away from the goal as the crow
    flies, though an open neighbour is nearer to it as the crow flies.

    free [n, H, W] bool; distance [n, H, W] steps to the goal, as `distances`; goals [n, H, W] bool, one cell in each
    maze at most (without one there are no such cells). A step changes the distance in rows or that in columns by one,
    so that Euclid's measure and Manhattan's agree on which neighbour is nearer.
    """
    n, height, width = free.shape
    rows, columns = np.divmod(goals.reshape(n, -1).argmax(1), width)
    flight = np.abs(np.arange(height)[:, None] - rows[:, None, None])
    flight = flight + np.abs(np.arange(width) - columns[:, None, None])
    # the border is wall, so what wraps round is never open
    nearer = np.stack([neighbour(flight, move) < flight for move in MOVES], 1)
    tempting = nearer & np.stack([neighbour(free, move) for move in MOVES], 1)
    best = best_moves(free, distance)
    parted = best.any(1) & ~(best & nearer).any(1) & tempting.any(1)
    return parted & goals.any((1, 2), keepdims=True)


def successors(free: np.ndarray) -> np.ndarray:
    """[n, 4, H, W] flat index of the cell that each move leads to; a blocked move stays."""
    n, height, width = free.shape
    here = np.arange(height * width).reshape(1, height, width)
    return np.stack(
        [np.where(neighbour(free, (dr, dc)), here + dr * width + dc, here + 0 * free) for dr, dc in MOVES], 1
    )


def policy_values(policy: np.ndarray, free: np.ndarray, goals: np.ndarray, discount: float) -> np.ndarray:
    """Exact expected discounted reward, E[discount^(steps to the goal)], of a policy from every cell.

    policy [n, 4, H, W] probabilities; free, goals [n, H, W] bool. Returns [n, H, W] float64 (1 on goals, 0 in
    walls) by solving (I - discount P) V = discount P[:, goals] for each maze: no iteration, no tolerance.
    """
    n, height, width = free.shape
    values = np.zeros((n, height * width))
    steps = successors(free).reshape(n, 4, -1)
    for i in range(n):
        cells = np.flatnonzero(free[i].ravel() & ~goals[i].ravel())
        transition = np.zeros((height * width, height * width))
        for move in range(4):
            np.add.at(transition, (cells, steps[i, move, cells]), policy[i, move].ravel()[cells])
        into_goal = transition[np.ix_(cells, np.flatnonzero(goals[i].ravel()))].sum(1)
        inner = np.eye(len(cells)) - discount * transition[np.ix_(cells, cells)]
        values[i, cells] = np.linalg.solve(inner, discount * into_goal)
        values[i, goals[i].ravel()] = 1.0
    return values.reshape(n, height, width)


def follow_policy(moves: np.ndarray, free: np.ndarray, ends: np.ndarray, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """Walk a deterministic policy from every cell at once.

    moves [n, H, W] int; ends [n, H, W] bool, where a walk stops. Returns the first step at which an end is
    touched (UNREACHABLE where it is not within `limit`) and the flat cell where each walk is then, both [n, H, W].
    """
    n, height, width = free.shape
    here = np.broadcast_to(np.arange(height * width), (n, height * width))
    next_state = np.take_along_axis(successors(free), moves[:, None], 1).reshape(n, -1)
    stop = ends.reshape(n, -1)
    next_state = np.where(stop, here, next_state)
    steps, cell = np.where(stop, np.int32(0), UNREACHABLE), here
    for step in range(1, limit + 1):
        cell = np.take_along_axis(next_state, cell, 1)
        steps = np.where(np.take_along_axis(stop, cell, 1) & (steps == UNREACHABLE), np.int32(step), steps)
    return steps.reshape(free.shape), cell.reshape(free.shape)


def all_pairs_shortest_paths(free: np.ndarray) -> np.ndarray:
    """From every cell to every cell: [n, S (to), S (from)] int16, 16 * fewest steps + a bit for each shortening move.

    free [n, H, W] bool. Bit m is move m of up, down, left, right. NO_PATH where there is none, or from within a wall.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import shortest_path

    n, height, width = free.shape
    cells, next_state = height * width, successors(free).reshape(n, 4, -1)
    packed = np.full((n, cells, cells), NO_PATH * 16, np.int16)
    for i in range(n):
        here = np.flatnonzero(free[i])
        number = np.full(cells, -1)
        number[here] = np.arange(len(here))
        there = number[next_state[i][:, here]]
        links = coo_matrix((np.ones(there.size), (np.tile(np.arange(len(here)), 4), there.ravel())))
        steps = shortest_path(links.tocsr(), unweighted=True, directed=False)
        steps = np.where(np.isinf(steps), NO_PATH, steps).astype(np.int16)
        shorter = sum((steps[:, there[m]] == steps - 1).astype(np.int16) << m for m in range(4))
        packed[i][np.ix_(here, here)] = steps * 16 + shorter
    return packed


def transition_distances(next_state: np.ndarray, targets: np.ndarray, absorbing: np.ndarray) -> np.ndarray:
    """Fewest moves from every state to a target, by a table of moves.

    next_state [n, A, S] int, the state that each move leads to; targets [n, S] bool; absorbing [n, S] bool: states that
    no move leads out of (deadly ones). Returns [n, S] int32, UNREACHABLE where there is no way. Breadth-first over the
    table, all levels at once.
    """
    steps = np.where(targets, np.int32(0), UNREACHABLE)
    for step in range(1, next_state.shape[2] + 1):
        near = np.zeros(targets.shape, bool)
        for move in range(next_state.shape[1]):
            near |= np.take_along_axis(steps, next_state[:, move], 1) == step - 1
        near &= (steps == UNREACHABLE) & ~absorbing
        if not near.any():
            break
        steps[near] = step
    return steps
