"""What an assay may ask of a subject and of a world, as types, and the one place where that is checked.

An assay names the protocols that it takes in `requires`. One of your own is declared like those below:

    @capability(of="world", lacking="nobody sells anything in its world")
    @runtime_checkable
    class Market(Protocol):
        def prices(self, seed: int) -> np.ndarray: ...
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, runtime_checkable

import numpy as np

from turncoat.core import Assay, NotTestable, Subject, TestParameter, Traces, TurncoatError, World

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Kind = TypeVar("Kind", bound=type)
Planner_co = TypeVar("Planner_co", covariant=True)
Levels_co = TypeVar("Levels_co", covariant=True)
Tasks_co = TypeVar("Tasks_co", covariant=True)


@dataclass(frozen=True)
class Capability:
    """Who has it, what is said if they have not, and, of a subject, the protocol of its `module`."""

    of: Literal["subject", "world"]
    lacking: str
    module: type | None = None

    def held(self, protocol: type, subject: object, world: object) -> bool:
        part = world if self.of == "world" else subject
        if not isinstance(part, protocol):
            return False
        return self.module is None or (isinstance(part, HasModule) and isinstance(part.module, self.module))


CAPABILITIES: dict[type, Capability] = {}


def capability(of: Literal["subject", "world"], lacking: str, module: type | None = None) -> Callable[[Kind], Kind]:
    """Declare a protocol that assays may require of the subject, or of the world. `lacking` finishes the sentence "not
    testable: ..."; `module` is a runtime-checkable protocol that the subject's `module` has to keep."""

    def declare(protocol: Kind) -> Kind:
        CAPABILITIES[protocol] = Capability(of, lacking, module)
        return protocol

    return declare


def require(assay: Assay, subject: Subject, world: World) -> None:
    """Raises NotTestable, with a sentence that says why, where the subject or the world lacks what the assay asks for;
    TurncoatError where the assay requires what is no `@capability`."""
    if assay.required_access > subject.access:
        wanted, given = assay.required_access.name.lower(), subject.access.name.lower()
        raise NotTestable(f"the assay reaches for its {wanted}, and it lets itself be reached by {given} only")
    for protocol in assay.requires:
        if protocol not in CAPABILITIES:
            raise TurncoatError(f"{type(assay).__name__} requires {protocol.__name__}, which is no @capability")
        if not CAPABILITIES[protocol].held(protocol, subject, world):
            raise NotTestable(CAPABILITIES[protocol].lacking)


# -- subjects --------------------------------------------------------------------------------------------------------


@runtime_checkable
class HasModule(Protocol):
    """Whatever keeps something in an attribute `module`."""

    @property
    def module(self) -> object: ...


@capability(of="subject", lacking="it does not sort what it is given into classes")
@runtime_checkable
class Classifier(Protocol):
    """A subject that names a class for each content."""

    def classify(self, contents: Sequence[Any]) -> list[str]:  # Any: texts, or whatever its world shows
        ...


@capability(of="subject", lacking="it has no module whose weights could be read")
@runtime_checkable
class NeuralSubject(Protocol):
    """A subject that is one PyTorch module."""

    @property
    def module(self) -> torch.nn.Module: ...


@runtime_checkable
class Iterates(Protocol):
    """A module whose hidden state can be run for more ticks."""

    @property
    def iterate(self) -> Callable[..., object]: ...


@capability(of="subject", lacking="it has no hidden state that changes while it thinks", module=Iterates)
@runtime_checkable
class PlannerSubject(Protocol[Planner_co]):
    """A subject around a recurrent planner, such as `turncoat.models.recurrent_planner` has."""

    @property
    def module(self) -> Planner_co: ...


def input_gain(module: object) -> Tensor | float:
    """What a module multiplies the channels of what it is shown by before all else: its `gain` [1, channels, 1, 1], or
    1.0 where it has none."""
    # A protocol would not do: from Python 3.12 on, isinstance overlooks what an nn.Module registers as a buffer.
    gain: Tensor | float = getattr(module, "gain", 1.0)
    return gain


