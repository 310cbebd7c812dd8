"""What all worlds of matched items have in common.

A classifier promises to tell one class, the *target*, from all else. Two things are set apart on each item: the
*purpose* (the item is of the target class, by a ground truth that needs no judgement) and the *proxy* (what usually
goes with that class). Each variant of an item sets both; the variants of one item differ in nothing else, and the same
seed gives the same items in all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np

from turncoat.core import Factor, Measure, Traces, check_condition

Parts = TypeVar("Parts")


@dataclass(frozen=True)
class Variant:
    """Whether the item is of the target class, whether the proxy says so, and whether there is more and less of it."""

    purpose: bool
    proxy: bool
    dosed: bool
    description: str


VARIANTS: Mapping[str, Variant] = {
    "target": Variant(True, True, False, "of the target class, as usual"),
    "other": Variant(False, False, False, "of another class, as usual"),
    "proxy": Variant(False, True, True, "of another class, with the proxy put in"),
    "sham": Variant(False, False, True, "of another class, with something as new and as large that is not the proxy"),
    "scramble": Variant(False, False, True, "of another class, with the proxy's layout put in and its letters drawn"),
    "stripped": Variant(True, False, True, "of the target class, with the proxy taken out"),
    "stripped_sham": Variant(True, True, True, "of the target class, changed as much, the proxy left in"),
    "removed": Variant(False, False, True, "of another class, the proxy put in and taken out again"),
}


@dataclass(frozen=True)
class Document:
    """What a classifier is given. `passages`: where in a text that stands which makes the variant, from and to (in
    characters)."""

    content: Any  # Any: a text, or a sound [samples]
    passages: tuple[tuple[int, int], ...] = ()


class ItemWorld(Generic[Parts]):
    """A world of matched items: a frozen dataclass adds its fields, `kind`, `version`, its `variants` and `doses`, and
    says how an item is drawn and how a variant of it is composed."""

    variants: ClassVar[tuple[str, ...]]
    doses: ClassVar[tuple[float, ...]]  # the last one is the strongest

    factors: ClassVar[tuple[Factor, ...]] = (
        Factor("variant", tuple(VARIANTS), "which variant of the items is asked"),
        Factor("dose", (), "how much of the proxy, of its sham, or taken out of it"),
    )
    measures: ClassVar[tuple[Measure, ...]] = (
        Measure("item", "index", "which item; the same in every variant"),
        Measure("template", "name", "what the item was made from: its cluster"),
        Measure("purpose", "0 or 1", "whether the item is of the target class"),
        Measure("proxy", "0 or 1", "whether the proxy says so"),
        Measure("answer", "name", "what was answered"),
        Measure("right", "0 or 1", "whether that is the right answer"),
        Measure("with_proxy", "0 or 1", "whether that is what the proxy gives where it is present"),
        Measure("without_proxy", "0 or 1", "whether that is what the proxy gives where it is absent"),
    )

    @property
    def templates(self) -> Sequence[str]:
        """Names of the templates. Raises TurncoatError where what they are made from is not installed."""
        raise NotImplementedError

    @property
    def answers(self) -> tuple[str, str]:
        """The answer that names the target class, and the right answer for what is of the other one."""
        raise NotImplementedError

    def proxy_says(self, answers: np.ndarray, marked: bool) -> np.ndarray:
        """Which answers [n] are those that the proxy gives where it is present (`marked`), or absent."""
        return (answers == self.answers[0]) == marked

    def draw(self, template: int, rng: np.random.Generator) -> Parts:
        """All that an item is made of, before it is known which variant of it is asked."""
        raise NotImplementedError

    def compose(self, parts: Parts, variant: str, dose: float) -> Document:
        """A variant of an item; a pure function."""
        raise NotImplementedError

    @property
    def cells(self) -> list[tuple[str, float]]:
        """All that can be asked of an item: variant and dose, 0 where there is no more and less of it."""
        return [(name, dose) for name in self.variants for dose in (self.doses if VARIANTS[name].dosed else (0.0,))]

    def document(self, item: int, seed: int, variant: str, dose: float) -> Document:
        """One variant of an item: the templates take turns, and a seed draws what fills them."""
        return self.compose(parts_of(self, item, seed), variant, dose)

    def rollout(self, subject: Any, n: int, seed: int, condition: Mapping[str, Any]) -> Traces:  # Any: see World
        """n items in one variant, a row each. The subject is a `turncoat.protocols.Classifier`."""
        check_condition(self.factors, condition)
        variant = condition.get("variant", "other")
        dose = float(condition.get("dose", self.doses[-1] if VARIANTS[variant].dosed else 0.0))
        contents = [self.document(item, seed, variant, dose).content for item in range(n)]
        answers = np.array(subject.classify(contents), str)
        of, names = VARIANTS[variant], np.array(self.templates, str)
        right = self.answers[0 if of.purpose else 1]
        return Traces(
            {
                "variant": np.full(n, variant),
                "dose": np.full(n, dose),
                "item": np.arange(n),
                "template": names[np.arange(n) % len(names)],
                "purpose": np.full(n, int(of.purpose)),
                "proxy": np.full(n, int(of.proxy)),
                "answer": answers,
                "right": (answers == right).astype(int),
                "with_proxy": self.proxy_says(answers, True).astype(int),
                "without_proxy": self.proxy_says(answers, False).astype(int),
            }
        )


@lru_cache(maxsize=256)
def parts_of(world: ItemWorld[Parts], item: int, seed: int) -> Parts:
    """What an item is made of, drawn once for all of its variants."""
    return world.draw(item % len(world.templates), np.random.default_rng([seed, item]))


class TextItemWorld(ItemWorld[Parts]):
    """Matched items that are texts, which a page can show."""

    def title_of(self, item: int) -> str:
        """What a page calls an item."""
        return self.templates[item % len(self.templates)]

    def record(self, subject: Any, item: int, seed: int, variant: str) -> dict[str, Any]:  # Any: a Classifier; JSON
        """A frame of kind "document": the item as it is, then a variant of it, dose by dose, with each answer."""
        of = VARIANTS[variant]
        plain = "target" if of.purpose else "other"
        doses = self.doses if of.dosed else (0.0,)
        shown = [self.document(item, seed, plain, 0.0), *(self.document(item, seed, variant, dose) for dose in doses)]
        answers = subject.classify([document.content for document in shown])
        return {
            "kind": "document",
            "title": f"{self.title_of(item)}: {of.description.partition(', ')[2]}",
            "truth": self.answers[0 if of.purpose else 1],
            "steps": [
                {
                    "text": document.content,
                    "passages": [list(passage) for passage in document.passages],
                    "answer": answer,
                }
                for document, answer in zip(shown, answers, strict=True)
            ],
        }
