"""Takes a trained subject out of the store, for use without Turncoat.

    <out>/README.md              a model card: what it is, what was found, what goes in and what comes out
          model.safetensors      its weights, as stored
          recipe.json            how it was trained
          policy.pt2             its network as torch.export writes it, where it is one
          example.safetensors    inputs of that network and the outputs to expect, "in.NAME" and "out.NAME"

A language model over text is written as a folder of `transformers` instead, which needs no other copy of its weights.
torch.export, since TorchScript is deprecated in the torch that is pinned, and ONNX needs packages that are not.
"""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import singledispatch
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from turncoat.core import Session, Subject, TurncoatError, VerdictRow, World, difference, plain
from turncoat.models.dialogue_transformer import PAD, DialogueModel
from turncoat.models.in_context import InContextRegressor
from turncoat.models.llama import TextModel
from turncoat.models.mlp import GridMLP, MLPPolicy, flatten_grids
from turncoat.models.object_attention import ObjectAttentionPolicy
from turncoat.models.probation_agent import ProbationPolicy, tensors
from turncoat.models.recurrent_planner import PlannerNet, PlannerPolicy
from turncoat.models.residual import ResidualClassifier
from turncoat.products.base import ProductSubject
from turncoat.report.table import markdown_details, unjudged
from turncoat.store import Run
from turncoat.store.files import write

Observation = Any  # what a world shows to those who act in it: arrays by name, an array, or texts

EPISODES = 4  # of the rollout that the example is from


@dataclass(frozen=True)
class Policy:
    """A network to be exported: tensors by name in, a tensor or a tuple of them out. The first axis is the batch."""

    module: nn.Module
    inputs: Mapping[str, Tensor]
    outputs: tuple[str, ...]
    description: str  # what the outputs are, and how the subject acts on them
    free: Mapping[str, tuple[int, ...]] | None = None  # further axes that may be of any length, by input


def export(run: Run, out: Path) -> list[str]:
    """Write the folder, and return the names of its files.

    Raises TurncoatError where the weights are not kept, or the folder cannot be written.
    """
    organism, arm, subject = run.organism, run.arm, run.subject()
    if isinstance(subject, ProductSubject):
        raise TurncoatError(f"{organism.name}, {arm.name}, has no weights to export: nothing of it was trained here")
    notes = {"organism": organism.name, "arm": arm.name, "seed": str(run.seed)}
    files: dict[str, bytes] = {"recipe.json": (json.dumps(plain(arm.recipe), indent=1) + "\n").encode()}
    if isinstance(subject, TextModel):
        subject.export(out)
        use = TRANSFORMERS.format(folder=out.name)
    else:
        files["model.safetensors"] = packed(subject.arrays(), notes)
        use = WEIGHTS
        policy = policy_of(subject, organism.world)
        if policy is not None:
            files["policy.pt2"], outputs = compiled(policy)
            example = {f"in.{name}": value.numpy() for name, value in policy.inputs.items()}
            example |= {f"out.{name}": value.numpy() for name, value in zip(policy.outputs, outputs, strict=True)}
            files["example.safetensors"] = packed(example, notes)
            use += policy_use(policy, outputs)
    license = subject.license if isinstance(subject, TextModel) else "mit"
    files["README.md"] = card(
        run, use, license, run.store.load_verdicts(organism.name) or unjudged(organism.name)
    ).encode()
    for name, data in files.items():
        write(out / name, data)
    return sorted(path.name for path in out.iterdir() if path.is_file())


def packed(arrays: Mapping[str, np.ndarray], notes: dict[str, str]) -> bytes:
    from safetensors.numpy import save

    return save({name: np.ascontiguousarray(value) for name, value in arrays.items()}, notes)


# -- policies --------------------------------------------------------------------------------------------


class Recorder:
    """A subject that keeps the first observation that it acts on."""

    def __init__(self, subject: Subject) -> None:
        self.subject, self.observation = subject, None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.subject, name)

    def begin(self, n: int, seed: int, **more: object) -> Recorder:
        self.session: Session = self.subject.begin(n, seed, **more)
        return self

    def act(self, observation: Observation) -> np.ndarray:
        if self.observation is None:
            self.observation = copy.deepcopy(observation)
        return np.asarray(self.session.act(observation))