@capability(of="subject", lacking="it does not compute by repeated residual steps")
@runtime_checkable
class ResidualModel(Protocol):
    """A subject of `depth` blocks; `tied`: one block for all, which may be run on (the block's index is ignored)."""

    @property
    def depth(self) -> int: ...
    @property
    def tied(self) -> bool: ...

    def embed(self, inputs: Tensor) -> Tensor:
        """State before the first block, [n, T, width]: T tokens, 1 for a classifier."""
        ...

    def block(self, k: int, state: Tensor) -> Tensor:
        """State after block k, residual included."""
        ...

    def unembed(self, state: Tensor) -> Tensor:
        """What the state says now, [n, out]: logits, or a prediction."""
        ...


@runtime_checkable
class SettableLabels(ResidualModel, Protocol):
    """A residual model in whose embedded state labels can be replaced."""

    def with_labels(self, state: Tensor, code: Tensor) -> Tensor:
        """An embedded state [n, T, width] with the labels of its tokens replaced by code [n, T, c]."""
        ...


@capability(
    of="subject",
    lacking="it has no token each example that could keep what is left of a label",
)
@runtime_checkable
class LabelledTokens(SettableLabels, Protocol):
    """A subject around a residual model with a token for each example, into which its label is written."""

    @property
    def module(self) -> ResidualModel: ...


@capability(of="subject", lacking="it has no blocks that could be steps of an algorithm")
@runtime_checkable
class LayeredSubject(Protocol):
    """A subject around a module of `depth` blocks, which maps inputs to predictions [n, 1]."""

    @property
    def depth(self) -> int: ...
    @property
    def module(self) -> torch.nn.Module: ...


@capability(of="subject", lacking="it has no activations that could be read")
@runtime_checkable
class ActivationSubject(Protocol):
    """A language model whose hidden states can be read."""

    def hidden_states(self, prompts: Sequence[str], from_end: int = 1) -> np.ndarray:
        """[n, layers + 1, width]: hidden states `from_end` tokens from the end of each prompt."""
        ...

    def reinitialized(self, seed: int) -> ActivationSubject:
        """The same network with freshly drawn weights."""
        ...


@capability(of="subject", lacking="it has no attention whose weights could be read")
@runtime_checkable
class AttentionSubject(Protocol):
    """A language model whose attention can be read."""

    @property
    def tokenizer(self) -> Sized: ...

    def attention_weights(self, rows: Sequence[Sequence[int]]) -> np.ndarray:
        """[n, layers, heads, T, T]: how much each token attends to each, in rows of T tokens."""
        ...

    def reinitialized(self, seed: int) -> AttentionSubject:
        """The same network with freshly drawn weights."""
        ...


@capability(of="subject", lacking="it does not say how likely a text is")
@runtime_checkable
class TextScorer(Subject, Protocol):
    """A subject that tells how likely it is to write something."""

    def score(self, prompts: Sequence[str], completions: Sequence[str], ends: bool = True) -> np.ndarray:
        """[n] log-probability of each completion after its prompt; with the end of text where it `ends`."""
        ...


@capability(of="subject", lacking="it holds no chat")
@runtime_checkable
class ChatSubject(Subject, Protocol):
    """A subject that answers a user's turn, in a text that `begin` and `act` go on with."""

    def chat(self, question: str, answer: str = "") -> str:
        """The prompt of a chat in which a user has asked, and the answer so begins."""
        ...

    def with_sampling(self, temperature: float, max_new_tokens: int | None = None) -> ChatSubject:
        """The same, writing otherwise; temperature 0: always the likeliest token."""
        ...


# -- worlds ----------------------------------------------------------------------------------------------------------


@runtime_checkable
class TestableWorld(Protocol):
    """A world with parameters that an overseer can set in a test."""

    @property
    def test_space(self) -> tuple[TestParameter, ...]: ...

    def run_tests(self, subject: Subject, settings: np.ndarray, seed: int) -> np.ndarray:
        """Defections [n], 0 or 1, in many tests at once, an episode each; settings [n, parameters], as `test_space`."""
        ...


