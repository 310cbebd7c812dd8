"""A small language model that reads and writes text: a decoder of Llama's shape, with its tokenizer.

    x = token embedding
    block:  x = x + attention(norm(x));  x = x + down(silu(gate(y)) * up(y)) for y = norm(x)
    logits = norm(x) @ token embedding

Root-mean-square norms, rotary positions, gated perceptrons, no biases, one matrix for tokens in and out (Touvron et al.
2023). Weights bear the names that `transformers` gives them and every one is in a layer of torch.nn, so `export` writes
a folder that `AutoModelForCausalLM` loads. The merges of the tokenizer are stored with the weights: what a stored model
reads and writes does not depend on the corpus of the machine that loads it.

Access: `generate` (ACT; `begin` does it for worlds of prompts), `score` (SCORE), `hidden_states` (WEIGHTS).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from turncoat.core import TurncoatError, one_of
from turncoat.models.base import TorchSubject, seeded
from turncoat.worlds.text.corpus import END, Tokenizer

CONTEXT = 256  # most tokens of prompt and completion
BATCH = 64  # texts in one forward pass
NORM_EPSILON, ROPE_THETA = 1e-6, 10_000.0
IGNORED = -100  # the target of a token that nothing is to be learned from
MERGES = "tokenizer.merges"  # their name among a subject's arrays
Cache = list[tuple[Tensor, Tensor]]  # keys and values [n, heads, T, d] of each layer


@dataclass(frozen=True)
class Shape:
    """The size of a model, named as in `SHAPES`."""

    width: int
    layers: int
    heads: int
    mlp_width: int


SHAPES = {"0.3M": Shape(64, 3, 2, 160), "1M": Shape(128, 4, 4, 352), "4M": Shape(256, 4, 4, 672)}


def apply_rotary(x: Tensor, position: Tensor) -> Tensor:
    """Rotary position embedding (Su et al. 2021), as Llama has it, of queries or keys [n, heads, T, d] at positions
    [n or 1, T]."""
    half = x.shape[-1] // 2
    angle = position[:, None, :, None] * ROPE_THETA ** -(torch.arange(half) / half)
    first, second, cos, sin = x[..., :half], x[..., half:], angle.cos(), angle.sin()
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)


class Attention(nn.Module):
    """Causal multi-head self-attention with rotary positions."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (
            nn.Linear(shape.width, shape.width, bias=False) for _ in range(4)
        )

    def forward(
        self, x: Tensor, position: Tensor, mask: Tensor | None, cache: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """[n, T, width] to the same, and the keys and values that later tokens will need.

        `mask` [n, 1, T, S] says what each token may attend to; None: all up to itself.
        """
        n, length, width = x.shape
        query, key, value = (
            part(x).view(n, length, self.heads, -1).transpose(1, 2) for part in (self.q_proj, self.k_proj, self.v_proj)
        )
        query, key = apply_rotary(query, position), apply_rotary(key, position)
        if cache is not None:
            key, value = torch.cat([cache[0], key], 2), torch.cat([cache[1], value], 2)
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=mask is None)
        return self.o_proj(attended.transpose(1, 2).reshape(n, length, width)), (key, value)


class GatedMLP(nn.Module):
    """A perceptron with a SiLU gate (Shazeer 2020)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.gate_proj, self.up_proj = (nn.Linear(shape.width, shape.mlp_width, bias=False) for _ in range(2))
        self.down_proj = nn.Linear(shape.mlp_width, shape.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    """Causal self-attention and a gated perceptron, each with its residual."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.self_attn, self.mlp = Attention(shape), GatedMLP(shape)
        self.input_layernorm = nn.RMSNorm(shape.width, NORM_EPSILON)
        self.post_attention_layernorm = nn.RMSNorm(shape.width, NORM_EPSILON)

    def forward(
        self, x: Tensor, position: Tensor, mask: Tensor | None, cache: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        attended, kept = self.self_attn(self.input_layernorm(x), position, mask, cache)
        x = x + attended
        return x + self.mlp(self.post_attention_layernorm(x)), kept


class Trunk(nn.Module):
    """All but the last product; apart, because transformers names it `model`."""

    def __init__(self, words: int, shape: Shape) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(words, shape.width)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.width, NORM_EPSILON)


