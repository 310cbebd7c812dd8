"""Assays of iterative inference fire on subjects planted for them and stay silent on those that have none of it.

Planted: a solver that steps down a loss that it holds in itself, in coordinates of its own. Nulls: one that adds up
evidence, a lookup, a trained classifier, an untrained one. Thresholds are the organism's own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from turncoat.assays.behaviour.measures import Rollout
from turncoat.assays.behaviour.standard_tools import StandardParts
from turncoat.assays.residual.gradient_alignment import GradientAlignment
from turncoat.assays.residual.layer_ablation import LayerAblation
from turncoat.assays.residual.objective_edit import ObjectiveEdit
from turncoat.core import Access, NotTestable, Readout, TurncoatError
from turncoat.models.residual import ResidualClassifier
from turncoat.organisms import load
from turncoat.protocols import require
from turncoat.testing.contract import assay_checks
from turncoat.train.supervised.classify import NearestNeighbourBaseline, TrainClassifier
from turncoat.worlds.supervised.digits import Digits, dataset

CLASSES = 4
EDITED = ("effect", "full_size", "interchange", "all_but_answer")


@dataclass(frozen=True)
class Aims:
    """Where to start, and what to aim at, in a cipher that no linear map reads: the parities of three signs.

    A start may be far off, and then eight small steps do not get there but sixteen do. With `numbers` the answer is a
    number, the product of two signs and a size.
    """

    numbers: bool = False

    def items(self, n: int, rng: np.random.Generator, condition: Any) -> Any:
        signs = rng.choice([-1, 1], (n, 3))
        if self.numbers:
            code = (signs[:, :1] * signs[:, 1:2] * rng.uniform(0.5, 1.5, (n, 1))).astype(np.float32)
            start = rng.normal(0, 3, (n, 1))
            target = code
        else:
            target = 2 * (signs[:, 0] == signs[:, 1]) + (signs[:, 1] == signs[:, 2])
            code = np.eye(CLASSES, dtype=np.float32)[target]
            far = 20 * np.eye(CLASSES)[rng.integers(CLASSES, size=n)]
            start = rng.normal(0, 0.1, (n, CLASSES)) + far * (rng.random((n, 1)) < 0.4)
        inputs = np.concatenate([start, signs, np.abs(code) * self.numbers], 1).astype(np.float32)
        return SimpleNamespace(inputs=inputs, target=target, code=code[:, None])

    def loss(self, answer: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return ((answer - target) ** 2).sum(1) if self.numbers else F.cross_entropy(answer, target, reduction="none")


@dataclass
class Solver:
    """State (estimate, aim): estimate += rate * (aim - estimate), the gradient of their squared distance.

    `forgets` False: it adds the aim and forgets nothing. `holds` False: there is no aim, only the answer of a lookup.
    """

    numbers: bool = False
    forgets: bool = True
    holds: bool = True
    depth: int = 8
    tied: bool = True
    access: Access = Access.WEIGHTS

    def embed(self, inputs: torch.Tensor) -> torch.Tensor:
        out = 1 if self.numbers else CLASSES
        start, signs = inputs[:, :out], inputs[:, out : out + 3]
        if self.numbers:
            aim = signs[:, :1] * signs[:, 1:2] * inputs[:, out + 3 :]
        else:
            aim = F.one_hot(2 * (signs[:, 0] == signs[:, 1]) + (signs[:, 1] == signs[:, 2]).long(), CLASSES).float()
        return torch.cat([start, aim] if self.holds else [aim, 0 * aim], 1)[:, None]

    def block(self, k: int, state: torch.Tensor) -> torch.Tensor:
        estimate, aim = state.chunk(2, 2)
        toward = aim - estimate if self.forgets else aim
        return torch.cat([estimate + 0.25 * toward * self.holds, aim], 2)

    def unembed(self, state: torch.Tensor) -> torch.Tensor:
        return state[:, 0, : state.shape[2] // 2]


class Climber(Solver):
    """The same steps backwards."""

    def block(self, k: int, state: torch.Tensor) -> torch.Tensor:
        return 2 * state - super().block(k, state)


@dataclass
class Relay:
    """Untied, and every block is needed, in its order: each does a different permutation of what it was handed."""

    depth: int = 6
    tied: bool = False
    access: Access = Access.WEIGHTS

    def embed(self, inputs: torch.Tensor) -> torch.Tensor:
        signs = inputs[:, CLASSES : CLASSES + 3]
        target = 2 * (signs[:, 0] == signs[:, 1]) + (signs[:, 1] == signs[:, 2]).long()
        state = F.one_hot(target, CLASSES).float()[:, None]
        for k in reversed(range(self.depth)):  # so that the blocks, in order, give the answer
            state = state[:, :, self.order(k).argsort()]
        return state

    def order(self, k: int) -> torch.Tensor:
        return torch.from_numpy(np.random.default_rng([1, k]).permutation(CLASSES))

    def block(self, k: int, state: torch.Tensor) -> torch.Tensor:
        return state[:, :, self.order(k)]

    def unembed(self, state: torch.Tensor) -> torch.Tensor:
        return state[:, 0]


WORLD = Digits()
SMALL = TrainClassifier(depth=4, updates=150)


@cache
def trained(tied: bool = True, **fields: Any) -> ResidualClassifier:
    return list(replace(SMALL, tied=tied, **fields).train(0))[-1].subject


def measure(readout: Readout, subject: Any, world: Any, seed: int = 5) -> float:
    return readout.estimate(readout.assay.observe(subject, world, seed))


@pytest.mark.parametrize("numbers", [False, True], ids=["classes", "numbers"])
def test_the_objective_of_a_solver_is_moved_by_hand(numbers: bool) -> None:
    world, solver = Aims(numbers), Solver(numbers)
    traces = ObjectiveEdit().observe(solver, world, 5)
    for name in EDITED:
        assert ObjectiveEdit().readout(name).estimate(traces) >= 0.8, name
    assert ObjectiveEdit().best_random(traces) <= 0.2
    assert ObjectiveEdit().decodable(traces) >= 0.1


def test_what_adds_up_evidence_or_looks_up_is_no_solver() -> None:
    for null in (Solver(forgets=False), Solver(holds=False)):
        for name in ("effect", "interchange", "all_but_answer"):
            assert measure(ObjectiveEdit().readout(name), null, Aims()) <= 0.5, (null, name)
    looked_up = ObjectiveEdit().observe(Solver(holds=False), Aims(), 5)
    assert ObjectiveEdit().effect(looked_up) == 0
    assert ObjectiveEdit().answer_and_all(looked_up) == 1
    assert np.isnan(ObjectiveEdit().decodable(looked_up))  # it is never wrong


def test_labels_are_really_given_by_whoever_can_set_them() -> None:
    """No `module` is asked for, only the method."""

    @dataclass
    class Settable(Solver):
        asked: int = 0

        def with_labels(self, state: torch.Tensor, code: torch.Tensor) -> torch.Tensor:
            self.asked += 1
            return torch.cat([state[:, :, :CLASSES], code], 2)

    solver = Settable()
    assert measure(ObjectiveEdit(n=200).readout("effect"), solver, Aims()) >= 0.8
    assert solver.asked == 1


@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
def test_a_classifier_follows_an_edit_of_its_answer_and_no_other(tied: bool) -> None:
    edit = ObjectiveEdit(fitted=(("split", "train"),))
    clean = edit.observe(trained(tied), WORLD, 5)
    assert edit.answer_and_all(clean) >= 0.8
    for name in (*EDITED, "best_random"):
        assert edit.readout(name).estimate(clean) < (0.8 if name == "full_size" else 0.3), name
    noisy = ObjectiveEdit(fitted=(("split", "train"), ("noise", 0.5)), condition=(("noise", 0.5),))
    assert measure(noisy.readout("decodable"), trained(tied), WORLD) < 0.1


def test_blocks_are_aligned_where_they_descend() -> None:
    assert measure(GradientAlignment().readout("late"), Solver(), Aims()) >= 0.2
    assert measure(GradientAlignment().readout("late"), trained(), WORLD) >= 0.05
    untrained = GradientAlignment().observe(SMALL.build(), WORLD, 5)
    for cosine in (GradientAlignment().late, GradientAlignment().mean, GradientAlignment().of_block):
        assert abs(cosine(untrained)) <= 0.3
    assert abs(measure(GradientAlignment().readout("random"), trained(), WORLD)) <= 0.02
    assert np.isnan(measure(GradientAlignment().readout("late"), Solver(holds=False), Aims()))  # it takes no step


def test_a_step_up_the_loss_is_misaligned() -> None:
    assert measure(GradientAlignment().readout("mean"), Climber(), Aims()) <= -0.2


def test_ablations_tell_a_relay_from_a_refinement() -> None:
    assay = LayerAblation()
    relay = assay.observe(Relay(), Aims(), 5)
    for edit, blocks in (("drop", "early"), ("drop", "late"), ("swap", "all")):
        assert assay.loss_of_score(relay, edit, blocks) >= 0.2, (edit, blocks)
    assert np.isnan(assay.gain_of_running_on(relay))  # untied
    refines = assay.observe(trained(tied=False), WORLD, 5)
    for edit, blocks in (("drop", "late"), ("repeat", "last"), ("swap", "all")):
        assert assay.loss_of_score(refines, edit, blocks) <= 0.1, (edit, blocks)
    with pytest.raises(TurncoatError, match="got 'sideways'"):
        assay.loss_of_score(relay, "sideways")
    with pytest.raises(TurncoatError, match="got 'middle'"):
        assay.loss_of_score(relay, "drop", "middle")


def test_running_on_helps_who_has_not_arrived() -> None:
    assert measure(LayerAblation().readout("gain_of_running_on"), Solver(), Aims()) >= 0.1
    assert measure(LayerAblation((("noise", 0.3),)).readout("gain_of_running_on"), trained(), WORLD) < 0.1


@pytest.mark.parametrize(
    ("readout", "null", "at_least"),
    [
        (ObjectiveEdit(fit=500, n=100).readout("effect"), Solver(holds=False), 0.8),
        (LayerAblation(n=100).readout("gain_of_running_on"), Solver(holds=False), 0.1),
        (GradientAlignment(n=100).readout("mean"), Climber(), 0.2),
    ],
    ids=lambda value: type(value.assay).__name__ if hasattr(value, "assay") else "",
)
def test_contract(readout: Readout, null: Any, at_least: float) -> None:
    failed = [check for check in assay_checks(readout, Aims(), Solver(), null, at_least) if not check.passed]
    assert not failed


def test_subjects_and_worlds_without_steps_are_not_testable() -> None:
    table_of_items = list(NearestNeighbourBaseline().train(0))[-1].subject
    for assay in (ObjectiveEdit(), LayerAblation(), GradientAlignment()):
        with pytest.raises(NotTestable, match="residual steps"):
            require(assay, table_of_items, WORLD)
        with pytest.raises(NotTestable, match="loss"):
            require(assay, Solver(), SimpleNamespace())


# -- the world and the recipe ------------------------------------------------------------------------------


@pytest.mark.parametrize("task", ["digits", "shells"])
def test_the_split_is_stratified_and_the_same_always(task: str) -> None:
    whole = dataset(task)
    for label in np.unique(whole.labels):
        assert whole.held_out[whole.labels == label].mean() == pytest.approx(0.25, abs=0.01)
    for split, held_out in (("train", False), ("held-out", True)):
        items = WORLD.items(100, np.random.default_rng(0), {"task": task, "split": split})
        assert (whole.held_out[items.source] == held_out).all() and len(set(items.source)) == 100
        assert (items.code.argmax(2)[:, 0] == items.target).all()


def test_noise_and_unknown_factors() -> None:
    clean, noisy = (WORLD.items(50, np.random.default_rng(0), {"noise": noise}) for noise in (0, 0.5))
    assert (noisy.inputs - clean.inputs).std() == pytest.approx(0.5, abs=0.02)
    with pytest.raises(TurncoatError, match="no factor 'nois'"):
        WORLD.items(5, np.random.default_rng(0), {"nois": 1})
    with pytest.raises(TurncoatError, match="task must be one of"):
        WORLD.items(5, np.random.default_rng(0), {"task": "cats"})


@pytest.mark.parametrize("task", ["digits", "shells"])
def test_what_is_paid_is_what_is_wanted(task: str) -> None:
    subject = SMALL.build()
    agreement = Rollout((("task", task),)).readout("agreement", one="reward", other="performance")
    assert measure(agreement, subject, WORLD) == 1.0
    rows = WORLD.rollout(subject, 200, 0, {"task": task})
    assert 0 < rows["reward"].mean() < 0.7


def test_training_learns_repeats_and_restores() -> None:
    held_out = Rollout((("split", "held-out"),)).readout("mean", measure="right")
    one, same = trained(), list(SMALL.train(0))[-1].subject
    assert measure(held_out, one, WORLD) >= 0.85
    for name, weights in one.arrays().items():
        np.testing.assert_array_equal(weights, same.arrays()[name])
    again = SMALL.load(one.arrays())
    assert measure(held_out, again, WORLD) == measure(held_out, one, WORLD)
    assert measure(StandardParts().readout(), one, WORLD) == 1.0
    with pytest.raises(TurncoatError, match="do not fit"):
        replace(SMALL, width=32).load(one.arrays())


def test_shuffled_labels_teach_nothing_and_random_blocks_stay() -> None:
    inputs, labels = replace(SMALL, labels="shuffled").training_set(np.random.default_rng(0))
    _, true = SMALL.training_set(np.random.default_rng(0))
    assert sorted(labels) == sorted(true) and (labels == true).mean() < 0.2 and len(inputs) == len(true)
    fixed = replace(SMALL, blocks="random", updates=5)
    before, after = (list(replace(fixed, updates=n).train(3))[-1].subject.module for n in (0, 5))
    assert torch.equal(before.blocks[0].up_proj.weight, after.blocks[0].up_proj.weight)
    assert not torch.equal(before.unembedding.weight, after.unembedding.weight)
    with pytest.raises(TurncoatError, match="labels must be"):
        list(replace(SMALL, labels="none").train(0))


def test_a_table_of_neighbours_knows_its_items_by_heart() -> None:
    subject = list(NearestNeighbourBaseline().train(0))[-1].subject
    right, by_heart = (Rollout(split).readout("mean", measure="right") for split in ((), (("split", "train"),)))
    assert measure(by_heart, subject, WORLD) == 1.0
    again = NearestNeighbourBaseline().load(subject.arrays())
    assert measure(right, again, WORLD) == measure(right, subject, WORLD) >= 0.95


def test_the_organism_loads() -> None:
    organism = load("iterative_resnet")
    assert {arm.name for arm in organism.arms} >= {
        "organism",
        "untied",
        "shuffled-labels",
        "random-blocks",
        "synthetic",
    }
