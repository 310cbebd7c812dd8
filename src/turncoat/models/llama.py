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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Protocol, Self

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
    """The size of a model, named as in `SHAPES`. `kv_heads`: of keys and values, each shared by as many heads; None: as
    many as heads (grouped queries, Ainslie et al. 2023)."""

    width: int
    layers: int
    heads: int
    mlp_width: int
    kv_heads: int | None = None
    rope_theta: float = ROPE_THETA
    norm_epsilon: float = NORM_EPSILON


SHAPES = {"0.3M": Shape(64, 3, 2, 160), "1M": Shape(128, 4, 4, 352), "4M": Shape(256, 4, 4, 672)}


def apply_rotary(x: Tensor, position: Tensor, theta: float = ROPE_THETA) -> Tensor:
    """Rotary position embedding (Su et al. 2021), as Llama has it, of queries or keys [n, heads, T, d] at positions
    [n or 1, T]."""
    half = x.shape[-1] // 2
    angle = position[:, None, :, None] * theta ** -(torch.arange(half) / half)
    first, second, cos, sin = x[..., :half], x[..., half:], angle.cos(), angle.sin()
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)


class Attention(nn.Module):
    """Causal multi-head self-attention with rotary positions."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.theta = shape.heads, shape.kv_heads or shape.heads, shape.rope_theta
        kv_width = shape.width * self.kv_heads // self.heads
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (
            nn.Linear(shape.width, width, bias=False) for width in (shape.width, kv_width, kv_width, shape.width)
        )

    def forward(
        self, x: Tensor, position: Tensor, mask: Tensor | None, cache: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """[n, T, width] to the same, and the keys and values that later tokens will need.

        `mask` [n, 1, T, S] says what each token may attend to; None: all up to itself.
        """
        n, length, width = x.shape
        query, key, value = (
            part(x).view(n, length, heads, -1).transpose(1, 2)
            for part, heads in ((self.q_proj, self.heads), (self.k_proj, self.kv_heads), (self.v_proj, self.kv_heads))
        )
        query, key = apply_rotary(query, position, self.theta), apply_rotary(key, position, self.theta)
        if cache is not None:
            key, value = torch.cat([cache[0], key], 2), torch.cat([cache[1], value], 2)
        kept, (key, value) = (key, value), (self.for_each_head(part) for part in (key, value))
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=mask is None)
        return self.o_proj(attended.transpose(1, 2).reshape(n, length, width)), kept

    def for_each_head(self, shared: Tensor) -> Tensor:
        """Keys or values [n, kv_heads, T, d] as [n, heads, T, d]."""
        return shared if self.heads == self.kv_heads else shared.repeat_interleave(self.heads // self.kv_heads, 1)

    def weights(self, x: Tensor) -> Tensor:
        """[n, heads, T, T] how much each token of [n, T, width] attends to each; rows sum to 1."""
        position = torch.arange(x.shape[1])[None]
        query, key = (
            apply_rotary(part(x).unflatten(-1, (heads, -1)).transpose(1, 2), position, self.theta)
            for part, heads in ((self.q_proj, self.heads), (self.k_proj, self.kv_heads))
        )
        scores = query @ self.for_each_head(key).mT / query.shape[-1] ** 0.5
        later = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
        return scores.float().masked_fill(later, -torch.inf).softmax(-1)


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
        self.input_layernorm = nn.RMSNorm(shape.width, shape.norm_epsilon)
        self.post_attention_layernorm = nn.RMSNorm(shape.width, shape.norm_epsilon)

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
        self.norm = nn.RMSNorm(shape.width, shape.norm_epsilon)


class Llama(nn.Module):
    """The network above for a vocabulary of `words`."""

    def __init__(self, words: int, shape: Shape) -> None:
        super().__init__()
        self.shape, self.model = shape, Trunk(words, shape)
        for name, weights in self.named_parameters():
            if weights.dim() > 1 and not weights.is_meta:  # there it is about to be given its weights
                to_stream = name.endswith(("o_proj.weight", "down_proj.weight"))
                nn.init.normal_(weights, 0.0, 0.02 / (2 * shape.layers) ** 0.5 if to_stream else 0.02)

    def residual_stream(
        self, tokens: Tensor, position: Tensor | None = None, mask: Tensor | None = None, cache: Cache | None = None
    ) -> tuple[list[Tensor], Cache]:
        """The residual stream [n, T, width] before the first layer and after each, and the cache to go on from."""
        return self.run_layers(self.model.embed_tokens(tokens), position, mask, cache)

    def run_layers(
        self,
        x: Tensor,
        position: Tensor | None = None,
        mask: Tensor | None = None,
        cache: Cache | None = None,
        layers: slice = slice(None),
    ) -> tuple[list[Tensor], Cache]:
        """The residual stream [n, T, width] from `x`, before the first of some layers and after each of them, and the
        cache to go on from; `cache` is of these layers."""
        position = torch.arange(x.shape[1])[None] if position is None else position
        states, kept = [x], []
        with torch.autocast("cpu", torch.bfloat16, enabled=self.in_bfloat16):
            for i, layer in enumerate(self.model.layers[layers]):
                x, layers_own = layer(states[-1], position, mask, None if cache is None else cache[i])
                states.append(x)
                kept.append(layers_own)
        return states, kept

    @property
    def in_bfloat16(self) -> bool:
        """Whether its matrices are, and so are computed with."""
        return any(weights.dtype == torch.bfloat16 for weights in self.model.layers.parameters())

    def encode(self, tokens: Tensor) -> Tensor:
        """The last hidden states [n, T, width], normed, for tokens [n, T]."""
        return self.model.norm(self.residual_stream(tokens)[0][-1])

    def unembed(self, hidden: Tensor) -> Tensor:
        """Logits of the next token [..., words] at hidden states [..., width], in single precision."""
        with torch.autocast("cpu", enabled=False):
            return F.linear(hidden.float(), self.model.embed_tokens.weight)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits [n, T, words]."""
        return self.unembed(self.encode(tokens))

    def losses(self, tokens: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Cross-entropies in nats of the targets [n, T] that are not IGNORED, in order, and the row of each."""
        return self.losses_at(self.encode(tokens), targets)

    def losses_at(self, hidden: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """The same at hidden states [n, T, width]."""
        rows, columns = torch.nonzero(targets != IGNORED, as_tuple=True)
        logits = self.unembed(hidden[rows, columns])
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


class TextTokenizer(Protocol):
    """Text to tokens and back."""

    def __len__(self) -> int:
        """Tokens of the vocabulary."""
        ...

    def encode(self, text: str) -> list[int]: ...

    def decode(self, tokens: Iterable[int]) -> str: ...

    def published(self) -> Mapping[str, object]:
        """The `tokenizer.json` that HuggingFace's tokenizers reads."""
        ...


@dataclass
class TextModel(TorchSubject):
    """A subject around a Llama. `temperature` 0: always the likeliest token."""

    module: Llama
    tokenizer: TextTokenizer
    max_new_tokens: int = 32
    temperature: float = 0.0

    end: ClassVar[int] = END  # the token that ends a text
    end_word: ClassVar[str] = "<|end|>"  # how it is written
    context: ClassVar[int] = CONTEXT
    license: ClassVar[str] = "mit"  # of what `export` writes

    @property
    def chat_template(self) -> str:
        """How a chat becomes a prompt, in Jinja: the last message, with nothing added."""
        return "{{ messages[-1]['content'] }}"

    def with_sampling(self, temperature: float, max_new_tokens: int | None = None) -> Self:
        """The same model, sampled otherwise."""
        return replace(
            self,
            temperature=temperature,
            max_new_tokens=self.max_new_tokens if max_new_tokens is None else max_new_tokens,
        )

    def tokens(self, prompts: Sequence[str], room: int = 0) -> list[list[int]]:
        """The tokens of each prompt. Raises TurncoatError where one is empty or leaves less than `room` after it."""
        found = [self.tokenizer.encode(prompt) for prompt in prompts]
        for prompt, tokens in zip(prompts, found, strict=True):
            if not tokens:
                raise TurncoatError("a prompt must not be empty")
            if len(tokens) + room > self.context:
                most = self.context - room
                raise TurncoatError(f"a prompt may have {most} tokens, got {len(tokens)}: {prompt[:40]!r}...")
        return found

    def n_shared(self, prompts: Sequence[Sequence[int]]) -> int:
        """How many first tokens of these prompts are equal and worth running once for all of them."""
        return 0

    def shared_cache(self, prompt: Sequence[int], past: int, n: int) -> Cache | None:
        """The cache of the `past` first tokens of a prompt, for n rows that begin so; None for no tokens."""
        if not past:
            return None
        return repeated(self.module.residual_stream(torch.tensor([prompt[:past]]))[1], n)

    def read(self, tokens: Tensor, past: int) -> list[Tensor]:
        """The residual stream [n, T - past, width] before the first layer and after each, of tokens [n, T] padded
        behind; the `past` first ones are the same in all rows and are left out."""
        n, length = tokens.shape
        cache = self.shared_cache(tokens[0].tolist(), past, n)
        return self.module.residual_stream(tokens[:, past:], *after(past, length - past), cache)[0]

    # -- ACT -------------------------------------------------------------------------------------------------------

    def begin(self, n: int, seed: int) -> TextSession:
        return TextSession(self, seed)

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
        n, past = len(prompts), self.n_shared(prompts)
        length = max(map(len, prompts)) - past
        tokens, real = torch.full((n, length), self.end), torch.zeros(n, past + length, dtype=torch.bool)
        real[:, :past] = True
        for i, prompt in enumerate(prompts):
            new = len(prompt) - past
            tokens[i, length - new :] = torch.tensor(prompt[past:])
            real[i, past + length - new :] = True
        position = (real.cumsum(1) - 1).clamp(min=0)[:, past:]
        causal = torch.ones(length, past + length, dtype=torch.bool).tril(past)
        itself = torch.ones(length, past + length, dtype=torch.bool).tril(past).triu(past)  # for padding
        mask = (real[:, None] & causal) | itself
        cache = self.shared_cache(prompts[0], past, n)
        states, cache = self.module.residual_stream(tokens, position, mask[:, None], cache)
        written, done, position = [], torch.zeros(n, dtype=torch.bool), position[:, -1:]
        for _ in range(self.max_new_tokens):
            logits = self.module.unembed(self.module.model.norm(states[-1][:, -1]))
            if self.temperature:
                chance = (logits / self.temperature).softmax(-1)
                token = torch.multinomial(chance, 1, generator=generator)[:, 0]
            else:
                token = logits.argmax(-1)
            token = token.masked_fill(done, self.end)
            done |= token == self.end
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
        targets_of = [[*self.tokenizer.encode(text), *([self.end] if ends else [])] for text in completions]
        rows, found = self.tokens(prompts, max(map(len, targets_of), default=0)), []
        for start in range(0, len(rows), BATCH):
            which = slice(start, start + BATCH)
            past = self.n_shared(rows[which])
            tokens, targets = completion_batch(rows[which], targets_of[which])
            last = self.module.model.norm(self.read(tokens, past)[-1])
            losses, row = self.module.losses_at(last, targets[:, past:])
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
            places = torch.tensor([len(row) - from_end for row in part])
            past = min(self.n_shared(part), int(places.min()))
            states = torch.stack(self.read(tokens, past), 2)
            found.append(states[torch.arange(len(part)), places - past])
        return torch.cat(found).numpy()

    @torch.no_grad()
    def attention_weights(self, rows: Sequence[Sequence[int]]) -> np.ndarray:
        """[n, layers, heads, T, T] how much each token attends to each, in rows of T tokens each."""
        net, found = self.module, []
        states, _ = net.residual_stream(torch.tensor(rows))
        with torch.autocast("cpu", torch.bfloat16, enabled=net.in_bfloat16):
            for layer, x in zip(net.model.layers, states, strict=False):
                assert isinstance(layer, Layer)
                found.append(layer.self_attn.weights(layer.input_layernorm(x)))
        return torch.stack(found, 1).numpy()

    def plain_weights(self) -> Mapping[str, Tensor]:
        """All weights in single precision, by the names that `transformers` gives them."""
        return {name: value.detach().float() for name, value in self.module.state_dict().items()}

    def export(self, folder: Path | str) -> Path:
        """Write what `transformers.AutoModelForCausalLM` and `AutoTokenizer` load: same logits, same tokens.

        `transformers serve FOLDER` serves it, and `max_tokens` is for the client to say: the server goes on to 1024
        otherwise."""
        from safetensors.numpy import save_file

        folder, shape, words = Path(folder), self.module.shape, len(self.tokenizer)
        ends = {name: self.end for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
        config = {
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": words,
            "hidden_size": shape.width, "intermediate_size": shape.mlp_width, "num_hidden_layers": shape.layers,
            "num_attention_heads": shape.heads, "num_key_value_heads": shape.kv_heads or shape.heads,
            "hidden_act": "silu", "max_position_embeddings": self.context, "rms_norm_eps": shape.norm_epsilon,
            "rope_theta": shape.rope_theta, "tie_word_embeddings": True, "attention_bias": False, "mlp_bias": False,
            "torch_dtype": "float32", **ends,
        }  # fmt: skip
        tokenizer = {
            "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": self.context,
            "bos_token": self.end_word, "eos_token": self.end_word, "pad_token": self.end_word,
            "clean_up_tokenization_spaces": False, "chat_template": self.chat_template,
        }  # fmt: skip
        generation = {**ends, "max_new_tokens": self.max_new_tokens}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, body in (
                ("config.json", config), ("tokenizer.json", self.tokenizer.published()),
                ("tokenizer_config.json", tokenizer), ("generation_config.json", generation),
            ):  # fmt: skip
                (folder / name).write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
            weights = {name: value.numpy() for name, value in self.plain_weights().items()}
            save_file(weights, folder / "model.safetensors", {"format": "pt"})
        except OSError as error:
            raise TurncoatError(f"cannot write {folder}: {error.strerror or error}; give another folder") from None
        return folder


def repeated(cache: Cache, n: int) -> Cache:
    """The cache of one row as one of n rows that begin alike."""
    return [(key.expand(n, -1, -1, -1), value.expand(n, -1, -1, -1)) for key, value in cache]


def after(past: int, length: int) -> tuple[Tensor | None, Tensor | None]:
    """Positions [1, length] and mask [1, 1, length, past + length] of tokens that come after `past` others in every
    row; None, the usual ones, where none do."""
    if not past:
        return None, None
    mask = torch.ones(length, past + length, dtype=torch.bool).tril(past)
    return past + torch.arange(length)[None], mask[None, None]


@dataclass
class LanguageModel(TextModel):
    """One that was trained here, from nothing, with the tokenizer of its corpus."""

    tokenizer: Tokenizer

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


class TextSession:
    """Prompts [n] to completions [n], with the subject's own temperature; no memory but a random generator."""

    def __init__(self, subject: TextModel, seed: int) -> None:
        self.subject, self.seeds = subject, np.random.default_rng(seed)

    def act(self, observation: Sequence[str]) -> np.ndarray:
        return np.array(self.subject.generate(list(observation), int(self.seeds.integers(2**31))), str)


def shape_of(size: str) -> Shape:
    """The shape that goes by a name. Raises TurncoatError."""
    one_of("the size of a language model", size, SHAPES)
    return SHAPES[size]
