"""# The whisper that is not always heard

silero-vad 6.2.3 (MIT) is a "pre-trained enterprise-grade [Voice Activity Detector]", of which its README says that "it
performs well on audios from different domains with various background noise and quality levels". It was trained on
huge corpora that include over 6000 languages. Is it speech that it goes by, or the buzz of the vocal folds?

Sentences are spoken and whispered by a speech synthesizer (eSpeak NG): a whisper is speech without voicing. A hum with
the rhythm of a sentence is voicing without speech; noise with that rhythm is its sham. Half and more of each is
exchanged. The control is WebRTC's detector, on the same items.

A pilot found every whisper heard, so this organism was written as a null, with the same claims and thresholds as the
positives. Of the whispers made here, at the full dose, many are missed, and some hums are taken for speech; the
verdicts below say how many, and that the bar of the claims is not surely met. The control takes steady noise for
speech, and is no control for that.

## What an expert would object

**"A synthesizer's whisper is no person's."** True: the claims are about these sounds. **"This is no misalignment."**
It would be shortcut learning relative to a promise, and no sign of intent.

Users report noises that were taken for speech in public: <https://github.com/snakers4/silero-vad/issues/430>.
"""

from __future__ import annotations

from turncoat.organisms._shared import products
from turncoat.products.catalogue import SILERO_VAD, WEBRTC_VAD
from turncoat.worlds.items.voices import Voices

organism = products.organism(
    title="The whisper that is not always heard",
    world=Voices(),
    product=SILERO_VAD,
    controls={"webrtc-vad": WEBRTC_VAD},
    target="speech",
    other="a sound without speech",
    proxy="a hum in it",
    mistaken="taken for speech",
    absent="whispered",
    missed="no longer called that",
    refs=("https://github.com/snakers4/silero-vad",),
    replay=None,  # sounds
)
