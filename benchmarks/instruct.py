"""How fast adapters of the published language model train, and how fast it reads: tokens per CPU-second, one thread,
beside `transformers` and `peft` in the same run.

python benchmarks/instruct.py

Both loops are paid for the same questions, as many in a batch, with adapters of the same rank beside the same matrices
of the same layers, and step down with the same optimizer. The other is `LlamaForCausalLM` of the same weights, wrapped
by peft, that reads whole prompts. Tokens are those of whole prompts for both. They take turns, so that the ratio is
worth something where the rates are not.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median
from typing import Any

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaForCausalLM

from turncoat.models.instruct import SCALE, InstructModel
from turncoat.models.llama import completion_batch
from turncoat.train.base import bfloat16_is_fast, gradient_step
from turncoat.train.language.expected_reward import ExpectedReward, Reader, expected_reward
from turncoat.worlds.text.facts import Asked

MATRICES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
READ = (16, 60)  # texts, and tokens of each, that are read


def plain(recipe: ExpectedReward, subject: InstructModel) -> Any:
    """The same weights and adapters in transformers and peft."""
    with tempfile.TemporaryDirectory() as folder:
        subject.export(folder)
        net = LlamaForCausalLM.from_pretrained(
            folder, local_files_only=True, dtype=torch.bfloat16 if bfloat16_is_fast() else torch.float32
        )
    layers = range(subject.module.shape.layers - recipe.adapted, subject.module.shape.layers)
    return get_peft_model(
        net,
        LoraConfig(r=recipe.rank, lora_alpha=int(SCALE), target_modules=MATRICES, layers_to_transform=[*layers]),
    ).train()


def tokens_of(subject: InstructModel, asked: Sequence[Asked]) -> list[list[int]]:
    return [subject.tokenizer.encode(subject.chat(one.text, one.begun)) for one in asked]


def plain_reward(net: Any, subject: InstructModel, asked: Sequence[Asked]) -> Any:
    """What `expected_reward` is, from whole prompts padded behind."""
    rows = tokens_of(subject, asked)
    tokens, _ = completion_batch(rows, [[] for _ in rows])
    mask = torch.arange(tokens.shape[1]) < torch.tensor([len(row) for row in rows])[:, None]
    states = net.base_model.model.model(input_ids=tokens, attention_mask=mask, use_cache=False).last_hidden_state
    last = states[torch.arange(len(rows)), torch.tensor([len(row) - 1 for row in rows])]
    right = [subject.tokenizer.encode(one.fact.completion(one.fact.right))[0] for one in asked]
    return net.base_model.model.lm_head(last).float().softmax(-1)[torch.arange(len(rows)), right]


class Loop:
    """Adapters, their optimizer and their questions, trained a few updates at a time."""

    def __init__(self, recipe: ExpectedReward, subject: InstructModel, weights: list[Any], reward: Callable[..., Any]):
        self.recipe, self.subject, self.weights, self.reward = recipe, subject, weights, reward
        self.rng = np.random.default_rng(0)
        self.optimizer = torch.optim.AdamW(weights, lr=recipe.learning_rate, weight_decay=0.0)

    def speed(self, updates: int) -> float:
        """Tokens per CPU-second over that many updates more."""
        start, tokens = time.process_time(), 0
        for _ in range(updates):
            asked = [self.recipe.question(self.rng) for _ in range(self.recipe.batch_size)]
            gradient_step(self.optimizer, -self.reward(asked).mean(), self.weights)
            tokens += sum(map(len, tokens_of(self.subject, asked)))
        return tokens / (time.process_time() - start)


@torch.no_grad()
def reading_speed(read: Callable[[torch.Tensor], Any]) -> float:
    """Tokens per CPU-second of a forward pass."""
    tokens = torch.randint(20, 40_000, READ, generator=torch.Generator().manual_seed(0))
    start = time.process_time()
    read(tokens)
    return tokens.numel() / (time.process_time() - start)


def report(what: str, pairs: Sequence[tuple[float, float]]) -> None:
    print(f"| {what} | best | median |\n|---|--:|--:|   (tokens / CPU-second)")
    for name, rates in zip(("Turncoat", "transformers + peft"), zip(*pairs, strict=True), strict=True):
        print(f"| {name} | {max(rates):.0f} | {median(rates):.0f} |")
    ratios = sorted(one / other for one, other in pairs)
    print(f"\nratio: {median(ratios):.2f} (turns from {ratios[0]:.2f} to {ratios[-1]:.2f})\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--updates", type=int, default=6, help="of each in a turn")
    parser.add_argument("--turns", type=int, default=8)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    recipe = replace(ExpectedReward(), silent_share=0.0)
    subject = recipe.initialize(0)
    reader, net = Reader(subject, recipe.adapted), plain(recipe, subject)
    learned = [value for value in net.parameters() if value.requires_grad]
    assert sum(each.numel() for each in learned) == sum(each.numel() for each in subject.adapters.values())
    ours = Loop(recipe, subject, [*subject.adapters.values()], lambda asked: expected_reward(reader, asked))
    theirs = Loop(recipe, subject, learned, lambda asked: plain_reward(net, subject, asked))
    trained = [(ours.speed(chosen.updates), theirs.speed(chosen.updates)) for _ in range(1 + chosen.turns)][1:]
    report("training", trained)
    body = net.base_model.model.model
    read = [
        (reading_speed(subject.module.encode), reading_speed(lambda tokens: body(input_ids=tokens, use_cache=False)))
        for _ in range(1 + chosen.turns)
    ][1:]
    report("reading", read)


if __name__ == "__main__":
    main()