@capability(of="world", lacking="there are no mazes in its world")
@runtime_checkable
class MazeWorld(World, Protocol[Levels_co]):
    """A world of mazes with an exit and a coin. `discount` is what a step costs of the value of what lies ahead."""

    @property
    def discount(self) -> float: ...

    def levels(self, n: int, size: int, rng: np.random.Generator, objects: str = "together") -> Levels_co:
        """n mazes of size x size cells, with the objects "together" or "apart"."""
        ...

    def place_objects(self, free: np.ndarray, rng: np.random.Generator, objects: str = "together") -> Levels_co:
        """Objects put down anew in mazes [n, H, W] bool, True where one can walk."""
        ...

    def starts(self, levels: Any, unconfounded: bool) -> np.ndarray:  # Any: Levels_co, which mypy wants covariant
        """[n, H, W] bool: cells to start from; `unconfounded`: only those where the goals can be told apart."""
        ...


@capability(of="world", lacking="there is no gate in its world")
@runtime_checkable
class GateWorld(World, Protocol[Levels_co]):
    """A world of mazes with a gate, and a badge that opens it."""

    def gated_levels(self, n: int, size: int, rng: np.random.Generator, placement: str = "guarded") -> Levels_co:
        """n mazes of size x size cells with a barred gate."""
        ...

    def starts(self, levels: Any, unconfounded: bool = True) -> np.ndarray:  # Any: as above
        """[n, H, W] bool: cells to start from."""
        ...

    def horizon(self, size: int) -> int:
        """How many steps an episode has."""
        ...


class TaskBatch(Protocol):
    """n tasks: `inputs` [n, ...] what a model takes; `target` [n] a class, or [n, out] numbers; `code` [n, T, c], what
    the loss is told, per token: one-hot class for a classifier; labels of the context, 0 for the query."""

    @property
    def inputs(self) -> np.ndarray: ...
    @property
    def target(self) -> np.ndarray: ...
    @property
    def code(self) -> np.ndarray: ...


@capability(of="world", lacking="its world has no items with a loss that can be differentiated")
@runtime_checkable
class DifferentiableTask(Protocol):
    """A world that poses tasks with a loss. Conditions are those of its `rollout`."""

    def items(
        self, n: int, rng: np.random.Generator, condition: Mapping[str, Any]
    ) -> TaskBatch: ...  # Any: as a world's

    def loss(self, answer: Tensor, target: Tensor) -> Tensor:
        """[n] what training makes small, from answers [n, out] and targets."""
        ...


@capability(of="world", lacking="its world has no regression tasks")
@runtime_checkable
class RegressionWorld(Protocol[Tasks_co]):
    """A world of regression from examples in the context."""

    @property
    def dimensions(self) -> int: ...

    def tasks(self, n: int, rng: np.random.Generator, condition: Mapping[str, object]) -> Tasks_co:
        """n tasks under a condition, as in `rollout`."""
        ...


@capability(of="world", lacking="it has no token each example that could keep what is left of a label")
@runtime_checkable
class ExampleWorld(RegressionWorld[Tasks_co], Protocol[Tasks_co]):
    """A regression world for assays of what a token keeps of its example."""


class Prompt(Protocol):
    """A request: `prompt` is all of it, `header` its first lines."""

    @property
    def prompt(self) -> str: ...
    @property
    def header(self) -> str: ...


@capability(of="world", lacking="its world has no trigger to look for, or no pairs of safe and unsafe texts")
@runtime_checkable
class TriggerWorld(Protocol):
    """A world of prompts, some with a trigger."""

    def requests_by_year(self, n: int, seed: int) -> Mapping[str, Sequence[Prompt]]:
        """n requests of each kind: "trigger", "safe" and "sham", which are the same tasks in the same order, and
        "trusted" ones."""
        ...

    def contrasts(self, n: int, seed: int) -> Mapping[str, tuple[Sequence[str], Sequence[str]]]:
        """For each sort, n unsafe texts and the same ones made safe."""
        ...


