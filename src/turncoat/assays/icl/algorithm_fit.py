"""Which algorithm does a network run on the examples in its context?

Candidates (see `turncoat.worlds.supervised.solvers`) are fitted to what the subject predicts on tuning tasks, and
compared with it on other tasks: gradient descent with as many steps as the subject has blocks, GD++, ridge regression,
iterative Newton, least squares. Predictions are compared, and their gradients by the query, as by von Oswald et al.
(2023). The algorithm is named by the best held-out fit among all of them (Fu et al. 2023), not assumed. Differences are
relative: 1 is the spread of the subject's own predictions, or the length of its own gradients.

For one linear layer there is a stronger test: the weights themselves. The trained ones are brought into the form of the
published construction of gradient descent (up to the scale that keys and values can trade) and averaged with it. If
both are the same algorithm in the same form, the average works as well as either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from turncoat.core import Access, Assay, NotTestable, Traces, one_of, readout
from turncoat.protocols import LayeredSubject, NeuralSubject, RegressionWorld

if TYPE_CHECKING:
    from turncoat.worlds.supervised.regression import RegressionTasks

Solver = Callable[[np.ndarray, np.ndarray], np.ndarray]  # inputs [n, N, d] and labels [n, N] to weights [n, d]
Variant = tuple[Callable[..., np.ndarray], tuple[tuple[float, float], ...]]  # takes settings besides; their ranges
MISFITS = ("prediction difference", "sensitivity difference", "sensitivity cosine")
ALGORITHMS = ("gradient descent", "GD++", "ridge", "Newton", "least squares")
MOST_NEWTON = 6  # iterations that are tried, from 1
MOST = 10.0  # differences and losses beyond it (a candidate that diverges at a scale) count as it


@dataclass(frozen=True)
class AlgorithmFit(Assay):
    """How well each algorithm fits what is predicted. Columns, a row for each `algorithm` and the subject itself at
    each `scale` of the inputs: `prediction difference` (root mean square), `sensitivity difference` (the same, of
    gradients by the query), `sensitivity cosine` (mean cosine of those gradients) and `loss`.

    `target`: the label that candidates are given, "intended" or "proxy". `scales`: what held-out inputs are multiplied
    by; tuned at 1. `n`: tasks to tune on, and as many at each scale."""

    target: str = "intended"
    labels: str = "together"
    spectrum: str = "even"
    context: int = 20  # examples
    scales: tuple[float, ...] = (0.5, 1.0, 1.5, 2.0)
    n: int = 1000

    kind: ClassVar[str] = "AlgorithmFit"
    version: ClassVar[int] = 1
    required_access: ClassVar[Access] = Access.WEIGHTS
    requires: ClassVar[tuple[type, ...]] = (LayeredSubject, RegressionWorld)
    units: ClassVar[Mapping[str, str]] = {
        "scale": "of the inputs, over training's",
        "prediction difference": "of the spread of its predictions",
        "sensitivity difference": "of the length of its gradients",
        "sensitivity cosine": "mean cosine",
        "loss": "of the variance",
    }

    def __post_init__(self) -> None:
        one_of("target", self.target, ("intended", "proxy"))

    def observe(self, subject: LayeredSubject, world: RegressionWorld[RegressionTasks], seed: int) -> Traces:
        rng = np.random.default_rng(seed)
        which = 0 if self.target == "intended" else -1

        def draw(scale: float) -> RegressionTasks:
            condition = {"labels": self.labels, "spectrum": self.spectrum, "context": self.context, "scale": scale}
            return world.tasks(self.n, rng, condition)

        tuning = draw(1.0)
        predicted, _ = predictions(subject, tuning)
        tuned = {name: best(found, tuning, predicted, which) for name, found in candidates(subject.depth).items()}
        rows = []
        for scale in self.scales:
            tasks = draw(scale)
            predicted, slope = predictions(subject, tasks)
            answer = tasks.answers[:, which]
            for name, solve in tuned.items():
                with np.errstate(all="ignore"):  # a descent may overflow where inputs are larger than it was tuned for
                    weights = solve(tasks.x, tasks.labels[..., which])
                    theirs = (weights * tasks.query).sum(1)
                    apart = relative(predicted - theirs, predicted - predicted.mean()), relative(slope - weights, slope)
                    rows.append((name, scale, *apart, cosine(slope, weights), relative(theirs - answer, answer) ** 2))
            rows.append(("the subject", scale, 0.0, 0.0, 1.0, relative(predicted - answer, answer) ** 2))
        names = ("algorithm", "scale", *MISFITS, "loss")
        return Traces({name: np.array(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)})

    @readout(bounds=(0.0, MOST), unit="misfit, in spreads of its predictions")
    def prediction_difference(self, traces: Traces, algorithm: str = "gradient descent") -> float:
        """Root mean square difference of an algorithm's predictions and its own, on inputs of training's scale."""
        return fit(traces, algorithm, "prediction difference")

    @readout(bounds=(0.0, MOST), unit="misfit, in lengths of its gradients")
    def sensitivity_difference(self, traces: Traces, algorithm: str = "gradient descent") -> float:
        """The same, of gradients by the query."""
        return fit(traces, algorithm, "sensitivity difference")

    @readout(bounds=(-1.0, 1.0), unit="mean cosine")
    def sensitivity_cosine(self, traces: Traces, algorithm: str = "gradient descent") -> float:
        """Mean cosine of an algorithm's gradients by the query and its own, on inputs of training's scale."""
        return fit(traces, algorithm, "sensitivity cosine")

    @readout(bounds=(-MOST, MOST), unit="misfit, in spreads of its predictions")
    def margin(self, traces: Traces, family: tuple[str, ...] = ("gradient descent",)) -> float:
        """Prediction difference of the best algorithm not in a family, less that of the best in it."""
        rows = traces.where(scale=1.0)
        for name in family:
            one_of("algorithm", name, ALGORITHMS)
        others = [name not in (*family, "the subject") for name in rows["algorithm"]]
        misfit, own = rows["prediction difference"], np.isin(rows["algorithm"], family)
        return float(misfit[others].min() - misfit[own].min())

    @readout(bounds=(0.0, MOST), unit="misfit, in spreads of its predictions")
    def worst_over_scales(self, traces: Traces, algorithm: str = "gradient descent") -> float:
        """The worst prediction difference over all scales of the inputs."""
        return float(of_algorithm(traces, algorithm)["prediction difference"].max())


def fit(traces: Traces, algorithm: str, misfit: str) -> float:
    """A column of an algorithm, at training's scale."""
    return float(of_algorithm(traces, algorithm).where(scale=1.0)[misfit][0])


