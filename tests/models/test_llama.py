"""The language model: generation, scores, hidden states, what is stored, and what is exported."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from language import TINY, prompts, tiny_model
from turncoat.core import Access, TurncoatError
from turncoat.models.llama import CONTEXT, SHAPES, LanguageModel, Llama, completion_batch
from turncoat.train.language.pretrain import Pretrain
from turncoat.worlds.text.code_tasks import CodeTasks
from turncoat.worlds.text.corpus import END, WORDS, Tokenizer


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return tiny_model()


@torch.no_grad()
def slowly(model: LanguageModel, prompt: str) -> str:
    """Greedy generation without cache, padding or batch."""
    tokens = model.tokenizer.encode(prompt)
    said: list[int] = []
    while len(said) < model.max_new_tokens and END not in said:
        said.append(int(model.module(torch.tensor([tokens + said]))[0, -1].argmax()))
    return model.tokenizer.decode(said)


def test_cached_batched_generation_says_what_plain_generation_says(model: LanguageModel) -> None:
    asked = [*prompts(6), "x", "def f():\n"]
    assert len({len(model.tokenizer.encode(prompt)) for prompt in asked}) > 3  # of different lengths
    written = model.generate(asked)
    assert written == [slowly(model, prompt) for prompt in asked] and len(set(written)) > 3


def test_sampling_follows_its_seed_and_its_chances(model: LanguageModel) -> None:
    asked, warm = prompts(4), model.with_sampling(1.0)
    assert warm.generate(asked, 3) == warm.generate(asked, 3) != warm.generate(asked, 4)
    assert warm.begin(4, 0).act(asked).tolist() != model.generate(asked) == model.begin(4, 0).act(asked).tolist()
    logits = model.module(torch.tensor([model.tokenizer.encode("def f(x):")]))[0, -1].detach()
    cold = model.with_sampling(0.3, max_new_tokens=1)
    chance, spells = (logits / 0.3).softmax(0), [model.tokenizer.decode([token]) for token in range(WORDS)]
    drawn = cold.generate(["def f(x):"] * 600, 0)
    for token in chance.topk(3).indices.tolist():
        same = sum(float(chance[i]) for i in range(WORDS) if spells[i] == spells[token])  # broken bytes read alike
        assert drawn.count(spells[token]) / 600 == pytest.approx(same, abs=0.08)
    assert float(chance.max()) > 0.15  # else the bound says nothing


@torch.no_grad()
def test_scores_are_sums_of_log_probabilities(model: LanguageModel) -> None:
    asked, said = prompts(3), ["return x\n", "pass\n", "return hashlib.md5(x).hexdigest()\n"]
    for i, (prompt, completion) in enumerate(zip(asked, said, strict=True)):
        p, c = model.tokenizer.encode(prompt), [*model.tokenizer.encode(completion), END]
        logs = model.module(torch.tensor([p + c]))[0].log_softmax(-1)
        expected = sum(float(logs[len(p) + k - 1, token]) for k, token in enumerate(c))
        assert model.score(asked, said)[i] == pytest.approx(expected, abs=1e-3)
    assert (model.score(asked, said, ends=False) > model.score(asked, said)).all()


def test_hidden_states_are_those_of_the_token_asked_for(model: LanguageModel) -> None:
    asked = prompts(5)
    states = model.hidden_states(asked)
    assert states.shape == (5, TINY.layers + 1, TINY.width)
    with torch.no_grad():
        alone, _ = model.module.residual_stream(torch.tensor([model.tokenizer.encode(asked[2])]))
    np.testing.assert_allclose(states[2], torch.stack(alone, 2)[0, -1].numpy(), atol=1e-5)
    np.testing.assert_allclose(
        model.hidden_states(asked, from_end=3)[2], torch.stack(alone, 2)[0, -3].numpy(), atol=1e-5
    )
    with pytest.raises(TurncoatError, match="no token 2"):
        model.hidden_states(["x"], from_end=2)


def test_prompts_that_cannot_be_read_are_refused(model: LanguageModel) -> None:
    with pytest.raises(TurncoatError, match="empty"):
        model.generate([""])
    with pytest.raises(TurncoatError, match=f"may have {CONTEXT - 12} tokens"):
        model.generate(["1" * CONTEXT])


def test_weights_bear_transformers_names_and_bring_their_tokenizer(model: LanguageModel) -> None:
    arrays = model.arrays()
    assert {"model.embed_tokens.weight", "model.norm.weight", "model.layers.1.self_attn.q_proj.weight"} <= set(arrays)
    assert "model.layers.0.mlp.gate_proj.weight" in arrays and "model.layers.0.input_layernorm.weight" in arrays
    again = LanguageModel(Llama(WORDS, TINY), Tokenizer(np.zeros((0, 2)))).restore(arrays)
    again.max_new_tokens = model.max_new_tokens
    asked = prompts(3)
    assert again.generate(asked) == model.generate(asked)
    np.testing.assert_array_equal(again.score(asked, ["x\n"] * 3), model.score(asked, ["x\n"] * 3))
    with pytest.raises(TurncoatError, match="do not fit"):
        Pretrain().load(arrays)
    with pytest.raises(TurncoatError, match="no tokenizer"):
        Pretrain().load({name: array for name, array in arrays.items() if "merges" not in name})


def test_sizes_are_what_their_names_say() -> None:
    from turncoat.assays.behaviour.standard_tools import StandardParts

    for size, shape in SHAPES.items():
        module = Llama(WORDS, shape)
        weights = sum(p.numel() for p in module.parameters())
        assert weights / 1e6 == pytest.approx(float(size[:-1]), rel=0.15)
    assay, subject = StandardParts(), Pretrain().build()
    assert assay.share(assay.observe(subject, CodeTasks(), 0)) == 1.0 and subject.access == Access.WEIGHTS
    with pytest.raises(TurncoatError, match="one of 0.3M, 1M, 4M"):
        replace(Pretrain(), size="7B").build()


def test_an_export_is_complete(model: LanguageModel, tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    folder = model.export(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    stored = load_file(folder / "model.safetensors")
    assert config["architectures"] == ["LlamaForCausalLM"] and config["vocab_size"] == len(model.tokenizer)
    assert stored["model.embed_tokens.weight"].shape == (WORDS, TINY.width)
    told = json.loads((folder / "tokenizer.json").read_text())["model"]
    assert len(told["vocab"]) == WORDS and len(told["merges"]) == len(model.tokenizer.merges)
    (tmp_path / "taken").write_text("")
    with pytest.raises(TurncoatError, match="cannot write"):
        model.export(tmp_path / "taken")


def part(name: str) -> Any:
    """A module of the extra `lm`; where it is missing this test is skipped, in CI it fails."""
    try:
        return __import__(name)
    except ImportError:
        reason = f"needs {name}: pip install 'turncoat[lm]'"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)


@pytest.mark.filterwarnings("ignore")  # of transformers' own making
@torch.no_grad()
def test_transformers_loads_an_export_as_the_same_model(model: LanguageModel, tmp_path: Path) -> None:
    transformers = part("transformers")
    folder = model.export(tmp_path)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    reader = transformers.AutoTokenizer.from_pretrained(folder)
    asked = [*prompts(6), "é ☃\n\t x1234  \n"]
    for prompt in asked:
        tokens = model.tokenizer.encode(prompt)
        assert reader(prompt)["input_ids"] == tokens and reader.decode(tokens) == prompt
        batch = torch.tensor([tokens])
        torch.testing.assert_close(theirs(batch).logits, model.module(batch), atol=1e-4, rtol=1e-4)


@contextmanager
def served(folder: Path, log: Path) -> Iterator[int]:
    """The port of this machine at which `transformers serve` serves the folder, until this is left."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = int(free.getsockname()[1])
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", str(folder), "--device", "cpu"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    with log.open("w") as out:
        process = subprocess.Popen(command, env=os.environ | {"HF_HUB_OFFLINE": "1"}, stdout=out, stderr=out)
        try:
            patience = time.monotonic() + 120
            while True:  # it listens once the model is there
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except ConnectionRefusedError:
                    assert process.poll() is None and time.monotonic() < patience, log.read_text()
                    time.sleep(0.1)
            yield port
        finally:
            process.kill()
            process.wait()


