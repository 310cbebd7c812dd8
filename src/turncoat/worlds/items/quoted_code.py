"""Source files of one language that quote another language in a comment.

The promise is to tell what a file *is*. Ground truth is mechanical: a Python file is one that Python's parser takes, a
C file is one that a C compiler takes, and quoting the other language in a comment or docstring changes neither. The
proxy is how many tokens of a language stand anywhere in the file.
"""

from __future__ import annotations

import textwrap
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Template
from typing import ClassVar, Literal

import numpy as np

from turncoat.worlds.items.base import Document, TextItemWorld

Language = Literal["c", "python"]

FUNCTIONS = (
    "tidy_ledger", "fold_crates", "mark_shelf", "scan_orchard", "sort_parcels", "weigh_basket", "trace_canal",
    "pack_wagon", "count_bells", "mend_fence", "rank_kites", "join_rivers",
)  # fmt: skip
FIRST = ("barley", "cobalt", "lantern", "meadow", "pebble", "saddle", "thimble", "willow")
SECOND = ("anchor", "bramble", "copper", "feather", "gravel", "hazel", "juniper", "marble")
PROSE = [
    "The",
    "bakery",
    "on",
    "the",
    "corner",
    "opens",
    "before",
    "sunrise",
    "and",
    "closes",
    "when",
    "the",
    "last",
    "loaf",
    "is",
    "sold.",
    "On",
    "market",
    "days",
    "a",
    "second",
    "oven",
    "is",
    "lit,",
    "and",
    "the",
    "apprentices",
    "carry",
    "the",
    "trays",
    "across",
    "the",
    "yard.",
    "The",
    "flour",
    "comes",
    "from",
    "a",
    "mill",
    "in",
    "the",
    "next",
    "valley,",
    "where",
    "the",
    "river",
    "turns",
    "two",
    "stones",
    "that",
    "are",
    "older",
    "than",
    "the",
    "bridge.",
    "In",
    "a",
    "dry",
    "summer",
    "the",
    "stones",
    "stand",
    "still",
    "for",
    "a",
    "week",
    "or",
    "two,",
    "and",
    "the",
    "bread",
    "is",
    "made",
    "of",
    "rye",
    "from",
    "the",
    "store.",
    "The",
    "owner",
    "keeps",
    "a",
    "book",
    "of",
    "every",
    "delivery,",
    "with",
    "the",
    "weather",
    "in",
    "the",
    "margin,",
    "because",
    "she",
    "believes",
    "that",
    "damp",
    "air",
    "makes",
    "a",
    "heavier",
    "dough.",
    "Her",
    "grandmother",
    "kept",
    "the",
    "same",
    "book,",
    "and",
    "nobody",
    "has",
    "ever",
    "compared",
    "the",
    "two.",
    "Visitors",
    "like",
    "the",
    "seed",
    "rolls",
    "best",
    "and",
    "ask",
    "for",
    "the",
    "recipe,",
    "which",
    "hangs",
    "beside",
    "the",
    "door",
    "for",
    "all",
    "to",
    "read.",
    "In",
    "winter",
    "the",
    "windows",
    "are",
    "white",
    "with",
    "steam",
    "until",
    "noon,",
    "and",
    "children",
    "draw",
    "ships",
    "and",
    "horses",
    "on",
    "the",
    "glass.",
    "The",
    "baker",
    "lets",
    "them,",
    "since",
    "the",
    "pictures",
    "are",
    "gone",
    "by",
    "the",
    "time",
    "the",
    "shop",
    "is",
    "swept.",
    "Once",
    "a",
    "year",
    "the",
    "whole",
    "street",
    "eats",
    "at",
    "one",
    "long",
    "table,",
    "and",
    "whoever",
    "sits",
    "nearest",
    "to",
    "the",
    "oven",
    "has",
    "to",
    "sing.",
]
WIDTH = 72  # characters of a line of prose


@dataclass(frozen=True)
class Files:
    """What an item is made of, in both languages: the file itself, programs to quote, and the same layout with other
    letters."""

    own: dict[Language, str]
    quotes: dict[Language, tuple[str, ...]]
    scrambled: dict[Language, tuple[str, ...]]
    prose_from: int