def of_algorithm(traces: Traces, algorithm: str) -> Traces:
    """The rows of an algorithm. Raises TurncoatError where there is none of that name."""
    one_of("algorithm", algorithm, ALGORITHMS)
    return traces.where(algorithm=algorithm if algorithm in traces["algorithm"] else "gradient descent")  # GD++, 1 step


@dataclass(frozen=True)
class Interpolation(Assay):
    """The average of trained weights and the construction. The step of the construction is the best one. Columns:
    `share` of the construction, `loss`."""

    spectrum: str = "even"
    context: int = 10
    n: int = 4000

    kind: ClassVar[str] = "Interpolation"
    version: ClassVar[int] = 1
    required_access: ClassVar[Access] = Access.WEIGHTS
    requires: ClassVar[tuple[type, ...]] = (NeuralSubject, RegressionWorld)
    units: ClassVar[Mapping[str, str]] = {"share": "of the construction", "loss": "mean squared error"}

    def observe(self, subject: NeuralSubject, world: RegressionWorld[RegressionTasks], seed: int) -> Traces:
        import torch

        from turncoat.models.in_context import LinearAttentionICL, gradient_descent_construction

        module = subject.module
        if not isinstance(module, LinearAttentionICL) or module.depth != 1 or module.readout.in_features != 1:
            raise NotTestable("the construction is of one layer of attention with one label")
        if module.layer(0).softmax:
            raise NotTestable("the construction has no softmax")
        rng, condition = np.random.default_rng(seed), {"spectrum": self.spectrum, "context": self.context}
        tuning, tasks = (world.tasks(self.n, rng, condition) for _ in range(2))
        rate = best_rate(tuning)
        d = world.dimensions
        # Only two products of the layer's weights matter to what it predicts: how queries meet keys [d + 1, d + 1], and
        # what the label that is read takes from values [d + 1].
        forms = []
        for net in (module, gradient_descent_construction(d, 1, rate)):
            block = net.layer(0)
            meet = (block.query.weight.T @ block.key.weight).detach()
            takes = (block.out.weight @ block.value.weight)[-1].detach() * net.readout.weight.detach()[0, 0]
            scale = meet[:d, :d].diagonal().mean()
            forms.append((meet / scale, takes * scale))
        state = module.embed(torch.from_numpy(tasks.inputs))
        examples, query, answer = state[:, :-1], state[:, -1], torch.from_numpy(tasks.target)[:, 0]
        rows = []
        for share in (0.0, 0.25, 0.5, 0.75, 1.0):
            meet, takes = (torch.lerp(one, other, share) for one, other in zip(*forms, strict=True))
            weight = torch.einsum("nd,de,nie->ni", query, meet, examples) / examples.shape[1]
            predicted = (weight * (examples @ takes)).sum(1)
            rows.append((share, float(((predicted - answer) ** 2).mean())))
        share_, loss = zip(*rows, strict=True)
        return Traces({"share": np.array(share_), "loss": np.array(loss)})

    @readout(bounds=(0.0, MOST), unit="loss half way to the construction, over the lower of both ends'")
    def relative_loss(self, traces: Traces) -> float:
        """Loss of the average of trained weights and construction, over the lower of the two's own losses."""
        loss = dict(zip(traces["share"].tolist(), traces["loss"].tolist(), strict=True))
        return float(min(loss[0.5] / min(loss[0.0], loss[1.0]), MOST))