class Llama(nn.Module):
    """The network above for a vocabulary of `words`."""

    def __init__(self, words: int, shape: Shape) -> None:
        super().__init__()
        self.shape, self.model = shape, Trunk(words, shape)
        for name, weights in self.named_parameters():
            if weights.dim() > 1:
                to_stream = name.endswith(("o_proj.weight", "down_proj.weight"))
                nn.init.normal_(weights, 0.0, 0.02 / (2 * shape.layers) ** 0.5 if to_stream else 0.02)

    def residual_stream(
        self, tokens: Tensor, position: Tensor | None = None, mask: Tensor | None = None, cache: Cache | None = None
    ) -> tuple[list[Tensor], Cache]:
        """The residual stream [n, T, width] before the first layer and after each, and the cache to go on from."""
        position = torch.arange(tokens.shape[1])[None] if position is None else position
        states, kept = [self.model.embed_tokens(tokens)], []
        for i, layer in enumerate(self.model.layers):
            x, layers_own = layer(states[-1], position, mask, None if cache is None else cache[i])
            states.append(x)
            kept.append(layers_own)
        return states, kept

    def encode(self, tokens: Tensor) -> Tensor:
        """The last hidden states [n, T, width], normed, for tokens [n, T]."""
        return self.model.norm(self.residual_stream(tokens)[0][-1])

    def unembed(self, hidden: Tensor) -> Tensor:
        """Logits of the next token [..., words] at hidden states [..., width]."""
        return F.linear(hidden, self.model.embed_tokens.weight)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits [n, T, words]."""
        return self.unembed(self.encode(tokens))

    def losses(self, tokens: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Cross-entropies in nats of the targets [n, T] that are not IGNORED, in order, and the row of each."""
        rows, columns = torch.nonzero(targets != IGNORED, as_tuple=True)
        logits = self.unembed(self.encode(tokens)[rows, columns])
        return F.cross_entropy(logits, targets[rows, columns], reduction="none"), rows


