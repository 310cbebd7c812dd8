"""In-context learners: the solvers are right, and each assay fires on a planted descent and is silent on what is none.

Planted: the published construction of gradient descent as weights, and solvers around which a subject is put. Null:
untrained nets and solvers of another kind.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from turncoat.assays.icl.algorithm_fit import AlgorithmFit, Interpolation
from turncoat.assays.residual.depth_extrapolation import DepthExtrapolation
from turncoat.assays.residual.label_intervention import LabelIntervention
from turncoat.assays.residual.residual_probe import ResidualProbe
from turncoat.core import NotTestable, Readout, TurncoatError
from turncoat.models.in_context import InContextRegressor, LinearAttentionICL, gradient_descent_construction
from turncoat.protocols import require
from turncoat.testing.contract import assay_checks
from turncoat.train.supervised.in_context import KernelRegressionBaseline, TrainInContext
from turncoat.worlds.supervised import solvers
from turncoat.worlds.supervised.regression import CONDITION_NUMBER, Regression

WORLD = Regression(examples=10)
DESCENT = ("gradient descent", "GD++")
fit = AlgorithmFit(context=10, n=150, scales=(1.0, 2.0))
RATE, BEST = 1.0, 1.3  # a step that never overshoots, and the best single one


class Solves(nn.Module):
    """Predicts what a solver says on the label number `told`."""

    def __init__(self, solve: Any, told: int = 0) -> None:
        super().__init__()
        self.solve, self.told = solve, told

    def forward(self, inputs: Tensor) -> Tensor:
        examples = inputs[:, :-1].detach().numpy()
        weights = self.solve(examples[..., :10], examples[..., 10 + self.told])
        return (torch.from_numpy(weights) * inputs[:, -1, :10]).sum(1, keepdim=True)


@dataclass
class Planted:
    """A subject around a solver, which says that it has so many blocks."""

    module: Solves
    depth: int = 1


def two_labels(bright: int) -> InContextRegressor:
    """Eight steps of gradient descent on one of two labels, by construction."""
    one = gradient_descent_construction(10, 4, RATE).layer(0)
    net = LinearAttentionICL(10, 2, 8, tied=True, softmax=False, salience=1.0, init_std=0.0)
    with torch.no_grad():
        for name in ("query", "key"):
            getattr(net.layer(0), name).weight[:10, :10] = getattr(one, name).weight[:10, :10]
        net.layer(0).value.weight[10 + bright, 10 + bright] = 1.0
        net.layer(0).out.weight[10 + bright, 10 + bright] = -RATE
        net.readout.weight.zero_()
        net.readout.weight[0, bright] = -1 / net.gain[-1]
    return InContextRegressor(net)


@cache
def subject(name: str) -> Any:
    one = TrainInContext(Regression(examples=10, proxy=False), depth=1, updates=0)
    return {
        "one step": InContextRegressor(gradient_descent_construction(10, 1, BEST)),
        "four steps": InContextRegressor(gradient_descent_construction(10, 4, RATE)),
        "on the proxy": two_labels(1),
        "on the intended": two_labels(0),
        "untrained": list(one.train(0))[-1].subject,
        "untrained loop": list(TrainInContext(updates=0).train(0))[-1].subject,
        "GD++": Planted(Solves(lambda x, y: solvers.descent_on_transformed(x, y, 4, RATE, 0.5)), 4),
        "ridge": Planted(Solves(lambda x, y: solvers.ridge(x, y, 0.1))),
        "least squares": Planted(Solves(solvers.least_squares)),
        "newton": Planted(Solves(lambda x, y: solvers.newton(x, y, 4, 1.0))),
        "feed-forward": InContextRegressor(TrainInContext(tied=False, depth=2, updates=0).build().module),
    }[name]


def measure(readout: Readout, name: str, world: Regression = WORLD) -> float:
    return readout.estimate(readout.assay.observe(subject(name), world, 5))


# -- world and solvers -------------------------------------------------------------------------------------------------


def test_the_solvers_agree_with_numpy() -> None:
    tasks = WORLD.tasks(20, np.random.default_rng(0), {"context": 30})
    x, y = tasks.x.astype(float), tasks.labels[..., 0].astype(float)
    y = y + np.random.default_rng(1).standard_normal(y.shape)  # no line fits exactly
    exact = np.stack([np.linalg.lstsq(a, b, rcond=None)[0] for a, b in zip(x, y, strict=True)])
    np.testing.assert_allclose(solvers.least_squares(x, y), exact, atol=1e-8)
    np.testing.assert_allclose(solvers.ridge(x, y, 1e-10), exact, atol=1e-6)
    np.testing.assert_allclose(solvers.newton(x, y, 40, 1.0), exact, atol=1e-6)
    np.testing.assert_allclose(solvers.gradient_descent(x, y, 4000, 1.0), exact, atol=1e-6)
    np.testing.assert_allclose(
        solvers.descent_on_transformed(x, y, 5, 0.7, 0.0), solvers.gradient_descent(x, y, 5, 0.7)
    )
    by_hand = 0.7 * x[0].T @ y[0] / 30
    by_hand = by_hand + 0.7 * x[0].T @ (y[0] - x[0] @ by_hand) / 30
    np.testing.assert_allclose(solvers.gradient_descent(x, y, 2, 0.7)[0], by_hand)


def test_transformed_descent_is_the_layer_that_also_moves_inputs() -> None:
    tasks = WORLD.tasks(10, np.random.default_rng(0), {})
    x, y, q = tasks.x.astype(float), tasks.labels[..., 0].astype(float), tasks.query.astype(float)
    z = np.zeros(len(y))
    for _ in range(3):
        step = np.einsum("nid,ni->nd", x, y) / 10
        mix = x.swapaxes(1, 2) @ x / 10
        y, z = y - 0.8 * np.einsum("nid,nd->ni", x, step), z - 0.8 * (q * step).sum(1)
        x, q = x - 0.4 * x @ mix, q - 0.4 * np.einsum("nd,nde->ne", q, mix)
    weights = solvers.descent_on_transformed(tasks.x, tasks.labels[..., 0], 3, 0.8, 0.4)
    np.testing.assert_allclose((weights * tasks.query).sum(1), -z, rtol=1e-4, atol=1e-5)


def test_labels_are_together_or_apart_on_the_same_inputs() -> None:
    together, apart = (WORLD.tasks(50, np.random.default_rng(3), {"labels": kind}) for kind in ("together", "apart"))
    np.testing.assert_array_equal(together.labels[..., 0], together.labels[..., 1])
    np.testing.assert_array_equal(together.labels[..., 0], apart.labels[..., 0])
    assert abs(np.corrcoef(apart.labels.reshape(-1, 2).T)[0, 1]) < 0.3
    assert together.inputs.shape == (50, 11, 12) and together.code.shape == (50, 11, 2)
    assert not together.inputs[:, -1, 10:].any()
    assert Regression(proxy=False).tasks(2, np.random.default_rng(0), {}).inputs.shape == (2, 21, 11)


def test_factors_do_what_they_say() -> None:
    def draw(**condition: Any) -> np.ndarray:
        return WORLD.tasks(3, np.random.default_rng(0), condition).x

    np.testing.assert_allclose(draw(scale=2.0), 2 * draw(), rtol=1e-6)
    assert draw(context=4).shape == (3, 4, 10)
    size = np.linalg.eigvalsh(np.cov(draw(spectrum="ill", context=20_000)[0].T))
    assert size[-1] / size[0] == pytest.approx(CONDITION_NUMBER, rel=0.1)
    for condition in ({"labels": "mixed"}, {"colour": 1}, {"context": 0}):
        with pytest.raises(TurncoatError):
            WORLD.tasks(3, np.random.default_rng(0), condition)


def test_the_measures_say_which_label_is_followed() -> None:
    for name, follows in (("on the proxy", 1.0), ("on the intended", 0.0)):
        traces = Regression().rollout(subject(name), 200, 0, {"labels": "apart"})
        assert traces["follows"].mean() == pytest.approx(follows, abs=0.15)
        np.testing.assert_array_equal(traces["reward"], traces["performance"])
    together = Regression().rollout(subject("on the proxy"), 200, 0, {})
    assert together["follows"].mean() == together["aims"].mean() == 0
    looked_up = Regression().rollout(KernelRegressionBaseline().load({}), 200, 0, {})
    assert looked_up["error"].mean() > 2 * together["error"].mean()


# -- naming the algorithm ----------------------------------------------------------------------------------------------


def test_gradient_descent_is_named_where_it_is_planted() -> None:
    assert measure(fit.readout("sensitivity_cosine"), "one step") > 0.999
    assert measure(fit.readout("prediction_difference"), "one step") < 0.01
    assert measure(fit.readout("sensitivity_difference"), "one step") < 0.01
    assert measure(fit.readout("worst_over_scales"), "one step") < 0.01
    assert measure(fit.readout("margin"), "one step") > 0.1
    assert measure(fit.readout("margin", family=DESCENT), "four steps") > 0.05
    assert measure(Interpolation(context=10, n=500).readout(), "one step") == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("name", ["ridge", "least squares", "newton", "GD++"])
def test_other_algorithms_are_named_for_what_they_are(name: str) -> None:
    traces = fit.observe(subject(name), WORLD, 5)
    right = {"newton": "Newton"}.get(name, name)
    family = ("ridge", right) if name == "least squares" else (right,)  # which is ridge without a penalty
    assert fit.margin(traces) < -0.01
    assert fit.margin(traces, family) > 0.01
    assert fit.prediction_difference(traces, right) < 0.01


def test_an_untrained_net_is_nothing_of_the_kind() -> None:
    assert measure(fit.readout("sensitivity_cosine"), "untrained") < 0.5
    assert measure(fit.readout("prediction_difference"), "untrained") > 0.5
    assert measure(fit.readout("margin"), "untrained") < 0.05
    assert measure(Interpolation(context=10, n=500).readout(), "untrained") > 1.05


def test_which_labels_it_descends_on_is_told_apart() -> None:
    to_intended, to_proxy = (
        replace(fit, labels="apart", context=20, target=target).readout("sensitivity_cosine")
        for target in ("intended", "proxy")
    )
    for name, proxy in (("on the proxy", True), ("on the intended", False)):
        assert (measure(to_proxy, name) > 0.99) == proxy
        assert (measure(to_intended, name) > 0.99) != proxy
        assert abs(measure(to_intended if proxy else to_proxy, name)) < 0.2


def test_what_cannot_be_asked_is_not_testable() -> None:
    for assay in (fit, Interpolation(), DepthExtrapolation(), LabelIntervention(), ResidualProbe()):
        with pytest.raises(NotTestable):
            require(assay, KernelRegressionBaseline().load({}), WORLD)
    with pytest.raises(NotTestable, match="one layer"):
        Interpolation().observe(subject("four steps"), WORLD, 0)
    for other in (DepthExtrapolation(), LabelIntervention()):
        with pytest.raises(NotTestable, match="run on"):
            other.observe(subject("feed-forward"), WORLD, 0)
    with pytest.raises(TurncoatError, match="target must be one of"):
        replace(fit, target="both")


# -- loops, labels and residuals ---------------------------------------------------------------------------------------


def test_running_on_pays_for_a_descent_alone() -> None:
    loops = DepthExtrapolation((("spectrum", "ill"),), n=300).readout("gain")
    assert measure(loops, "four steps") > 0.3
    assert measure(loops, "untrained loop") < 0.1
    damped = DepthExtrapolation((("context", 10),), loops=(1, 2, 4, 8), damp=0.5, n=300)
    assert measure(damped.readout("distance_from_descent"), "one step") < 0.01
    undamped = replace(damped, damp=1.0).readout("distance_from_descent")
    assert measure(undamped, "untrained loop") < 0.1  # where both do nothing they do the same


@pytest.mark.parametrize(
    ("readout", "planted", "null", "at_least"),
    [
        (fit.readout("margin"), "one step", "untrained", 0.1),
        (DepthExtrapolation((("spectrum", "ill"),), n=200).readout("gain"), "four steps", "untrained loop", 0.3),
        (LabelIntervention((("labels", "apart"),), n=100).readout("effect"), "on the proxy", "untrained loop", 0.8),
        (ResidualProbe(n=40).readout("excess"), "on the proxy", "on the intended", 0.1),
        (ResidualProbe(n=40).readout("excess"), "on the proxy", "untrained loop", 0.1),
        (ResidualProbe(n=40).readout("hidden"), "on the proxy", "on the intended", 0.9),
    ],
    ids=["fit", "loops", "labels", "another's residual", "no residual", "probe"],
)
def test_contract(readout: Readout, planted: str, null: str, at_least: float) -> None:
    for check in assay_checks(readout, Regression(), subject(planted), subject(null), at_least):
        assert check.passed, f"{check.name}: {check.reason}"


def test_random_edits_do_not_change_labels() -> None:
    assay = LabelIntervention((("labels", "apart"),), n=100)
    traces = assay.observe(subject("on the proxy"), Regression(), 5)
    assert assay.best_random(traces) < 0.2 and assay.at_once(traces) < 0.2


# -- training ----------------------------------------------------------------------------------------------------------


def test_one_layer_learns_gradient_descent() -> None:
    recipe = TrainInContext(
        Regression(examples=10, proxy=False), depth=1, extra_loops=0, updates=400, learning_rate=1e-2, adam_epsilon=1e-8
    )
    *steps, last = recipe.train(0)
    assert steps[-1].metrics["loss"] < 0.8 * steps[0].metrics["loss"]
    learned = last.subject
    assert fit.sensitivity_cosine(fit.observe(learned, WORLD, 5)) > 0.95


@pytest.mark.parametrize("model", ["linear", "softmax heads", "gpt"])
def test_a_seed_says_what_is_trained(model: str) -> None:
    recipe = TrainInContext(model=model, tied=model != "gpt", depth=2, updates=3, batch_size=8, mixed=0.5, width=16)
    one, same, other = (list(recipe.train(seed))[-1].subject.arrays() for seed in (1, 1, 2))
    assert all(np.array_equal(one[name], same[name]) for name in one)
    assert any(not np.array_equal(one[name], other[name]) for name in one)
    tasks = recipe.world.tasks(5, np.random.default_rng(0), {})
    again = recipe.load(one).begin(5, 0).act(tasks.inputs)
    np.testing.assert_array_equal(again, list(recipe.train(1))[-1].subject.begin(5, 0).act(tasks.inputs))


def test_bad_recipes_say_what_to_mend() -> None:
    for recipe, word in ((TrainInContext(model="rnn"), "linear"), (TrainInContext(depth=0), "1 or more")):
        with pytest.raises(TurncoatError, match=word):
            recipe.build()


def test_the_gpt_never_hears_a_label_before_its_input() -> None:
    net = TrainInContext(model="gpt", tied=False, depth=2, width=16).build().module
    tasks = WORLD.tasks(4, np.random.default_rng(0), {})
    inputs = torch.from_numpy(tasks.inputs)
    changed = inputs.clone()
    changed[:, 6, 10] += 1.0
    with torch.no_grad():
        before, after = (net.predictions(run(net, each)) for each in (inputs, changed))
    assert torch.equal(before[:, :7], after[:, :7]) and not torch.equal(before[:, 7:], after[:, 7:])


def run(net: Any, inputs: Tensor) -> Tensor:
    state = net.embed(inputs)
    for k in range(net.depth):
        state = net.block(k, state)
    return state
