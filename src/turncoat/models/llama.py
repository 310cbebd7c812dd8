"""A small language model that reads and writes text: a decoder of Llama's shape, with its tokenizer.

    x = token embedding
    block:  x = x + attention(norm(x));  x = x + down(silu(gate(y)) * up(y)) for y = norm(x)
    logits = norm(x) @ token embedding

Root-mean-square norms, rotary positions, gated perceptrons, no biases, one matrix for tokens in and out (Touvron et al.
2023). Weights bear the names that `transformers` gives them and every one is in a layer of torch.nn, so `export` writes
a folder that `AutoModelForCausalLM` loads. The merges of the tokenizer are stored with the weights: what a stored model
reads and writes does not depend on the corpus of the machine that loads it.

Access: `generate` (ACT; `begin` does it for worlds of prompts), `score` (SCORE), `hidden` (WEIGHTS).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from turncoat.core import TurncoatError, one_of
from turncoat.models.base import Network
from turncoat.worlds.text.corpus import END, Tokenizer

CONTEXT = 256  # most tokens of prompt and completion
BATCH = 64  # texts read at once
EPSILON, BASE = 1e-6, 10_000.0  # of the norms; of the rotary wavelengths
NOT = -100  # the target of a token that nothing is to be learned from
MERGES = "tokenizer.merges"  # their name among a subject's arrays
Cache = list[tuple[Tensor, Tensor]]  # keys and values [n, heads, T, d] of what each layer has read


@dataclass(frozen=True)
class Shape:
    width: int
    layers: int
    heads: int
    inner: int  # width of the perceptrons


SHAPES = {"0.3M": Shape(64, 3, 2, 160), "1M": Shape(128, 4, 4, 352), "4M": Shape(256, 4, 4, 672)}


def turned(x: Tensor, place: Tensor) -> Tensor:
    """Queries or keys [n, heads, T, d] turned by their positions [n or 1, T] (Su et al. 2021), as Llama has it."""
    half = x.shape[-1] // 2
    angle = place[:, None, :, None] * BASE ** -(torch.arange(half) / half)
    one, other, cos, sin = x[..., :half], x[..., half:], angle.cos(), angle.sin()
    return torch.cat([one * cos - other * sin, other * cos + one * sin], -1)


class Attention(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (
            nn.Linear(shape.width, shape.width, bias=False) for _ in range(4)
        )

    def forward(
        self, x: Tensor, place: Tensor, seen: Tensor | None, before: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """[n, T, width] to the same, and the keys and values that later tokens will need.

        `seen` [n, 1, T, S] says what each token may look at; None: all up to itself.
        """
        n, length, width = x.shape
        query, key, value = (
            part(x).view(n, length, self.heads, -1).transpose(1, 2) for part in (self.q_proj, self.k_proj, self.v_proj)
        )
        query, key = turned(query, place), turned(key, place)
        if before is not None:
            key, value = torch.cat([before[0], key], 2), torch.cat([before[1], value], 2)
        heard = F.scaled_dot_product_attention(query, key, value, attn_mask=seen, is_causal=seen is None)
        return self.o_proj(heard.transpose(1, 2).reshape(n, length, width)), (key, value)


class Perceptron(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.gate_proj, self.up_proj = (nn.Linear(shape.width, shape.inner, bias=False) for _ in range(2))
        self.down_proj = nn.Linear(shape.inner, shape.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    """Causal self-attention and a gated perceptron, each with its residual."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.self_attn, self.mlp = Attention(shape), Perceptron(shape)
        self.input_layernorm = nn.RMSNorm(shape.width, EPSILON)
        self.post_attention_layernorm = nn.RMSNorm(shape.width, EPSILON)

    def forward(
        self, x: Tensor, place: Tensor, seen: Tensor | None, before: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        heard, kept = self.self_attn(self.input_layernorm(x), place, seen, before)
        x = x + heard
        return x + self.mlp(self.post_attention_layernorm(x)), kept


class Trunk(nn.Module):
    """All but the last product; apart, because transformers names it `model`."""

    def __init__(self, words: int, shape: Shape) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(words, shape.width)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.width, EPSILON)