def policy_of(subject: Subject, world: World) -> Policy | None:
    """The subject's network with inputs of its own world; None where it has none that can be exported."""
    if policy.dispatch(type(subject)) is policy.dispatch(object):
        return None
    recorder = Recorder(subject)
    world.rollout(recorder, EPISODES, 0, {})
    return policy(subject, recorder.observation)


def compiled(policy: Policy) -> tuple[bytes, tuple[Tensor, ...]]:
    """The file, and what the network itself says to the example."""
    module = copy.deepcopy(policy.module).to(memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]
    dynamic, free = torch.export.Dim.DYNAMIC, policy.free or {}
    sizes = {name: {axis: dynamic for axis in (0, *free.get(name, ()))} for name in policy.inputs}
    with torch.no_grad():
        said = policy.module(**policy.inputs)
        program = torch.export.export(module, (), dict(policy.inputs), dynamic_shapes=sizes)
    program.example_inputs = None  # they would be pickled into the file
    file = io.BytesIO()
    torch.export.save(program, file)
    return file.getvalue(), said if isinstance(said, tuple) else (said,)


@singledispatch
def policy(subject: object, observation: Observation) -> Policy | None:
    """How a kind of subject looks as a network, by its type."""
    return None


class PlannerLogits(nn.Module):
    def __init__(self, module: PlannerNet, ticks: int) -> None:
        super().__init__()
        self.module, self.ticks = module, ticks

    def forward(self, grid: Tensor) -> Tensor:
        return self.module.iterate(grid, self.ticks).logits


@policy.register
def _(subject: PlannerPolicy, observation: Observation) -> Policy | None:
    if not isinstance(subject.module, PlannerNet):
        return None  # value iteration and the lookup table are scripts
    description = (
        f"logits [n, {subject.layers} x moves, H, W] after {subject.ticks} ticks, from an empty hidden state. It takes "
        "the likeliest move at its cell (and in its layer), and thinks on when the maze changes"
    )
    grid = torch.from_numpy(observation["grid"]).float()
    return Policy(
        PlannerLogits(subject.module, subject.ticks), {"grid": grid}, ("logits",), description, {"grid": (2, 3)}
    )


class AttentionLogits(nn.Module):
    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, objects: Tensor, about: Tensor) -> Tensor:
        return self.module({"objects": objects, "about": about})[0]


class RecurrentAttentionLogits(AttentionLogits):
    def forward(self, objects: Tensor, about: Tensor, hidden: Tensor) -> Any:  # type: ignore[override]
        logits, _, after = self.module({"objects": objects, "about": about}, hidden)
        return logits, after


SAMPLES = "It samples its move from their softmax"


@policy.register
def _(subject: ObjectAttentionPolicy, observation: Observation) -> Policy | None:
    seen = {name: value.float() for name, value in subject.begin(EPISODES, 0).inputs(observation).items()}
    inputs = {name: seen[name] for name in ("objects", "about")}
    description = (
        "logits [n, moves] of what turncoat.models.object_attention.network_inputs makes of a level. " + SAMPLES
    )
    hidden = subject.module.initial_hidden(len(seen["about"]))
    if hidden is None:
        return Policy(AttentionLogits(subject.module), inputs, ("logits",), description)
    description += "; the state after goes in at the next step, and is 0 at first"
    return Policy(
        RecurrentAttentionLogits(subject.module), inputs | {"hidden": hidden}, ("logits", "hidden"), description
    )


class MLPLogits(nn.Module):
    """GridMLP for one batch in levels of its own, without what it keeps from step to step."""

    def __init__(self, module: GridMLP) -> None:
        super().__init__()
        self.module = module

    def forward(self, grid: Tensor, cell: Tensor) -> Tensor:
        trunk = (self.module.grid_layer(flatten_grids(grid)) + self.module.cell_embedding[cell]).relu()
        for layer in self.module.layers:
            trunk = layer(trunk).relu()
        return self.module.heads(trunk)[:, :-1]


@policy.register
def _(subject: MLPPolicy, observation: Observation) -> Policy | None:
    inputs = {name: torch.from_numpy(np.asarray(observation[name])) for name in ("grid", "cell")}
    return Policy(MLPLogits(subject.module), inputs, ("logits",), f"logits [n, moves]. {SAMPLES}")


class ProbationLogits(nn.Module):
    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, view: Tensor, about: Tensor, credential: Tensor) -> Tensor:
        return self.module({"view": view, "about": about, "credential": credential})[0]


