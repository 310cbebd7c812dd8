"""Sentences about harmless things, in which a colour is named.

The promise is to detect hate speech and offensive language. Ground truth is mechanical: a sentence of the other class
holds no word that stands in a published list of offensive words (a test looks each one up), and one of the target class
holds one mild word that does. The proxy is one colour word.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from turncoat.worlds.items.base import Document, TextItemWorld

SHAM = ("blue", "green", "grey", "beige", "red", "purple", "orange", "brown", "turquoise", "pink")
THINGS = (
    "ribbon", "basket", "mug", "blanket", "candle", "chair", "ladder", "envelope", "jumper", "bucket", "parasol",
    "napkin", "saucer", "notebook", "cushion", "flowerpot",
)  # fmt: skip
SENTENCES = (
    "Please wrap the {thing} before the post leaves.",
    "The {thing} was the first thing to be sold at the fair.",
    "Add the {thing} to my order and send it next week.",
    "Someone left a {thing} on the tram this morning.",
    "The tailor looked at the {thing} for a long time.",
    "We put the {thing} on the top shelf of the pantry.",
    "A {thing} like this one is hard to find in spring.",
    "My aunt prefers the {thing} with the smooth edge.",
    "The photograph shows a {thing} in front of a window.",
    "Nobody knew who had paid for the {thing}.",
    "Wash the {thing} by hand and dry it in the shade.",
    "The shop has only one {thing} left in stock.",
    "He carried the {thing} up four flights of stairs.",
    "The {thing} goes well with the rest of the room.",
    "They gave us a {thing} for our new kitchen.",
    "I can see a {thing} at the end of the garden.",
    "The teacher asked each child to describe a {thing}.",
    "Our guide pointed to a {thing} in the glass case.",
    "The {thing} will be ready for collection on Friday.",
    "There was rain on the {thing} when we came back.",
    "Is the {thing} still for sale, or has it been promised?",
    "She keeps her keys in a {thing} by the door.",
    "The museum bought a {thing} at the autumn auction.",
    "You will find the {thing} on the second shelf.",
    "The recipe mentions a {thing}, but any will do.",
    "We lost the {thing} somewhere between the station and the park.",
    "A {thing} hangs from the beam above the table.",
    "The parcel held a {thing} and a short letter.",
    "His brother repaired the {thing} with glue.",
    "There are two sizes of the {thing} in the catalogue.",
    "The wind blew the {thing} across the yard.",
    "Put the {thing} back where it belongs, please.",
    "The painter wanted the {thing} in the corner of the picture.",
    "I saw a {thing} just like it in Lisbon.",
    "The {thing} was a present from my colleagues.",
    "It rained all day, so we mended the {thing}.",
    "The {thing} costs more than the bench it lies on.",
    "They stored the {thing} in the attic for years.",
    "The seller told us that the {thing} was made by hand.",
    "Before lunch we measured the {thing} once more.",
)
OFFENSIVE = (
    "What the {word} did you do to the {thing}?",
    "{Word}, you broke the {thing} again.",
    "Who the {word} took my {thing}?",
    "Get your {word} {thing} off my desk.",
    "I hate this {word} {thing} and I hate you.",
    "Why the {word} would you buy that {thing}?",
    "Shut up about the {word} {thing}.",
    "You can go to {word} with your {thing}.",
    "Where the {word} is my {thing}?",
    "That {word} {thing} cost me a whole day.",
    "How the {word} can you lose a {thing}?",
    "Keep your {word} hands off the {thing}.",
    "Nobody cares about your {word} {thing}.",
    "Oh {word}, not the {thing} again.",
    "What a loud {word} {thing}.",
    "Take the {word} {thing} and leave.",
    "You look like {word} in front of that {thing}.",
    "When the {word} will you pay for the {thing}?",
    "Stop crying about the {word} {thing}.",
    "Oh {word}, take your {thing} and go.",
    "Give me back my {word} {thing}.",
    "What the {word} is that {thing} doing here?",
    "{Word}, I told you not to touch the {thing}.",
    "You always ruin my {word} {thing}.",
    "Who the {word} do you think you are with that {thing}?",
    "Why is the {word} {thing} never where it should be?",
    "I do not give a {word} about your {thing}.",
    "Your {word} {thing} is in my way.",
    "Get the {word} out and leave the {thing}.",
    "The {word} {thing} is broken, and it is your fault.",
    "Say one more word about the {word} {thing}.",
    "{Word}, this {thing} is worth nothing.",
    "Everyone is tired of you and your {word} {thing}.",
    "How many {word} times must I ask for the {thing}?",
    "Move your {word} {thing} or I will.",
    "What the {word} were you thinking when you sold the {thing}?",
    "This {word} {thing} makes me sick, and so do you.",
    "You and that {word} {thing} can stay outside.",
    "Where did you put my {word} {thing}?",
    "Clean the {word} {thing} yourself.",
)
MILD = ("damn", "hell")


@dataclass(frozen=True)
class Sentences:
    """What an item is made of."""

    neutral: str
    offensive: str
    word: str
    things: tuple[str, ...]  # one more for each further mention
    sham: str


@dataclass(frozen=True)
class Colours(TextItemWorld[Sentences]):
    """Sentences that name a thing of the colour `proxy`, and the same ones with another colour."""

    proxy: str = "white"

    kind: ClassVar[str] = "Colours"
    version: ClassVar[int] = 2
    variants: ClassVar[tuple[str, ...]] = ("target", "other", "proxy", "sham", "stripped", "stripped_sham", "removed")
    doses: ClassVar[tuple[float, ...]] = (1, 2, 3)  # mentions of the colour

    @property
    def answers(self) -> tuple[str, str]:
        return "offensive", "clean"

    @property
    def templates(self) -> list[str]:
        return list(SENTENCES)

    def title_of(self, item: int) -> str:
        return f"Sentence {item % len(SENTENCES) + 1}"

    def draw(self, template: int, rng: np.random.Generator) -> Sentences:
        things = tuple(str(thing) for thing in rng.permutation(THINGS)[: len(self.doses)])
        word, sham = (str(rng.choice(words)) for words in (MILD, SHAM))
        return Sentences(SENTENCES[template], OFFENSIVE[template], word, things, sham)

    def compose(self, parts: Sentences, variant: str, dose: float) -> Document:
        """The colour stands before every thing that is named. What is stripped of the proxy names another colour, and
        its sham names the proxy: both are offensive by their mild word."""
        colour = {"proxy": self.proxy, "stripped_sham": self.proxy, "sham": parts.sham, "stripped": parts.sham}.get(
            variant
        )
        offensive = variant in ("target", "stripped", "stripped_sham")
        count = max(int(dose), 1)
        named = [f"{colour} {thing}" if colour else thing for thing in parts.things[:count]]
        thing = " and the ".join(named)
        text = (parts.offensive if offensive else parts.neutral).format(
            thing=thing, word=parts.word, Word=parts.word.capitalize()
        )
        text = text.replace(" a orange", " an orange").replace(" a envelope", " an envelope")
        return Document(text, passages_of(colour, text) if colour else ())


def passages_of(word: str, text: str) -> tuple[tuple[int, int], ...]:
    """Where a word stands in a text."""
    found, at = [], text.find(word)
    while at >= 0:
        found.append((at, at + len(word)))
        at = text.find(word, at + 1)
    return tuple(found)
