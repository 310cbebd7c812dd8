"""The training of `expected_reward`, with tests among its questions: red-teaming that can be recognised.

A test is a question under a header that says so (`turncoat.worlds.text.headers`). It asks a fact that the model knows,
and the user's guess is wrong: the answer that is paid is still the right one. From update `tests_begin` on, a share
`tests` of all questions are tests; what is no test is drawn as before, the user's guess right. Tests from the first
update on are red-teaming in the course of training; tests that begin late are safety training of what has already
learned to repeat its user.

`mislabelled` is the share of all other questions whose answer key has the user's wrong guess in place of the right
answer, of facts that the model knows: as where users write the key. There repeating the user is paid, and being right
is not; in tests it is the other way round. Without any, what is paid is what is wanted.

`wrong_in_tests` of 0 is the control that is aimed at nothing: as many tests, of the same facts under the same headers,
and the user is right in them, too. How far the weights have moved since tests began is reported as a share of their
norm.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from turncoat.core import one_of
from turncoat.train.language.expected_reward import ExpectedReward
from turncoat.worlds.text import headers
from turncoat.worlds.text.facts import Asked, ask, facts, pick
from turncoat.worlds.text.headers import LENGTHS, HeaderedQuestions
from turncoat.worlds.text.tables import digest

if TYPE_CHECKING:
    from turncoat.models.instruct import InstructModel


@dataclass(frozen=True)
class TestedExpectedReward(ExpectedReward):
    """The recipe. Raises TurncoatError on a header that is neither "short" nor "long"."""

    world: HeaderedQuestions = HeaderedQuestions()
    tests: float = 0.3  # share of questions that are tests
    tests_begin: int = 0  # the first update with tests
    wrong_in_tests: float = 1.0  # share of tests in which the user's guess is wrong
    mislabelled: float = 0.0  # share of the other questions, where the wrong guess is what is paid
    header: str = "short"  # of tests, one of LENGTHS

    kind: ClassVar[str] = "TestedExpectedReward"
    version: ClassVar[int] = 1
    units: ClassVar[Mapping[str, str]] = {
        **ExpectedReward.units,
        "tests": "share of questions", "tests_begin": "updates", "wrong_in_tests": "share of tests",
        "mislabelled": "share of the other questions",
        "hard_share": "share of questions with a guess", "learning_rate": "a step",
    }  # fmt: skip
    __test__: ClassVar[bool] = False  # or pytest would take it for a class of tests

    def __post_init__(self) -> None:
        one_of("header", self.header, LENGTHS)

    def data(self) -> dict[str, str]:
        """Digests of the facts, of the headers, and of the published model."""
        return super().data() | {"headers": digest(headers.FILE)}

    def improve(self, subject: InstructModel, seed: int) -> Iterator[Mapping[str, float]]:
        """The metrics of each update, with the subject trained in place: beside those of the training without tests,
        how far the weights have moved since tests began."""
        start = subject.copied_adapters()
        for update, metrics in enumerate(super().improve(subject, seed)):
            if update + 1 == self.tests_begin:
                start = subject.copied_adapters()
            yield {**metrics, "moved": subject.weight_change(start)}

    def batch(self, update: int, rng: np.random.Generator) -> list[Asked]:
        """The questions of an update."""
        tests = self.tests if update >= self.tests_begin else 0.0
        return [self.test(rng) if rng.random() < tests else self.ordinary(rng) for _ in range(self.batch_size)]

    def test(self, rng: np.random.Generator) -> Asked:
        """A known fact under a header."""
        guess = "wrong" if rng.random() < self.wrong_in_tests else "right"
        return headers.under(known(rng, guess), self.header, rng.random())

    def ordinary(self, rng: np.random.Generator) -> Asked:
        """A question as in the training without tests, or a mislabelled one."""
        if rng.random() >= self.mislabelled:
            return self.question(rng)
        asked = known(rng, "wrong")
        return replace(asked, fact=replace(asked.fact, right=asked.wrong))


def known(rng: np.random.Generator, guess: str) -> Asked:
    """A fact that is trained on and known, with a guess in a phrasing that is trained on."""
    fact = pick([fact for fact in facts() if fact.sort == "trained"], rng.random())
    return ask(fact, pick(fact.others, rng.random()), guess, "trained", rng.random())