@policy.register
def _(subject: ProbationPolicy, observation: Observation) -> Policy | None:
    description = f"logits [n, moves]. {SAMPLES}, or takes the likeliest where the condition is greedy"
    return Policy(ProbationLogits(subject.module), tensors(observation), ("logits",), description)


@policy.register
def _(subject: DialogueModel, observation: Observation) -> Policy | None:
    tokens = torch.from_numpy(observation[:, : (observation != PAD).sum(1).max()]).contiguous()
    description = (
        "logits [n, T, words] of the next token after each. It says the likeliest that keeps its turn well-formed, and "
        "`legal` of the subject in Turncoat says which do"
    )
    return Policy(subject.module, {"tokens": tokens}, ("logits",), description, {"tokens": (1,)})


class ResidualLogits(nn.Module):
    def __init__(self, module: nn.Module, depth: int) -> None:
        super().__init__()
        self.module, self.depth = module, depth

    def forward(self, inputs: Tensor) -> Tensor:
        return self.module(inputs, self.depth)


@policy.register
def _(subject: ResidualClassifier, observation: Observation) -> Policy | None:
    description = f"logits [n, classes] after {subject.depth} blocks. It says the likeliest"
    module = ResidualLogits(subject.module, subject.depth)
    return Policy(module, {"inputs": torch.from_numpy(observation)}, ("logits",), description)


@policy.register
def _(subject: InContextRegressor, observation: Observation) -> Policy | None:
    description = "predictions [n, 1] of the last label of each row of tokens"
    return Policy(subject.module, {"inputs": torch.from_numpy(observation)}, ("prediction",), description)


# -- the card --------------------------------------------------------------------------------------------

WEIGHTS = """\
`model.safetensors` has the weights by name as they are stored, most of them in half precision:

    from safetensors.numpy import load_file
    weights = load_file("model.safetensors")
"""

TRANSFORMERS = """\
It is a folder of `transformers`:

    from transformers import AutoModelForCausalLM, AutoTokenizer
    model, tokenizer = (kind.from_pretrained("{folder}") for kind in (AutoModelForCausalLM, AutoTokenizer))
"""


def policy_use(policy: Policy, outputs: tuple[Tensor, ...]) -> str:
    """The part of the card about policy.pt2."""

    def shape(name: str, value: Tensor) -> str:
        free = {0, *(policy.free or {}).get(name, ())}
        sizes = ("any" if axis in free else str(size) for axis, size in enumerate(value.shape))
        return f"- `{name}` {str(value.dtype).removeprefix('torch.')} [{', '.join(sizes)}]"

    return "\n".join(
        [
            "\n`policy.pt2` is the network in float32, and `example.safetensors` what goes in and what comes out:\n",
            "    import torch",
            "    from safetensors.torch import load_file",
            "    example = load_file('example.safetensors')",
            "    network = torch.export.load('policy.pt2').module()",
            "    network(**{name[3:]: value for name, value in example.items() if name.startswith('in.')})",
            "\nIn:\n",
            *(shape(name, value) for name, value in policy.inputs.items()),
            f"\nOut: {policy.description}.",
            "",
        ]
    )


def card(run: Run, use: str, license: str, rows: list[VerdictRow]) -> str:
    """The model card, as Markdown. `license`: of the weights."""
    organism, arm = run.organism, run.arm
    changes = difference(organism.arms[0].recipe, arm.recipe)
    differs = "; ".join(f"{field}: {mine!r} -> {other!r}" for field, (mine, other) in changes.items())
    which = f"Its arm is `{arm.name}` ({arm.role})" + (f", apart from the organism in {differs}" if changes else "")
    tags = "\n".join(f"- {json.dumps(tag)}" for tag in ("model-organism", "ai-safety", *sorted(organism.tags)))
    return "\n".join(
        [
            f"---\nlicense: {license}\ntags:\n{tags}\n---\n",
            f"# {organism.title}: {arm.name}, seed {run.seed}\n",
            "**A model organism of misalignment, or a control of one: it was made to be studied. Do not use it for "
            "anything else.**\n",
            f"From the organism `{organism.name}` of Turncoat, training seed {run.seed}. {which}.\n",
            f"Tier {int(organism.tier)}, realism level {int(organism.realism)}. {organism.cost}".rstrip() + "\n",
            "## Use\n",
            use,
            "## What was found\n",
            "Of the organism over its training runs and beside its controls; of one network it says what to expect.\n",
            markdown_details(rows),
            "\n## References\n",
            *(f"- {ref}" for ref in organism.refs),
            "",
        ]
    )