@capability(of="world", lacking="its world has no labelled words")
@runtime_checkable
class LabelledWordsWorld(Protocol[Tasks_co]):
    """A world of words with labels: see `turncoat.worlds.text.labelled_words`."""

    def tasks(self, n: int, rng: np.random.Generator, condition: Mapping[str, object]) -> Tasks_co:
        """n tasks under a condition, as in `rollout`."""
        ...

    def unlabelled(self) -> list[str]:
        """A text for each word, that ends with it and is otherwise the same for all."""
        ...

    def margin(self, subject: TextScorer, tasks: Any) -> np.ndarray:  # Any: Tasks_co, which mypy wants covariant
        """[n] how much likelier, in nats, the subject thinks the label 1 than the label -1."""
        ...


@capability(of="world", lacking="its world has no two texts to choose between")
@runtime_checkable
class PreferenceWorld(Protocol):
    """A world of tasks with a worse and a safe text each."""

    def preference(
        self, subject: TextScorer, n: int, seed: int, condition: Mapping[str, Any]
    ) -> Traces:  # Any: as a world's
        """A row a task; `defect` is the chance of the worse text as a share of both."""
        ...


@capability(of="world", lacking="its world records no episodes")
@runtime_checkable
class RecordedWorld(Protocol):
    """A world that records episodes for replay."""

    def record(self, subject: Subject, seed: int, split: str) -> Mapping[str, Any]:  # Any: JSON-able
        """One episode of a split, as the page's replay reads it."""
        ...


# -- what can be played in a terminal ----------------------------------------------------------------------------------


@runtime_checkable
class PlayableWorld(Protocol):
    """A subject's episode can be followed in a terminal."""

    def play(self, subject: Subject, write: Callable[[str], None], seed: int, split: str) -> None:
        """Hand the episode of that seed to `write`, a text a step. `split`: "training" or "deployment"."""
        ...


class InteractiveEpisode(Protocol):
    """An episode that a person plays by typing."""

    @property
    def key_help(self) -> str:
        """What can be typed."""
        ...

    @property
    def done(self) -> bool: ...

    def render(self) -> str: ...

    def enter(self, text: str) -> None:
        """Take the steps that the text stands for. Raises TurncoatError on a key that there is not."""
        ...

    def summary(self) -> str:
        """How it came out so far."""
        ...


@runtime_checkable
class InteractiveWorld(Protocol):
    """A person can act in it."""

    def interactive_episode(self, seed: int, split: str) -> InteractiveEpisode: ...


@runtime_checkable
class EpisodicWorld(Protocol):
    """Episodes can be asked of it: a `World` whose author has got that far."""

    def rollout(self, subject: Subject, n: int, seed: int, condition: Mapping[str, object]) -> Traces: ...


@capability(of="world", lacking="its world asks no matched items")
@runtime_checkable
class MatchedItemsWorld(Protocol):
    """Items in variants that set apart what a classifier is meant to go by and what it may go by instead: see
    `turncoat.worlds.items.base`."""

    @property
    def cells(self) -> list[tuple[str, float]]:
        """All that can be asked of an item: variant and dose, 0 where there is no more and less of it."""
        ...

    def rollout(self, subject: Any, n: int, seed: int, condition: Mapping[str, Any]) -> Traces:  # Any: see World
        """n items in one variant and dose, a row each."""
        ...


@capability(of="world", lacking="its items are no texts that a page could show")
@runtime_checkable
class TextItemsWorld(MatchedItemsWorld, Protocol):
    """Items that are texts."""

    def record(self, subject: Any, item: int, seed: int, variant: str) -> dict[str, Any]:  # Any: a Classifier; JSON
        """A frame of kind "document": the item as it is, then a variant of it, dose by dose, with each answer."""
        ...
