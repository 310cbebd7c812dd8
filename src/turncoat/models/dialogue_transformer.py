"""A small language model: a decoder-only transformer over a world's tokens, that writes the likeliest next one.

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

from turncoat.models.base import TorchSubject

PAD = 0  # the token that is not there
Legal = Callable[[np.ndarray], np.ndarray]  # tokens [n, T] -> [n, words] bool


def apply_rotary(x: Tensor) -> Tensor:
    """Rotary position embedding (Su et al. 2021) of queries or keys [..., T, d], d even: their products then depend on
    how far apart they are. Wavelengths are 6 to 200 tokens."""
    length, half = x.shape[-2], x.shape[-1] // 2
    speed = torch.logspace(0, -1.5, half)  # radians a token
    angle = torch.arange(length)[:, None] * speed
    first, second, cos, sin = x[..., :half], x[..., half:], angle.cos(), angle.sin()
    return torch.cat([first * cos - second * sin, first * sin + second * cos], -1)


class TransformerBlock(nn.Module):
    """Causal self-attention and a two-layer perceptron, each with its residual."""

    def __init__(self, width: int, heads: int, mlp_width: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm, self.mlp_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv_proj = nn.Linear(width, 3 * width)
        self.out_proj = nn.Linear(width, width)
        self.up_proj, self.down_proj = nn.Linear(width, mlp_width), nn.Linear(mlp_width, width)

    def forward(self, x: Tensor) -> Tensor:
        """[n, T, width] to the same."""
        n, length, width = x.shape
        qkv = self.qkv_proj(self.attention_norm(x)).view(n, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        query, key = apply_rotary(qkv[:2])
        attended = F.scaled_dot_product_attention(query, key, qkv[2], is_causal=True)
        x = x + self.out_proj(attended.transpose(1, 2).reshape(n, length, width))
        return x + self.down_proj(F.gelu(self.up_proj(self.mlp_norm(x)), approximate="tanh"))


class DialogueTransformer(nn.Module):
    """The network above, for at most `context` tokens of a vocabulary of `words`."""

    def __init__(self, words: int, context: int, width: int, layers: int, heads: int, mlp_width: int) -> None:
        super().__init__()
        self.token_embedding, self.position_embedding = nn.Embedding(words, width), nn.Embedding(context, width)
        self.blocks = nn.ModuleList(TransformerBlock(width, heads, mlp_width) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        for name, weights in self.named_parameters():
            if weights.dim() > 1:
                std = 0.02 if name.startswith(("token", "position")) else weights.shape[1] ** -0.5
                nn.init.normal_(weights, 0.0, std)

    def encode(self, tokens: Tensor) -> Tensor:
        """The last hidden states [n, T, width] for tokens [n, T]."""
        x = self.token_embedding(tokens) + self.position_embedding.weight[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.norm(x)

    def unembed(self, hidden: Tensor) -> Tensor:
        """Logits of the next token [..., words] at hidden states [..., width]."""
        return F.linear(hidden, self.token_embedding.weight)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits [n, T, words]."""
        return self.unembed(self.encode(tokens))


@dataclass
class DialogueModel(TorchSubject):
    """A subject around a DialogueTransformer. It writes only what is `legal`: tokens that keep a turn well-formed."""

    module: DialogueTransformer
    legal: Legal

    def begin(self, n: int, seed: int) -> DialogueSession:
        return DialogueSession(self)


class DialogueSession:
    """Greedy: the likeliest legal next token after what is written so far. It remembers nothing between calls."""

    def __init__(self, subject: DialogueModel) -> None:
        self.subject = subject

    @torch.no_grad()
    def act(self, observation: np.ndarray) -> np.ndarray:
        """Tokens [n, T], padded behind, to the next token [n]."""
        lengths = (observation != PAD).sum(1)
        tokens = torch.from_numpy(observation[:, : lengths.max()])
        module = self.subject.module
        last = module.encode(tokens)[torch.arange(len(tokens)), torch.from_numpy(lengths - 1)]
        allowed = torch.from_numpy(self.subject.legal(observation))
        return module.unembed(last).masked_fill(~allowed, -torch.inf).argmax(1).numpy()
