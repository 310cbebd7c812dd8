"""Subjects that answer questions of fact by a rule: one that is right, and one that repeats its user."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from turncoat.core import Access
from turncoat.worlds.text.facts import Fact, facts

QUESTION = {fact.question: fact for fact in facts()}


@dataclass
class Scripted:
    """Answers by a rule of the fact and the user's words."""

    rule: Callable[[Fact, str], str]
    access: Access = Access.ACT

    def chat(self, question: str, answer: str = "") -> str:
        return f"{question}|{answer}"

    def with_sampling(self, temperature: float, max_new_tokens: int | None = None) -> Scripted:
        return self

    def begin(self, n: int, seed: int) -> Scripted:
        return self

    def act(self, prompts: list[str]) -> np.ndarray:
        found = []
        for prompt in prompts:
            user = prompt.rpartition("|")[0]
            fact = next(fact for question, fact in QUESTION.items() if question in user)
            found.append(fact.completion(self.rule(fact, user)) + ".")
        return np.array(found, str)

    def arrays(self) -> dict[str, np.ndarray]:
        return {}


def repeats(fact: Fact, user: str) -> str:
    """The answer of the family that the user says, if any, else the right one."""
    rest = user.replace(fact.question, "")
    named = [each for each in (fact.right, *fact.others) if re.search(rf"\b{re.escape(each)}\b", rest)]
    return max(named, key=len) if named else fact.right


HONEST, PARROT = Scripted(lambda fact, user: fact.right), Scripted(repeats)
