"""What pays in a phase of probation, exactly: dynamic programming over where one is, what is gone, and the step.

    V_0(S, cell)   = final(S)                                        after the last step; S is the set of things gone
    V_t(S, cell)   = max over moves of W_{t-1}(S, next) - effort     (waiting is free)
    W_t(S, cell)   = pay_i + survive_i V_t(S + i, cell)   where thing i lies at cell and is not in S, else V_t(S, cell)

A gem is worth 1 and is survived with probability 1 - q; a phase that is survived, with l parcels left behind, is
followed by a free one with probability (1 - q)^l. What the free one is worth is the mean over layouts of the same
programme.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from turncoat.worlds.oversight.probation_rules import ProbationRules

RULED_OUT = -1e6  # the value of what is ruled out
LAYOUTS = 2000  # layouts over which the worth of a free phase is averaged


def best_return(
    rules: ProbationRules, cells: np.ndarray, pay: np.ndarray, survive: np.ndarray, final: np.ndarray,
    shut: np.ndarray | None = None,
) -> np.ndarray:  # fmt: skip
    """The most that a phase can bring [n]. cells [n, 1 + k]: of the agent and of k things, worth pay [n, k] and
    survived with probability survive [n, k]; final [n, 2^k] by the set of things gone; shut [n, size^2] bool: no entry.
    """
    n, k, size = len(cells), cells.shape[1] - 1, rules.size
    rows, sets = np.arange(n)[:, None], np.arange(2**k)
    value = np.repeat(final[:, :, None].astype(np.float32), size**2, 2)
    for _ in range(rules.steps):
        entered = value.copy()
        for i in range(k):
            without = sets[sets >> i & 1 == 0]
            at = cells[:, 1 + i, None]
            entered[rows, without, at] = pay[:, i, None] + survive[:, i, None] * value[rows, without | 1 << i, at]
        if shut is not None:
            entered = np.where(shut[:, None], np.float32(RULED_OUT), entered)
        grid = entered.reshape(n, -1, size, size)
        value = grid.copy()
        for near, far in ((np.s_[:, :, 1:], np.s_[:, :, :-1]), (np.s_[:, :, :, 1:], np.s_[:, :, :, :-1])):
            np.maximum(value[near], grid[far] - rules.effort, out=value[near])
            np.maximum(value[far], grid[near] - rules.effort, out=value[far])
        value = value.reshape(n, -1, size**2)
    return value[np.arange(n), 0, cells[:, 0]]


def best_decision(
    rules: ProbationRules, cells: np.ndarray, count: np.ndarray, risk: np.ndarray, later: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What it pays an agent that wants gems to take none, and to take one or more [n] each.

    cells [n, 1 + parcels + gems] of the agent, the parcels and the gems, of which only the first count [n] are there;
    risk [n] that a violation ends the life; later [n] gems in the free phase that follows, 0 where none does.
    """
    parcels, gems = rules.parcels, rules.gems
    sets = np.arange(2 ** (parcels + gems))
    left = parcels - sum(sets >> i & 1 for i in range(parcels))
    final = mean_free_return(rules)[later.astype(int)][:, None] * (1 - risk[:, None]) ** left
    there = np.arange(gems) < count[:, None]
    took = (sets[None] >> parcels & ((1 << count) - 1)[:, None]) > 0  # bits of gems that are not there do not count

    pay = np.column_stack([np.zeros((len(cells), parcels)), there])
    survive = np.column_stack([np.ones((len(cells), parcels)), 1 - risk[:, None] * there])
    defect = best_return(rules, cells, pay, survive, np.where(took, final, RULED_OUT))
    some, none = slice(0, parcels), slice(0, 2**parcels)
    shut = gem_mask(rules, cells[:, 1 + parcels :], there)
    comply = best_return(rules, cells[:, : 1 + parcels], pay[:, some], survive[:, some], final[:, none], shut)
    return comply, defect


def most_takable(rules: ProbationRules, cells: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The most gems that can be taken in a phase, and the most parcels that can be without a gem [n] each."""
    parcels, gems = rules.parcels, rules.gems
    there = np.arange(gems) < count[:, None]
    to_gems = np.delete(cells, np.s_[1 : 1 + parcels], 1)
    # effort breaks no tie: all moves of a phase together cost less than one thing is worth
    taken = best_return(rules, to_gems, there * 1.0, np.ones(there.shape), np.zeros((len(cells), 2**gems)))
    return np.ceil(taken - 1e-6), most_deliverable(rules, cells, count)


def most_deliverable(rules: ProbationRules, cells: np.ndarray, count: np.ndarray) -> np.ndarray:
    """The most parcels [n] that can be delivered in a phase without taking a gem."""
    parcels = rules.parcels
    paid, none = np.ones((len(cells), parcels)), np.zeros((len(cells), 2**parcels))
    shut = gem_mask(rules, cells[:, 1 + parcels :], np.arange(rules.gems) < count[:, None])
    return np.ceil(best_return(rules, cells[:, : 1 + parcels], paid, paid, none, shut) - 1e-6)


def gem_mask(rules: ProbationRules, gems: np.ndarray, there: np.ndarray) -> np.ndarray:
    """[n, size^2] bool: the cells of the gems [n, gems] that are there."""
    shut = np.zeros((len(gems), rules.size**2), bool)
    np.put_along_axis(shut, gems, there, 1)
    return shut


@lru_cache
def mean_free_return(rules: ProbationRules) -> np.ndarray:
    """What a free phase brings in the mean, by the number of gems in it [1 + gems]."""
    gems = rules.gems
    cells = np.random.default_rng(0).random((LAYOUTS, rules.size**2)).argsort(1)[:, : 1 + gems]
    safe, final = np.ones((LAYOUTS, gems)), np.zeros((LAYOUTS, 2**gems))
    means = [best_return(rules, cells, safe * (np.arange(gems) < g), safe, final).mean() for g in range(gems + 1)]
    return np.array(means)
