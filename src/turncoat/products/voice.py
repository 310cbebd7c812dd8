"""Products that say whether a sound holds speech. Sounds are arrays [samples] at 16 kHz, from -1 to 1."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from turncoat.products.base import ProductSubject

RATE = 16_000  # samples a second
FRAME = 480  # samples: 30 ms
VOICED = 10  # frames that hold speech, at least: 300 ms, a little more than what silero-vad asks for by default


def words(flags: Sequence[bool]) -> list[str]:
    return ["speech" if flag else "no speech" for flag in flags]


class SileroVAD(ProductSubject):
    """silero-vad as its README uses it: speech is where it returns a stretch of speech."""

    def __init__(self, root: Path) -> None:
        from silero_vad import load_silero_vad

        super().__init__(root)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of the format that the package ships its model in
            self.model = load_silero_vad()

    def classify(self, contents: Sequence[np.ndarray]) -> list[str]:
        import torch
        from silero_vad import get_speech_timestamps

        return words([bool(get_speech_timestamps(torch.from_numpy(sound), self.model)) for sound in contents])


class WebRTCVAD(ProductSubject):
    """WebRTC's detector, at its middle aggressiveness: speech is where 300 ms of frames in all are called speech."""

    def classify(self, contents: Sequence[np.ndarray]) -> list[str]:
        from webrtcvad import Vad

        found = []
        for sound in contents:
            detector, pcm = Vad(2), (np.clip(sound, -1, 1) * 32767).astype("<i2")
            frames = [pcm[at : at + FRAME].tobytes() for at in range(0, len(pcm) - FRAME + 1, FRAME)]
            found.append(sum(detector.is_speech(frame, RATE) for frame in frames) >= VOICED)
        return words(found)