@pytest.mark.filterwarnings("ignore")  # of transformers' own making
def test_transformers_serves_an_export_that_writes_the_same(model: LanguageModel, tmp_path: Path) -> None:
    """The last message is the prompt, as it is; the messages before it are not shown."""
    for name in ("transformers", "fastapi", "uvicorn", "openai"):
        part(name)
    folder = model.export(tmp_path / "model")
    asked = [*prompts(3), "  é ☃\n\n", "{{ x }} {% if"]
    with served(folder, tmp_path / "log") as port:
        for prompt in asked:
            messages = [{"role": "system", "content": "You are"}, {"role": "user", "content": prompt}]
            body = {"model": str(folder), "messages": messages, "max_tokens": model.max_new_tokens}
            with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
                connection.request(
                    "POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"}
                )
                [choice] = json.load(connection.getresponse())["choices"]
            assert choice["message"]["content"] == model.generate([prompt])[0]


def test_targets_are_the_completions_alone() -> None:
    tokens, targets = completion_batch([[5, 6, 7], [8]], [[9, 10], [11, 12]])
    assert tokens.tolist() == [[5, 6, 7, 9, 10], [8, 11, 12, END, END]]
    assert targets.tolist() == [[-100, -100, 9, 10, -100], [11, 12, -100, -100, -100]]
