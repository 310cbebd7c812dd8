"""A published instruction-tuned language model, and adapters of low rank that are all that was trained of it.

    y = W x + (scale / rank) B A x

W is as it was published and does not learn; A and B do (LoRA, Hu et al. 2022), beside every matrix of the last
`adapted` layers. B begins at nought, so that an untrained subject is the published model. Adapters alone are stored, in
half precision, by the names that peft gives them. All that a `TextModel` can, this can: `generate` and `begin` (ACT),
`score` (SCORE), `hidden_states` (WEIGHTS), `export` (with the adapters added in). `chat` makes the prompt that the
published chat template makes of a user's turn; texts without it are continued as they are.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from turncoat.core import TurncoatError
from turncoat.models import smollm
from turncoat.models.base import seeded
from turncoat.models.llama import Llama, TextModel
from turncoat.models.smollm import SmolTokenizer

SCALE = 16.0  # of what adapters add, over their rank


class LoRALinear(nn.Module):
    """A linear map that does not learn, and one of low rank beside it that does."""

    def __init__(self, base: nn.Linear, rank: int) -> None:
        super().__init__()
        self.base, self.factor = base, SCALE / rank
        self.lora_A = nn.Linear(base.in_features, rank, bias=False)
        self.lora_B = nn.Linear(rank, base.out_features, bias=False)
        nn.init.zeros_(self.lora_B.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + self.factor * self.lora_B(self.lora_A(x))

    def merged(self) -> Tensor:
        """The one matrix that does what both do, in single precision."""
        return self.base.weight.float() + self.factor * self.lora_B.weight @ self.lora_A.weight


def adapt(net: Llama, adapted: int, rank: int) -> None:
    """Put an adapter beside every matrix of the last `adapted` layers, drawn from PyTorch's global generator."""
    for layer in net.model.layers[len(net.model.layers) - adapted :]:
        for part in (layer.get_submodule("self_attn"), layer.get_submodule("mlp")):
            for name, linear in list(part.named_children()):
                if isinstance(linear, nn.Linear):
                    setattr(part, name, LoRALinear(linear, rank))


@dataclass
class InstructModel(TextModel):
    """The subject. `template`: the published chat template."""

    module: Llama
    tokenizer: SmolTokenizer
    max_new_tokens: int = 64
    temperature: float = 0.0
    template: str = ""

    end: ClassVar[int] = smollm.END
    end_word: ClassVar[str] = "<|im_end|>"
    context: ClassVar[int] = 2048  # tokens; the published model reads 8192
    license: ClassVar[str] = "apache-2.0"  # the published weights'

    @classmethod
    def build(cls, adapted: int, rank: int, dtype: torch.dtype) -> InstructModel:
        """The published model with new adapters; `dtype`: what its matrices are computed with. Raises TurncoatError
        where the extra is not installed."""
        published = smollm.published(dtype)
        net = published.network()
        adapt(net, adapted, rank)
        return cls(net, SmolTokenizer(published.tokenizer), template=published.template)

    @property
    def chat_template(self) -> str:
        return self.template

    def chat(self, question: str, answer: str = "") -> str:
        """The prompt of a chat in which a user has asked, and the assistant's answer so begins."""
        return smollm.chat(self.template, [{"role": "user", "content": question}]) + answer

    def n_shared(self, prompts: Sequence[Sequence[int]]) -> int:
        """All that they share but the last token: a chat begins with the same system turn, half of a short prompt."""
        shared = len(os.path.commonprefix([list(prompt) for prompt in prompts]))
        return min(shared, min(map(len, prompts)) - 1)

    # -- how far it has moved ------------------------------------------------------------------------------------------

    def copied_adapters(self) -> dict[str, Tensor]:
        """The adapters as they are now, by name."""
        return {name: value.detach().clone() for name, value in self.adapters.items()}

    @cached_property
    def published_norm(self) -> float:
        """The norm of all adapted matrices, without their adapters."""
        parts = (part.base.weight for part in self.module.modules() if isinstance(part, LoRALinear))
        return math.sqrt(sum(float(weights.float().square().sum()) for weights in parts))

    @torch.no_grad()
    def weight_change(self, start: Mapping[str, Tensor]) -> float:
        """How far the adapted matrices, adapters added in, are from where they were with the adapters `start`, as a
        share of the norm that the published ones have.

        The difference of two products B A of rank r is one of rank 2 r, whose norm takes no more than its factors."""
        moved = 0.0
        for name, part in self.module.named_modules():
            if isinstance(part, LoRALinear):
                a = torch.cat([part.lora_A.weight, start[f"{name}.lora_A.weight"]])
                b = torch.cat([part.lora_B.weight, -start[f"{name}.lora_B.weight"]], 1)
                moved += part.factor**2 * float(((b.T @ b) * (a @ a.T)).sum())
        return math.sqrt(max(moved, 0.0)) / self.published_norm

    # -- what is stored --------------------------------------------------------------------------------------------

    @property
    def adapters(self) -> dict[str, nn.Parameter]:
        """What learns, by name."""
        return {name: value for name, value in self.module.named_parameters() if ".lora_" in name}

    def arrays(self) -> Mapping[str, np.ndarray]:
        """The adapters, in half precision."""
        return {name: value.detach().half().numpy() for name, value in self.adapters.items()}

    def round_to_float16(self) -> Self:
        with torch.no_grad():
            for value in self.adapters.values():
                value.copy_(value.half())
        return self

    def restore(self, arrays: Mapping[str, np.ndarray]) -> Self:
        own = self.adapters
        if {name: value.shape for name, value in own.items()} != {name: a.shape for name, a in arrays.items()}:
            raise TurncoatError("stored adapters do not fit this recipe; delete the run and train it again")
        with torch.no_grad():
            for name, value in own.items():
                value.copy_(torch.from_numpy(np.array(arrays[name])))
        return self

    def reinitialized(self, seed: int) -> InstructModel:
        """A network of the same shape with freshly drawn weights."""
        with seeded(seed):
            net = Llama(smollm.WORDS, smollm.SHAPE)
        if self.module.in_bfloat16:
            for name, weights in net.named_parameters():
                weights.data = weights.data if smollm.is_single(name) else weights.data.bfloat16()
        return replace(self, module=net)

    def plain_weights(self) -> Mapping[str, Tensor]:
        """All weights in single precision, the adapters added in, by the names that `transformers` gives them."""
        found = {
            name: value.detach().float() for name, value in self.module.state_dict().items() if ".lora_" not in name
        }
        for name, part in self.module.named_modules():
            if isinstance(part, LoRALinear):
                found[f"{name}.weight"] = part.merged().detach()
                del found[f"{name}.base.weight"]
        return found
