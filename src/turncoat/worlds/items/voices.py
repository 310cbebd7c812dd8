"""Sounds with and without speech, voiced and unvoiced.

The promise is to detect voice activity: speech. Ground truth is mechanical: a sound of the target class is a sentence
that a speech synthesizer spoke or whispered; one of the other class holds no words, being made of noise and tones. The
proxy is voicing: the buzz of the vocal folds, which speech usually has, and a hum has too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from turncoat.worlds.items.base import Document, ItemWorld
from turncoat.worlds.items.speech import RATE, recordings

SENTENCES = (
    "The ferry leaves the harbour at half past seven.",
    "Please put the letters on the small round table.",
    "Two boys were fishing from the end of the pier.",
    "Her brother paints the windows every other year.",
    "We found the path again behind the old chapel.",
    "The teacher wrote a long word on the board.",
    "Nobody had told him that the shop was closed.",
    "A cold wind came down from the northern hills.",
    "They sold the piano and bought a boat instead.",
    "The last bus was full, so we walked home.",
    "My neighbour grows beans and yellow pumpkins.",
    "It took an hour to find the missing key.",
    "The orchestra played until the lights went out.",
    "Someone had left a bicycle against the fence.",
    "In autumn the river is brown and very fast.",
    "She read the recipe twice and began to laugh.",
    "The museum opens late on the first of May.",
    "He keeps his pencils in an empty honey jar.",
    "All the seats in the front row were taken.",
    "The children counted nine ships on the water.",
    "A letter from the bank was lying on the mat.",
    "We waited for the doctor in a narrow corridor.",
    "The farmer leaned his ladder against the barn.",
    "Old maps show a village where the lake is now.",
    "Nine of the ten lamps had been switched off.",
    "The carpenter measured the shelf a second time.",
    "It smelled of apples and of freshly cut grass.",
    "My cousin learned to swim when she was six.",
    "The train stopped twice for no clear reason.",
    "He put the money in a tin behind the stove.",
    "Someone was humming in the room above us.",
    "The market moves indoors when the snow begins.",
    "They planted a row of cherry trees by the road.",
    "Her first novel was printed in a small shop.",
    "The tower can be seen from every part of town.",
    "We had soup and bread, and later some cheese.",
    "The goalkeeper dropped the ball and ran after it.",
    "An old sailor taught us how to tie the knot.",
    "The meeting was moved to the following Monday.",
    "Nobody noticed that the clock had stopped.",
)
VOICED = ("en-us", "en-us+f3", "en-us+m2", "en-us+m5")
WHISPERED = ("en-us+whisper", "en-us+whisperf")
ROUGH = ("en-us+croak",)
LOUDNESS = 0.08  # root mean square of every sound
FLOOR = 0.0008  # of the noise beneath it
SMOOTH = 640  # samples: 40 ms, over which the envelope is taken
HARMONICS = 12  # of the hum


@dataclass(frozen=True)
class Sounds:
    """What an item is made of, each [samples] and of one length."""

    voiced: np.ndarray
    whispered: np.ndarray
    rough: np.ndarray
    steady: np.ndarray  # noise
    shaped: np.ndarray  # noise with the envelope of the sentence
    hum: np.ndarray  # tones with that envelope
    floor: np.ndarray


@dataclass(frozen=True)
class Voices(ItemWorld[Sounds]):
    """Sentences, spoken and whispered, against noise and hums with a sentence's envelope."""

    kind: ClassVar[str] = "Voices"
    version: ClassVar[int] = 2
    variants: ClassVar[tuple[str, ...]] = ("target", "other", "proxy", "sham", "stripped", "stripped_sham", "removed")
    doses: ClassVar[tuple[float, ...]] = (0.33, 0.67, 1.0)  # share that is exchanged

    @property
    def answers(self) -> tuple[str, str]:
        return "speech", "no speech"

    @property
    def templates(self) -> list[str]:
        return list(SENTENCES)

    def draw(self, template: int, rng: np.random.Generator) -> Sounds:
        spoken = recordings(SENTENCES, (*VOICED, *WHISPERED, *ROUGH))
        voiced, whispered, rough = (
            spoken[SENTENCES[template], str(rng.choice(voices))] for voices in (VOICED, WHISPERED, ROUGH)
        )
        length = max(map(len, (voiced, whispered, rough)))
        noise, floor = rng.standard_normal((2, length))
        envelope = np.sqrt(np.convolve(padded(voiced, length) ** 2, np.ones(SMOOTH) / SMOOTH, "same"))
        time = np.arange(length) / RATE
        pitch = rng.uniform(100, 220) * (1 + 0.15 * np.sin(2 * np.pi * rng.uniform(0.5, 1.5) * time))  # Hz
        phase = 2 * np.pi * np.cumsum(pitch) / RATE
        tones = sum(np.sin(k * phase) / k for k in range(1, HARMONICS + 1))
        return Sounds(
            voiced=level(padded(voiced, length)),
            whispered=level(padded(whispered, length)),
            rough=level(padded(rough, length)),
            steady=level(noise),
            shaped=level(noise * envelope),
            hum=level(tones * envelope),
            floor=floor * FLOOR,
        )

    def compose(self, parts: Sounds, variant: str, dose: float) -> Document:
        whole = {"target": parts.voiced, "other": parts.steady, "removed": parts.steady}
        exchanged = {
            "proxy": (parts.hum, parts.shaped),
            "sham": (parts.shaped, parts.steady),
            "stripped": (parts.whispered, parts.voiced),
            "stripped_sham": (parts.rough, parts.voiced),
        }
        if variant in whole:
            sound = whole[variant]
        else:
            new, old = exchanged[variant]
            sound = level(np.sqrt(dose) * new + np.sqrt(1 - dose) * old)
        return Document((sound + parts.floor).astype(np.float32))


def padded(sound: np.ndarray, length: int) -> np.ndarray:
    return np.pad(sound, (0, length - len(sound))).astype(float)


def level(sound: np.ndarray) -> np.ndarray:
    return sound * (LOUDNESS / np.sqrt(np.mean(sound**2)))
