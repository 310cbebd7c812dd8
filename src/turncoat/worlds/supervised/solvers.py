"""Ways to fit a line through labelled examples: what a network that learns in context may turn out to do.

Every one of them takes inputs x [n, N, d] and labels y [n, N] of n tasks and returns weights [n, d]. Its prediction for
a query is weights . query, so the weights are also the prediction's sensitivity to the query. Sums over examples are
divided by N, so that steps mean the same for contexts of any length.
"""

from __future__ import annotations

import numpy as np


def moments(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Second moments: of the inputs [n, d, d], and of inputs with labels [n, d]."""
    count = x.shape[1]
    return x.swapaxes(1, 2) @ x / count, np.einsum("nid,ni->nd", x, y) / count


def gradient_descent(x: np.ndarray, y: np.ndarray, steps: int, rate: float) -> np.ndarray:
    """`steps` steps down the mean squared error from 0: w <- w - rate (S w - s)."""
    inputs, labels = moments(x, y)
    weights = np.zeros_like(labels)
    for _ in range(steps):
        weights = weights + rate * (labels - (inputs @ weights[..., None])[..., 0])
    return weights


def descent_on_transformed(x: np.ndarray, y: np.ndarray, steps: int, rate: float, curvature: float) -> np.ndarray:
    """GD++ of von Oswald et al. (2023): beside each step on the labels, x <- (I - curvature S) x for every input and
    the query, which evens out the spectrum. With `curvature` 0 it is gradient descent."""
    n, _, d = x.shape
    weights, moved = np.zeros((n, d)), np.broadcast_to(np.eye(d), (n, d, d))  # the query is now moved^T query
    for _ in range(steps):
        inputs, labels = moments(x, y)
        weights = weights + rate * (moved @ labels[..., None])[..., 0]
        y = y - rate * (x @ labels[..., None])[..., 0]
        turn = np.eye(d) - curvature * inputs
        x, moved = x @ turn, moved @ turn
    return weights


def ridge(x: np.ndarray, y: np.ndarray, penalty: float) -> np.ndarray:
    """(S + penalty I)^-1 s."""
    inputs, labels = moments(x, y)
    return np.linalg.solve(inputs + penalty * np.eye(x.shape[2]), labels[..., None])[..., 0]


def newton(x: np.ndarray, y: np.ndarray, steps: int, start: float) -> np.ndarray:
    """Iterative Newton (Newton-Schulz; Fu et al. 2023): M <- 2 M - M S M from M = start S / |S|^2; weights M s."""
    inputs, labels = moments(x, y)
    inverse = start * inputs / np.linalg.eigvalsh(inputs)[:, -1, None, None] ** 2
    for _ in range(steps):
        inverse = 2 * inverse - inverse @ inputs @ inverse
    return (inverse @ labels[..., None])[..., 0]


def least_squares(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The weights of least norm among those of least squared error."""
    return (np.linalg.pinv(x) @ y[..., None])[..., 0]
