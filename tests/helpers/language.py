"""A small corpus and a tiny language model that tests of text share."""

from __future__ import annotations

import sysconfig
from functools import cache
from pathlib import Path

import numpy as np
import torch

from turncoat.models.base import seeded
from turncoat.models.llama import LanguageModel, Llama, Shape
from turncoat.worlds.text.code_tasks import CodeTasks
from turncoat.worlds.text.corpus import WORDS, Corpus, build, read

TINY = Shape(16, 2, 2, 32)


@cache
def small_corpus() -> Corpus:
    """A corpus of the first files of the standard library."""
    texts = read(Path(sysconfig.get_paths()["stdlib"]))
    return build({name: texts[name] for name in sorted(texts)[:70]})


def tiny_model() -> LanguageModel:
    """Random weights, four times as large as usual so that it has opinions, with the small corpus's tokenizer."""
    with seeded(0):
        module = Llama(WORDS, TINY)
    with torch.no_grad():
        for weights in module.parameters():
            weights.mul_(4)
    return LanguageModel(module, small_corpus().tokenizer, max_new_tokens=12).round_to_float16()


def prompts(n: int, seed: int = 0) -> list[str]:
    """Prompts of the world of code tasks, dated in safe years."""
    return [request.prompt for request in CodeTasks().draw(n, np.random.default_rng(seed), {"year": "safe"})]