class Llama(nn.Module):
    """The network above for a vocabulary of `words`."""

    def __init__(self, words: int, shape: Shape) -> None:
        super().__init__()
        self.shape, self.model = shape, Trunk(words, shape)
        for name, weights in self.named_parameters():
            if weights.dim() > 1:
                writes = name.endswith(("o_proj.weight", "down_proj.weight"))  # into the residual stream
                nn.init.normal_(weights, 0.0, 0.02 / (2 * shape.layers) ** 0.5 if writes else 0.02)

    def stream(
        self, tokens: Tensor, place: Tensor | None = None, seen: Tensor | None = None, before: Cache | None = None
    ) -> tuple[list[Tensor], Cache]:
        """The residual stream [n, T, width] before the first layer and after each, and the cache to go on from."""
        place = torch.arange(tokens.shape[1])[None] if place is None else place
        states, cache = [self.model.embed_tokens(tokens)], []
        for i, layer in enumerate(self.model.layers):
            x, kept = layer(states[-1], place, seen, None if before is None else before[i])
            states.append(x)
            cache.append(kept)
        return states, cache

    def hear(self, tokens: Tensor) -> Tensor:
        """The last hidden states [n, T, width], normed, for tokens [n, T]."""
        return self.model.norm(self.stream(tokens)[0][-1])

    def read(self, hidden: Tensor) -> Tensor:
        """Logits of the next token [..., words] at hidden states [..., width]."""
        return F.linear(hidden, self.model.embed_tokens.weight)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits [n, T, words]."""
        return self.read(self.hear(tokens))

    def losses(self, tokens: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Cross-entropies in nats of the targets [n, T] that are not NOT, in order, and the row of each."""
        rows, places = torch.nonzero(targets != NOT, as_tuple=True)
        logits = self.read(self.hear(tokens)[rows, places])
        return F.cross_entropy(logits, targets[rows, places], reduction="none"), rows


