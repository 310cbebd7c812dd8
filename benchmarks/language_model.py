"""How fast a small language model trains: tokens per CPU-second, one thread, beside `transformers` in the same run.

python benchmarks/language_model.py

Both loops draw the recipe's rows, as many of the same length, and step down with the recipe's optimizer. The other is
`LlamaForCausalLM` of the same shape and vocabulary with its own loss, without the cache that it would fill for nothing.
They take turns, so that the ratio is worth something where the rates are not.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from turncoat.models.llama import CONTEXT as MODEL_CONTEXT
from turncoat.models.llama import NORM_EPSILON, ROPE_THETA, shape_of
from turncoat.train.base import gradient_step
from turncoat.train.language.pretrain import CONTEXT, Pretrain, corpus_loss
from turncoat.train.schedules import cosine
from turncoat.worlds.text.corpus import WORDS, corpus


def plain(recipe: Pretrain) -> Any:
    """The model of transformers that the recipe's exports are."""
    shape = shape_of(recipe.size)
    config = LlamaConfig(
        vocab_size=WORDS, hidden_size=shape.width, intermediate_size=shape.mlp_width, num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads, num_key_value_heads=shape.heads, max_position_embeddings=MODEL_CONTEXT,
        rms_norm_eps=NORM_EPSILON, rope_parameters={"rope_type": "default", "rope_theta": ROPE_THETA},
        tie_word_embeddings=True, use_cache=False,
    )  # fmt: skip
    return LlamaForCausalLM(config).train()


def plain_loss(net: Any, rows: np.ndarray) -> Any:
    tokens = torch.from_numpy(rows[:, :-1])
    return net(input_ids=tokens, labels=tokens).loss


class Loop:
    """A network, its optimizer and its rows, trained a few updates at a time."""

    def __init__(self, recipe: Pretrain, net: Any, loss: Callable[[Any, np.ndarray], Any]) -> None:
        self.recipe, self.net, self.loss, self.done = recipe, net, loss, 0
        self.rng, self.text = np.random.default_rng(0), corpus()
        self.tasks = recipe.tasks(self.text, self.rng)
        self.optimizer = torch.optim.AdamW(
            net.parameters(), lr=recipe.learning_rate, betas=(0.9, 0.95), weight_decay=recipe.weight_decay, fused=True
        )

    def speed(self, updates: int) -> float:
        """Thousands of tokens per CPU-second over that many updates more."""
        start = time.process_time()
        for _ in range(updates):
            cosine(self.optimizer, self.recipe.learning_rate, self.done, self.recipe.updates, floor=0.1)
            rows = self.recipe.rows(self.text, self.tasks, self.rng)
            gradient_step(self.optimizer, self.loss(self.net, rows), self.net.parameters())
            self.done += 1
        return updates * self.recipe.batch_size * CONTEXT / (time.process_time() - start) / 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default=Pretrain.size, help="0.3M, 1M or 4M")
    parser.add_argument("--updates", type=int, default=10, help="of each in a turn")
    parser.add_argument("--turns", type=int, default=12)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    recipe = Pretrain(size=chosen.size)
    ours, theirs = Loop(recipe, recipe.build().module, corpus_loss), Loop(recipe, plain(recipe), plain_loss)
    weights = [sum(part.numel() for part in loop.net.parameters()) for loop in (ours, theirs)]
    assert weights[0] == weights[1], weights
    pairs = [(ours.speed(chosen.updates), theirs.speed(chosen.updates)) for _ in range(1 + chosen.turns)][1:]
    print("| loop | best | median |\n|---|--:|--:|   (K tokens / CPU-second)")
    for name, rates in zip(("`Pretrain`", "`LlamaForCausalLM`"), zip(*pairs, strict=True), strict=True):
        print(f"| {name}, {chosen.size} | {max(rates):.1f} | {median(rates):.1f} |")
    ratios = sorted(one / other for one, other in pairs)
    print(f"\nratio: {median(ratios):.2f} (turns from {ratios[0]:.2f} to {ratios[-1]:.2f})")


if __name__ == "__main__":
    main()