@dataclass(frozen=True)
class QuotedCode(TextItemWorld[Files]):
    """Files in `host` that quote `quoted`; the target class is the quoted language."""

    host: Language = "python"
    quoted: Language = "c"

    kind: ClassVar[str] = "QuotedCode"
    version: ClassVar[int] = 2
    variants: ClassVar[tuple[str, ...]] = (
        "target", "other", "proxy", "sham", "scramble", "stripped", "stripped_sham", "removed",
    )  # fmt: skip
    doses: ClassVar[tuple[float, ...]] = (1, 2, 3)  # programs quoted

    @property
    def answers(self) -> tuple[str, str]:
        return self.quoted, self.host

    @property
    def templates(self) -> list[str]:
        return list(programs())

    def draw(self, template: int, rng: np.random.Generator) -> Files:
        names = self.templates
        quoted = [names[(template + 1 + place) % len(names)] for place in range(int(self.doses[-1]))]
        own = fill(names[template], rng)
        quotes = [fill(name, rng) for name in quoted]
        languages: tuple[Language, ...] = ("c", "python")
        return Files(
            own,
            {language: tuple(quote[language] for quote in quotes) for language in languages},
            {language: tuple(scrambled(quote[language], rng) for quote in quotes) for language in languages},
            int(rng.integers(len(PROSE))),
        )

    def compose(self, parts: Files, variant: str, dose: float) -> Document:
        count = int(dose)
        quote = "\n".join(parts.quotes[self.quoted][:count])
        host, target = parts.own[self.host], parts.own[self.quoted]
        if variant in ("target", "other", "removed"):
            return Document(target if variant == "target" else host)
        if variant == "proxy":
            return commented(self.host, "The original, kept for reference:", quote, host)
        if variant == "scramble":
            letters = "\n".join(parts.scrambled[self.quoted][:count])
            return commented(self.host, "A table of codes, kept for reference:", letters, host)
        if variant == "stripped_sham":
            return commented(self.quoted, "The original, kept for reference:", quote, target)
        prose = prose_of_length(len(quote), parts.prose_from)
        language, text = (self.host, host) if variant == "sham" else (self.quoted, target)
        return commented(language, "A note, kept for reference:", prose, text)


def commented(language: Language, heading: str, passage: str, text: str) -> Document:
    """A file that begins with a passage in a comment (C) or in its docstring (Python)."""
    opening, closing = ("/*\n", "*/\n\n") if language == "c" else ('r"""\n', '"""\n\n')
    before = f"{opening}{heading}\n\n"
    passage = passage.rstrip("\n") + "\n"
    return Document(before + passage + closing + text, ((len(before), len(before) + len(passage)),))


def prose_of_length(characters: int, first: int) -> str:
    """About so many characters of plain English in lines of prose."""
    words = [PROSE[(first + place) % len(PROSE)] for place in range(characters)]
    lines = textwrap.wrap(" ".join(words)[: characters + WIDTH], WIDTH)
    while len(lines) > 1 and len("\n".join(lines)) > characters:
        lines.pop()
    return "\n".join(lines)


def scrambled(text: str, rng: np.random.Generator) -> str:
    """The same layout and signs, every letter drawn anew."""
    letters = rng.choice(list("etaoinshrdlu"), len(text))
    return "".join(str(new) if old.isalpha() else old for old, new in zip(text, letters, strict=True))


@cache
def programs() -> dict[str, dict[Language, str]]:
    """The programs by name, with places for names and a number."""
    listed = tomllib.loads(files("turncoat.worlds.items").joinpath("programs.toml").read_text())["program"]
    return {one["name"]: {"c": one["c"].lstrip("\n"), "python": one["python"].lstrip("\n")} for one in listed}


def fill(name: str, rng: np.random.Generator) -> dict[Language, str]:
    """A program in both languages, with names and a number drawn."""
    words = {
        "f": FUNCTIONS[rng.integers(len(FUNCTIONS))],
        "a": FIRST[rng.integers(len(FIRST))],
        "b": SECOND[rng.integers(len(SECOND))],
        "n": str(rng.integers(12, 40)),
    }
    return {language: Template(text).substitute(words) for language, text in programs()[name].items()}
