"""Equality of whatever environments and rollouts return."""

from __future__ import annotations

from typing import Any

import numpy as np


def same(one: Any, other: Any) -> None:
    """Equal data of equal types, nan being equal to nan."""
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for name in one:
            same(one[name], other[name])
    elif isinstance(one, tuple | list) or (isinstance(one, np.ndarray) and one.dtype == object):
        for a, b in zip(one, other, strict=True):
            same(a, b)
    else:
        np.testing.assert_array_equal(one, other)
        assert getattr(one, "dtype", None) == getattr(other, "dtype", None)