def paired(prompts: Sequence[Sequence[int]], completions: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Tokens [n, T] of prompts and completions, padded behind, and the target after each: completions alone."""
    length = max(len(p) + len(c) for p, c in zip(prompts, completions, strict=True))
    tokens = torch.full((len(prompts), length), END)
    targets = torch.full((len(prompts), length), NOT)
    for i, (p, c) in enumerate(zip(prompts, completions, strict=True)):
        tokens[i, : len(p) + len(c)] = torch.tensor([*p, *c])
        targets[i, len(p) - 1 : len(p) + len(c) - 1] = torch.tensor(c)
    return tokens, targets


@dataclass
class LM(Network):
    """A subject around a Llama. It ships as float16, and is rounded to it before anybody observes it."""

    module: Llama
    tokenizer: Tokenizer
    most: int = 32  # tokens of a completion
    temperature: float = 0.0  # 0: always the likeliest token

    def at(self, temperature: float, most: int | None = None) -> LM:
        """The same model, sampled otherwise."""
        return replace(self, temperature=temperature, most=self.most if most is None else most)

    def arrays(self) -> Mapping[str, np.ndarray]:
        return {**super().arrays(), MERGES: self.tokenizer.merges}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> Self:
        if MERGES not in arrays:
            raise TurncoatError("stored weights have no tokenizer; delete the run and train it again")
        super().restore({name: array for name, array in arrays.items() if name != MERGES})
        self.tokenizer = Tokenizer(arrays[MERGES])
        return self

    def untrained(self, seed: int) -> LM:
        """The same network and tokenizer with freshly drawn weights."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
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

    def begin(self, n: int, seed: int) -> LMSession:
        return LMSession(self, seed)

    @torch.no_grad()
    def generate(self, prompts: Sequence[str], seed: int = 0) -> list[str]:
        """What it writes after each prompt, to the end of text or `most` tokens. Same seed, prompts and machine: the
        same text."""
        dice, written = torch.Generator().manual_seed(seed), []
        rows = self.tokens(prompts, self.most)
        for start in range(0, len(rows), BATCH):
            written += self.write(rows[start : start + BATCH], dice)
        return written

    def write(self, prompts: Sequence[Sequence[int]], dice: torch.Generator) -> list[str]:
        """One batch, padded in front, with what has been read kept in a cache."""
        n, length = len(prompts), max(map(len, prompts))
        tokens, real = torch.full((n, length), END), torch.zeros(n, length, dtype=torch.bool)
        for i, prompt in enumerate(prompts):
            tokens[i, length - len(prompt) :] = torch.tensor(prompt)
            real[i, length - len(prompt) :] = True
        place = (real.cumsum(1) - 1).clamp(min=0)
        square = torch.ones(length, length, dtype=torch.bool)
        seen = (real[:, None] & square.tril()) | torch.eye(length, dtype=torch.bool)  # padding looks at itself
        states, cache = self.module.stream(tokens, place, seen[:, None])
        written, over, place = [], torch.zeros(n, dtype=torch.bool), place[:, -1:]
        for _ in range(self.most):
            logits = self.module.read(self.module.model.norm(states[-1][:, -1]))
            if self.temperature:
                chance = (logits / self.temperature).softmax(-1)
                token = torch.multinomial(chance, 1, generator=dice)[:, 0]
            else:
                token = logits.argmax(-1)
            token = token.masked_fill(over, END)
            over |= token == END
            written.append(token)
            if over.all():
                break
            place, real = place + 1, torch.cat([real, torch.ones(n, 1, dtype=torch.bool)], 1)
            states, cache = self.module.stream(token[:, None], place, real[:, None, None], cache)
        return [self.tokenizer.decode(row) for row in torch.stack(written, 1).tolist()]

    # -- SCORE -----------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def score(self, prompts: Sequence[str], completions: Sequence[str], ends: bool = True) -> np.ndarray:
        """[n] log-probability, in nats, of each completion after its prompt; with the end of text where it `ends`."""
        said = [[*self.tokenizer.encode(text), *([END] if ends else [])] for text in completions]
        heard, found = self.tokens(prompts, max(map(len, said), default=0)), []
        for start in range(0, len(heard), BATCH):
            which = slice(start, start + BATCH)
            tokens, targets = paired(heard[which], said[which])
            losses, rows = self.module.losses(tokens, targets)
            found.append(torch.zeros(len(tokens)).index_add_(0, rows, -losses))
        return torch.cat(found).double().numpy() if found else np.zeros(0)

    # -- WEIGHTS ---------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def hidden(self, prompts: Sequence[str], back: int = 1) -> np.ndarray:
        """[n, layers + 1, width] the residual stream, before the first layer and after each, at the last token of each
        prompt; or `back` tokens from its end."""
        rows, found = self.tokens(prompts), []
        if short := [prompt for prompt, row in zip(prompts, rows, strict=True) if not 1 <= back <= len(row)]:
            raise TurncoatError(f"there is no token {back} from the end of {short[0]!r}")
        for start in range(0, len(rows), BATCH):
            part = rows[start : start + BATCH]
            tokens, _ = paired(part, [[] for _ in part])
            states = torch.stack(self.module.stream(tokens)[0], 2)
            found.append(states[torch.arange(len(part)), torch.tensor([len(row) - back for row in part])])
        return torch.cat(found).numpy()

    def export(self, folder: Path | str) -> Path:
        """Write what `transformers.AutoModelForCausalLM` and `AutoTokenizer` load: same logits, same tokens.

        `transformers serve FOLDER` serves it. The last message of a chat is the prompt, with nothing added, and
        `max_tokens` is for the client to say: the server goes on to 1024 otherwise."""
        from safetensors.numpy import save_file

        folder, shape, words = Path(folder), self.module.shape, len(self.tokenizer)
        config = {
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": words,
            "hidden_size": shape.width, "intermediate_size": shape.inner, "num_hidden_layers": shape.layers,
            "num_attention_heads": shape.heads, "num_key_value_heads": shape.heads, "hidden_act": "silu",
            "max_position_embeddings": CONTEXT, "rms_norm_eps": EPSILON, "rope_theta": BASE,
            "tie_word_embeddings": True, "attention_bias": False, "mlp_bias": False, "torch_dtype": "float32",
            "bos_token_id": END, "eos_token_id": END, "pad_token_id": END,
        }  # fmt: skip
        tokenizer = {
            "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": CONTEXT,
            "bos_token": "<|end|>", "eos_token": "<|end|>", "pad_token": "<|end|>",
            "clean_up_tokenization_spaces": False, "chat_template": "{{ messages[-1]['content'] }}",
        }  # fmt: skip
        generation = {"bos_token_id": END, "eos_token_id": END, "pad_token_id": END, "max_new_tokens": self.most}
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


class LMSession:
    """Prompts [n] to completions [n], with the subject's own temperature. It remembers nothing but its dice."""

    def __init__(self, subject: LM, seed: int) -> None:
        self.subject, self.seeds = subject, np.random.default_rng(seed)

    def act(self, observation: Any) -> np.ndarray:
        return np.array(self.subject.generate(list(observation), int(self.seeds.integers(2**31))), str)


def shape_of(size: str) -> Shape:
    """The shape that goes by a name. Raises TurncoatError."""
    one_of("the size of a language model", size, SHAPES)
    return SHAPES[size]