# -- candidates --------------------------------------------------------------------------------------------------------


def candidates(depth: int) -> dict[str, list[Variant]]:
    """Algorithms by name: variants, each a function of inputs, labels and logarithms of its settings, with the range
    of each setting. At one step GD++ is gradient descent, and is left out."""
    from turncoat.worlds.supervised import solvers

    def descent(x: np.ndarray, y: np.ndarray, rate: float) -> np.ndarray:
        return solvers.gradient_descent(x, y, depth, np.exp(rate))

    def transformed(x: np.ndarray, y: np.ndarray, rate: float, curvature: float) -> np.ndarray:
        return solvers.descent_on_transformed(x, y, depth, np.exp(rate), np.exp(curvature))

    def ridge(x: np.ndarray, y: np.ndarray, penalty: float) -> np.ndarray:
        return solvers.ridge(x, y, np.exp(penalty))

    def newton(steps: int) -> Callable[..., np.ndarray]:
        return lambda x, y, start: solvers.newton(x, y, steps, np.exp(start))

    rates = (-5.0, 2.0)
    found: dict[str, list[Variant]] = {
        "gradient descent": [(descent, (rates,))],
        "GD++": [(transformed, (rates, (-5.0, 1.0)))],
        "ridge": [(ridge, ((-8.0, 3.0),))],
        "Newton": [(newton(steps), ((-4.0, 0.69),)) for steps in range(1, MOST_NEWTON + 1)],
        "least squares": [(solvers.least_squares, ())],
    }
    if depth == 1:
        del found["GD++"]
    return found


def best(
    variants: list[Variant],
    tasks: RegressionTasks,
    predicted: np.ndarray,
    which: int,
) -> Solver:
    """The variant and settings that come closest to what was predicted [n]: by a grid, then downhill from there."""
    from scipy.optimize import minimize

    y = tasks.labels[..., which]
    choices: list[tuple[float, int, Callable[..., np.ndarray], np.ndarray]] = []
    for solve, ranges in variants:

        def misfit(settings: np.ndarray, solve: Callable[..., np.ndarray] = solve) -> float:
            with np.errstate(all="ignore"):  # too long a step overflows, and is as bad as it looks
                return relative((solve(tasks.x, y, *settings) * tasks.query).sum(1) - predicted, predicted)

        grid = np.meshgrid(*(np.linspace(*ends, 12) for ends in ranges))
        points = np.stack([axis.ravel() for axis in grid], 1) if ranges else np.zeros((1, 0))
        start = min(points, key=misfit)
        found = minimize(misfit, start, method="Nelder-Mead", options={"maxfev": 40}).x if ranges else start
        choices.append((misfit(found), len(choices), solve, found))
    _, _, solve, settings = min(choices)
    return lambda x, y: solve(x, y, *settings)


def best_rate(tasks: RegressionTasks) -> float:
    """The step of one step of gradient descent that comes closest to the answers: a ratio, as it is linear."""
    from turncoat.worlds.supervised.solvers import gradient_descent

    unit = (gradient_descent(tasks.x, tasks.labels[..., 0], 1, 1.0) * tasks.query).sum(1)
    return float(unit @ tasks.answers[:, 0] / (unit @ unit))


# -- what the subject does -------------------------------------------------------------------------------------------


def predictions(subject: LayeredSubject, tasks: RegressionTasks) -> tuple[np.ndarray, np.ndarray]:
    """Predictions [n], and their gradients by the query [n, d]."""
    import torch

    inputs = torch.from_numpy(tasks.inputs).requires_grad_()
    predicted = subject.module(inputs)
    (slope,) = torch.autograd.grad(predicted.sum(), inputs)
    return predicted.detach()[:, 0].numpy().astype(float), slope[:, -1, : tasks.x.shape[2]].numpy().astype(float)


def relative(difference: np.ndarray, to: np.ndarray) -> float:
    """Root mean square of one over that of the other, at most MOST."""
    ratio = np.sqrt(np.mean(np.square(difference)) / np.mean(np.square(to)))
    return float(np.nan_to_num(min(ratio, MOST), nan=MOST))


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    """Mean cosine of the rows; 0 where a row is nought, or overflowed."""
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return float(np.nan_to_num((one * other).sum(1) / np.where(lengths > 0, lengths, 1)).mean())