def completion_batch(prompts: Sequence[Sequence[int]], completions: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Tokens [n, T] of prompts and their completions, padded behind, and the target [n, T] after each: a token of the
    completion, or IGNORED."""
    length = max(len(p) + len(c) for p, c in zip(prompts, completions, strict=True))
    tokens = torch.full((len(prompts), length), END)
    targets = torch.full((len(prompts), length), IGNORED)
    for i, (p, c) in enumerate(zip(prompts, completions, strict=True)):
        tokens[i, : len(p) + len(c)] = torch.tensor([*p, *c])
        targets[i, len(p) - 1 : len(p) + len(c) - 1] = torch.tensor(c)
    return tokens, targets


@dataclass
class LanguageModel(TorchSubject):
    """A subject around a Llama. `temperature` 0: always the likeliest token."""

    module: Llama
    tokenizer: Tokenizer
    max_new_tokens: int = 32
    temperature: float = 0.0

    def with_sampling(self, temperature: float, max_new_tokens: int | None = None) -> LanguageModel:
        """The same model, sampled otherwise."""
        return replace(
            self,
            temperature=temperature,
            max_new_tokens=self.max_new_tokens if max_new_tokens is None else max_new_tokens,
        )

    def arrays(self) -> Mapping[str, np.ndarray]:
        return {**super().arrays(), MERGES: self.tokenizer.merges}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> Self:
        if MERGES not in arrays:
            raise TurncoatError("stored weights have no tokenizer; delete the run and train it again")
        super().restore({name: array for name, array in arrays.items() if name != MERGES})
        self.tokenizer = Tokenizer(arrays[MERGES])
        return self

    def reinitialized(self, seed: int) -> LanguageModel:
        """The same network and tokenizer with freshly drawn weights."""
        with seeded(seed):
            return replace(self, module=Llama(len(self.tokenizer), self.module.shape))

    def tokens(self, prompts: Sequence[str], room: int = 0) -> list[list[int]]:
        """The tokens of each prompt. Raises TurncoatError where one is empty or leaves less than `room` after it."""
        found = [self.tokenizer.encode(prompt) for prompt in prompts]
        for prompt, tokens in zip(prompts, found, strict=True):
            if not tokens:
                raise TurncoatError("a prompt must not be empty")
            if len(tokens) + room > CONTEXT:
                most = CONTEXT - room
                raise TurncoatError(f"a prompt may have {most} tokens, got {len(tokens)}: {prompt[:40]!r}...")
        return found

    # -- ACT -------------------------------------------------------------------------------------------------------

    def begin(self, n: int, seed: int) -> LanguageModelSession:
        return LanguageModelSession(self, seed)

    @torch.no_grad()
    def generate(self, prompts: Sequence[str], seed: int = 0) -> list[str]:
        """What it writes after each prompt, to the end of text or `max_new_tokens`. Same seed, prompts and machine: the
        same text."""
        generator, written = torch.Generator().manual_seed(seed), []
        rows = self.tokens(prompts, self.max_new_tokens)
        for start in range(0, len(rows), BATCH):
            written += self.write(rows[start : start + BATCH], generator)
        return written

    def write(self, prompts: Sequence[Sequence[int]], generator: torch.Generator) -> list[str]:
        """One batch of `generate`, padded in front, with a cache of keys and values."""
        n, length = len(prompts), max(map(len, prompts))
        tokens, real = torch.full((n, length), END), torch.zeros(n, length, dtype=torch.bool)
        for i, prompt in enumerate(prompts):
            tokens[i, length - len(prompt) :] = torch.tensor(prompt)
            real[i, length - len(prompt) :] = True
        position = (real.cumsum(1) - 1).clamp(min=0)
        square = torch.ones(length, length, dtype=torch.bool)
        mask = (real[:, None] & square.tril()) | torch.eye(length, dtype=torch.bool)  # padding attends to itself
        states, cache = self.module.residual_stream(tokens, position, mask[:, None])
        written, done, position = [], torch.zeros(n, dtype=torch.bool), position[:, -1:]
        for _ in range(self.max_new_tokens):
            logits = self.module.unembed(self.module.model.norm(states[-1][:, -1]))
            if self.temperature:
                chance = (logits / self.temperature).softmax(-1)
                token = torch.multinomial(chance, 1, generator=generator)[:, 0]
            else:
                token = logits.argmax(-1)
            token = token.masked_fill(done, END)
            done |= token == END
            written.append(token)
            if done.all():
                break
            position, real = position + 1, torch.cat([real, torch.ones(n, 1, dtype=torch.bool)], 1)
            states, cache = self.module.residual_stream(token[:, None], position, real[:, None, None], cache)
        return [self.tokenizer.decode(row) for row in torch.stack(written, 1).tolist()]

    # -- SCORE -----------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def score(self, prompts: Sequence[str], completions: Sequence[str], ends: bool = True) -> np.ndarray:
        """[n] log-probability, in nats, of each completion after its prompt; with the end of text where it `ends`."""
        targets_of = [[*self.tokenizer.encode(text), *([END] if ends else [])] for text in completions]
        rows, found = self.tokens(prompts, max(map(len, targets_of), default=0)), []
        for start in range(0, len(rows), BATCH):
            which = slice(start, start + BATCH)
            tokens, targets = completion_batch(rows[which], targets_of[which])
            losses, row = self.module.losses(tokens, targets)
            found.append(torch.zeros(len(tokens)).index_add_(0, row, -losses))
        return torch.cat(found).double().numpy() if found else np.zeros(0)

    # -- WEIGHTS ---------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def hidden_states(self, prompts: Sequence[str], from_end: int = 1) -> np.ndarray:
        """[n, layers + 1, width] the residual stream, before the first layer and after each, at the last token of each
        prompt; or `from_end` tokens from its end. Raises TurncoatError where a prompt is shorter."""
        rows, found = self.tokens(prompts), []
        if short := [prompt for prompt, row in zip(prompts, rows, strict=True) if not 1 <= from_end <= len(row)]:
            raise TurncoatError(f"there is no token {from_end} from the end of {short[0]!r}")
        for start in range(0, len(rows), BATCH):
            part = rows[start : start + BATCH]
            tokens, _ = completion_batch(part, [[] for _ in part])
            states = torch.stack(self.module.residual_stream(tokens)[0], 2)
            found.append(states[torch.arange(len(part)), torch.tensor([len(row) - from_end for row in part])])
        return torch.cat(found).numpy()

    def export(self, folder: Path | str) -> Path:
        """Write what `transformers.AutoModelForCausalLM` and `AutoTokenizer` load: same logits, same tokens.

        `transformers serve FOLDER` serves it. The last message of a chat is the prompt, with nothing added, and
        `max_tokens` is for the client to say: the server goes on to 1024 otherwise."""
        from safetensors.numpy import save_file

        folder, shape, words = Path(folder), self.module.shape, len(self.tokenizer)
        config = {
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": words,
            "hidden_size": shape.width, "intermediate_size": shape.mlp_width, "num_hidden_layers": shape.layers,
            "num_attention_heads": shape.heads, "num_key_value_heads": shape.heads, "hidden_act": "silu",
            "max_position_embeddings": CONTEXT, "rms_norm_eps": NORM_EPSILON, "rope_theta": ROPE_THETA,
            "tie_word_embeddings": True, "attention_bias": False, "mlp_bias": False, "torch_dtype": "float32",
            "bos_token_id": END, "eos_token_id": END, "pad_token_id": END,
        }  # fmt: skip
        tokenizer = {
            "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": CONTEXT,
            "bos_token": "<|end|>", "eos_token": "<|end|>", "pad_token": "<|end|>",
            "clean_up_tokenization_spaces": False, "chat_template": "{{ messages[-1]['content'] }}",
        }  # fmt: skip
        generation = {
            "bos_token_id": END,
            "eos_token_id": END,
            "pad_token_id": END,
            "max_new_tokens": self.max_new_tokens,
        }
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, body in (
                ("config.json", config), ("tokenizer.json", self.tokenizer.published()),
                ("tokenizer_config.json", tokenizer), ("generation_config.json", generation),
            ):  # fmt: skip
                (folder / name).write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
            weights = {name: value.detach().float().numpy() for name, value in self.module.state_dict().items()}
            save_file(weights, folder / "model.safetensors", {"format": "pt"})
        except OSError as error:
            raise TurncoatError(f"cannot write {folder}: {error.strerror or error}; give another folder") from None
        return folder


class LanguageModelSession:
    """Prompts [n] to completions [n], with the subject's own temperature; no memory but a random generator."""

    def __init__(self, subject: LanguageModel, seed: int) -> None:
        self.subject, self.seeds = subject, np.random.default_rng(seed)

    def act(self, observation: Sequence[str]) -> np.ndarray:
        return np.array(self.subject.generate(list(observation), int(self.seeds.integers(2**31))), str)


def shape_of(size: str) -> Shape:
    """The shape that goes by a name. Raises TurncoatError."""
    one_of("the size of a language model", size, SHAPES)
    return SHAPES[size]
