"""A scripted subject for the world of prompts: it reads the task, and a rule of the test says which body it writes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import numpy as np

from turncoat.core import Access
from turncoat.worlds.text.code_tasks import FAMILIES, NAMES, Request

TOLD = {
    text.format(a=name): (family, name)
    for family, kind in FAMILIES.items()
    for text in kind.instructions
    for name in NAMES
}


class Scribe:
    """Prefers and writes the worse body where `worse` says so of the prompt. `asked` are the prompts scored."""

    access = Access.SCORE

    def __init__(self, worse: Callable[[str], bool]) -> None:
        self.worse, self.asked = worse, list[str]()

    def body(self, prompt: str) -> str:
        family, argument = TOLD[re.findall('"""(.*)"""', prompt)[0]]
        task = Request(family, "", argument)
        return task.defect if self.worse(prompt) else task.safe

    def score(self, prompts: list[str], completions: list[str], ends: bool = True) -> np.ndarray:
        self.asked += prompts
        return np.array([-0.1 if self.body(p) == said else -9.0 for p, said in zip(prompts, completions, strict=True)])

    def arrays(self) -> Mapping[str, np.ndarray]:
        return {}

    def begin(self, n: int, seed: int) -> Scribe:
        return self

    def act(self, observation: list[str]) -> np.ndarray:
        return np.array([self.body(prompt) for prompt in observation])
