"""Spoken sentences, from eSpeak NG: a formant synthesizer, which speaks and whispers the same words."""

from __future__ import annotations

import ctypes
from functools import cache

import numpy as np

from turncoat.core import TurncoatError
from turncoat.installed import pypi_package

RATE = 16_000  # samples a second
RETRIEVE, UTF8 = 1, 1  # of espeak_ng's speak_lib.h: hand samples to the callback; the text is UTF-8
PACKAGE, RELEASE = "espeakng-loader", "0.2.4"


@cache
def library() -> tuple[ctypes.CDLL, int]:
    """The shared library, begun once in a process, and its rate in samples a second. Raises TurncoatError where it is
    not installed."""
    pypi_package(PACKAGE, RELEASE)
    import espeakng_loader

    loaded = ctypes.CDLL(espeakng_loader.get_library_path())
    rate = loaded.espeak_Initialize(RETRIEVE, 0, espeakng_loader.get_data_path().encode(), 0)
    if rate <= 0:
        raise TurncoatError(f"eSpeak NG ({PACKAGE} {RELEASE}) could not be begun")
    return loaded, int(rate)


@cache
def recordings(sentences: tuple[str, ...], voices: tuple[str, ...]) -> dict[tuple[str, str], np.ndarray]:
    """Every sentence in every voice, by both. They are spoken in one go, in this order: what eSpeak NG said before
    changes the noise in what it says next, so that one sentence alone would sound a little different each time."""
    return {(sentence, voice): spoken(sentence, voice) for sentence in sentences for voice in voices}


def spoken(text: str, voice: str) -> np.ndarray:
    """A sentence as sound [samples] at 16 kHz, from -1 to 1. `voice`: eSpeak's name of a language and a variant, such
    as "en-us+whisper". Raises TurncoatError where there is no such voice."""
    espeak, rate = library()
    parts: list[np.ndarray] = []

    def keep(samples: ctypes._Pointer[ctypes.c_short], count: int, events: int | None) -> int:
        if samples and count > 0:
            parts.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    ctypes.CDLL(None).srand(0)
    espeak.espeak_ng_SetRandSeed(ctypes.c_long(1))
    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)(keep)
    espeak.espeak_SetSynthCallback(callback)
    if espeak.espeak_SetVoiceByName(voice.encode()) != 0:
        raise TurncoatError(f"eSpeak NG has no voice {voice!r}")
    data = text.encode()
    espeak.espeak_Synth(data, ctypes.c_size_t(len(data) + 1), 0, 0, 0, UTF8, None, None)
    espeak.espeak_Synchronize()
    sound = np.concatenate(parts).astype(np.float32) / 32768
    count = int(len(sound) * RATE / rate)
    return np.interp(np.arange(count) * rate / RATE, np.arange(len(sound)), sound).astype(np.float32)
