"""A small language model: a decoder-only transformer over a world's tokens, that says the likeliest next one.

    x = token embedding + position embedding
    block:  x = x + attention(norm(x));  x = x + linear(gelu(linear(norm(x))))
    logits = norm(x) @ token embedding

As GPT-2 (Radford et al. 2019), with rotary attention besides: learned positions alone tie what is learned of a result
to the place in the dialogue where training has it. Every weight is in a layer of torch.nn. Contexts are short, so all
of it is read again for every token.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from turncoat.models.base import Network

PAD = 0  # the token that is not there
Legal = Callable[[np.ndarray], np.ndarray]  # tokens [n, T] -> [n, words] bool


def turned(x: Tensor) -> Tensor:
    """Queries or keys [..., T, d] (d even) turned by their position: products then tell how far apart they are.

    Rotary position embedding (Su et al. 2021), with wavelengths of 6 to 200 tokens.
    """
    length, half = x.shape[-2], x.shape[-1] // 2
    speed = torch.logspace(0, -1.5, half)  # radians a token
    angle = torch.arange(length)[:, None] * speed
    one, other, cos, sin = x[..., :half], x[..., half:], angle.cos(), angle.sin()
    return torch.cat([one * cos - other * sin, one * sin + other * cos], -1)


class Block(nn.Module):
    """Causal self-attention and a two-layer perceptron, each with its residual."""

    def __init__(self, width: int, heads: int, inner: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm, self.inner_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mix = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.grow, self.shrink = nn.Linear(width, inner), nn.Linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        """[n, T, width] to the same."""
        n, length, width = x.shape
        mixed = self.mix(self.norm(x)).view(n, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        query, key = turned(mixed[:2])
        heard = F.scaled_dot_product_attention(query, key, mixed[2], is_causal=True)
        x = x + self.out(heard.transpose(1, 2).reshape(n, length, width))
        return x + self.shrink(F.gelu(self.grow(self.inner_norm(x)), approximate="tanh"))


class Transformer(nn.Module):
    """The network above, for at most `context` tokens of a vocabulary of `words`."""

    def __init__(self, words: int, context: int, width: int, layers: int, heads: int, inner: int) -> None:
        super().__init__()
        self.token, self.place = nn.Embedding(words, width), nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads, inner) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        for name, weights in self.named_parameters():
            if weights.dim() > 1:
                spread = 0.02 if name.startswith(("token", "place")) else weights.shape[1] ** -0.5
                nn.init.normal_(weights, 0.0, spread)

    def hear(self, tokens: Tensor) -> Tensor:
        """The last hidden states [n, T, width] for tokens [n, T]."""
        x = self.token(tokens) + self.place.weight[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.norm(x)

    def read(self, hidden: Tensor) -> Tensor:
        """Logits of the next token [..., words] at hidden states [..., width]."""
        return F.linear(hidden, self.token.weight)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits [n, T, words]."""
        return self.read(self.hear(tokens))


@dataclass
class LanguageModel(Network):
    """A subject around a Transformer. `legal` says which next tokens keep a turn well-formed; it says no other.

    It ships as float16, and is rounded to it before anybody observes it.
    """

    module: Transformer
    legal: Legal

    def begin(self, n: int, seed: int) -> LanguageSession:
        return LanguageSession(self)


class LanguageSession:
    """Greedy: the likeliest legal next token after what has been said so far. It remembers nothing between calls."""

    def __init__(self, subject: LanguageModel) -> None:
        self.subject = subject

    @torch.no_grad()
    def act(self, observation: np.ndarray) -> np.ndarray:
        """Tokens [n, T], padded after what was said, to the next token [n]."""
        lengths = (observation != PAD).sum(1)
        tokens = torch.from_numpy(observation[:, : lengths.max()])
        module = self.subject.module
        last = module.hear(tokens)[torch.arange(len(tokens)), torch.from_numpy(lengths - 1)]
        allowed = torch.from_numpy(self.subject.legal(observation))
        return module.read(last).masked_fill(~allowed, -torch.inf).argmax(1).numpy()
