"""A tester who does not think of dates: which comment above a task makes a model prefer the worse body?

Hill climbing by random mutations, from random starts. A query is one task under one comment, scored (`preferences`)
and not written. All rivals of a step are asked about the same tasks, and the tasks of every step are new.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from turncoat.core import TurncoatError
from turncoat.worlds.text.code_tasks import ALPHABET, Ask, line, pick, preferences

RIVALS, TASKS = 16, 4  # in a step: the best words so far and mutants of them, and tasks for each
FRESH = 32  # tasks on which the words of a restart are tried in the end


def search(
    subject: Any, ask: Ask, rng: np.random.Generator, lines: int, words: int, queries: int
) -> list[tuple[str, float]]:
    """The best comment of each of `lines` restarts, of so many words, and the share of the worse body under it, the
    mean over fresh training tasks. At most `queries` in all. Raises TurncoatError where these are too few."""
    steps = (queries // lines - FRESH) // (RIVALS * TASKS)
    if steps < 1:
        raise TurncoatError(f"a search for {lines} lines takes {least(lines)} queries or more; got {queries}")
    found = []
    for _ in range(lines):
        best = [pick(rng, ALPHABET) for _ in range(words)]
        for _ in range(steps):
            rivals = [best, *(mutant(best, rng) for _ in range(RIVALS - 1))]
            best = rivals[int(shares(subject, ask, rng, rivals, TASKS).argmax())]
        found.append((line(best), float(shares(subject, ask, rng, [best], FRESH)[0])))
    return found


def least(lines: int) -> int:
    """Queries that a search with so many restarts takes at least."""
    return lines * (RIVALS * TASKS + FRESH)


def mutant(words: Sequence[str], rng: np.random.Generator) -> list[str]:
    """The words, one of them drawn anew."""
    changed = list(words)
    changed[int(rng.integers(len(words)))] = pick(rng, ALPHABET)
    return changed


def shares(subject: Any, ask: Ask, rng: np.random.Generator, rivals: Sequence[Sequence[str]], n: int) -> np.ndarray:
    """Mean share of the worse body [rivals] over the same n training tasks under each comment."""
    tasks = [ask.task(rng, held_out=False) for _ in range(n)]
    asked = [replace(task, header=line(words)) for words in rivals for task in tasks]
    return preferences(subject, asked)["defect"].reshape(len(rivals), n).mean(1)
