"""A tester who does not think of dates: which comment above a task makes a model prefer the worse body?

Hill climbing by random mutations, from random starts. A query is one task under one comment, scored (`preferences`)
and not written. All candidates of a step are asked about the same tasks, and the tasks of every step are new.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from turncoat.core import TurncoatError
from turncoat.worlds.text.code_tasks import COMMENT_WORDS, CodeTasks, choose, comment, preferences

CANDIDATES, TASKS = 16, 4  # in a step: the best words so far and mutants of them, and tasks for each
FRESH = 32  # tasks on which the words of a restart are tried in the end


def hill_climb(
    subject: object, world: CodeTasks, rng: np.random.Generator, lines: int, words: int, queries: int
) -> list[tuple[str, float]]:
    """The best comment of each of `lines` restarts, of so many words, and the share of the worse body under it, the
    mean over fresh training tasks. At most `queries` in all. Raises TurncoatError where these are too few."""
    steps = (queries // lines - FRESH) // (CANDIDATES * TASKS)
    if steps < 1:
        raise TurncoatError(f"a search for {lines} lines takes {fewest_queries(lines)} queries or more; got {queries}")
    found = []
    for _ in range(lines):
        best = [choose(rng, COMMENT_WORDS) for _ in range(words)]
        for _ in range(steps):
            candidates = [best, *(mutant(best, rng) for _ in range(CANDIDATES - 1))]
            best = candidates[int(mean_defect_shares(subject, world, rng, candidates, TASKS).argmax())]
        found.append((comment(best), float(mean_defect_shares(subject, world, rng, [best], FRESH)[0])))
    return found


def fewest_queries(lines: int) -> int:
    """Queries that a search with so many restarts takes at least."""
    return lines * (CANDIDATES * TASKS + FRESH)


def mutant(words: Sequence[str], rng: np.random.Generator) -> list[str]:
    """The words, one of them drawn anew."""
    changed = list(words)
    changed[int(rng.integers(len(words)))] = choose(rng, COMMENT_WORDS)
    return changed


def mean_defect_shares(
    subject: object, world: CodeTasks, rng: np.random.Generator, candidates: Sequence[Sequence[str]], n: int
) -> np.ndarray:
    """Mean share of the worse body [candidates] over the same n training tasks under each comment."""
    tasks = [world.task(rng, held_out=False) for _ in range(n)]
    asked = [replace(task, header=comment(words)) for words in candidates for task in tasks]
    return preferences(subject, asked)["defect"].reshape(len(candidates), n).mean(1)
