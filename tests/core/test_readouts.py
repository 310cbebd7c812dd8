"""An assay observes; a readout names one number of it, and refuses what the assay has not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from turncoat.core import Assay, Quantity, Traces, TurncoatError, digest, readout, trace_key


@dataclass(frozen=True)
class Steps(Assay):
    n: int = 10

    kind: ClassVar[str] = "Steps"
    version: ClassVar[int] = 1

    @readout(bounds=(0.0, 99.0), unit="steps")
    def mean(self, traces: Traces) -> float:
        """How long an episode is."""
        return float(traces["steps"].mean())

    @readout(bounds=(0.0, 1.0), unit="share of episodes")
    def longer(self, traces: Traces, than: float = 2.0) -> float:
        """Share of episodes with more steps."""
        return float((traces["steps"] > than).mean())


@dataclass(frozen=True)
class MoreSteps(Steps):
    @readout(bounds=(0.0, 99.0), unit="steps")
    def most(self, traces: Traces) -> float:
        return float(traces["steps"].max())


TRACES = Traces({"steps": np.array([1.0, 2.0, 3.0, 4.0])})


def test_a_readout_has_its_own_number_bounds_unit_and_sentence() -> None:
    mean, longer = Steps().readout(), Steps().readout("longer", than=3.0)
    assert (mean.name, mean.estimate(TRACES), mean.bounds, mean.unit) == ("mean", 2.5, (0.0, 99.0), "steps")
    assert (longer.estimate(TRACES), longer.bounds, longer.unit) == (0.25, (0.0, 1.0), "share of episodes")
    assert longer.description == "Share of episodes with more steps."
    assert MoreSteps().readout("most").description == "steps"
    assert Steps().readout("longer").estimate(TRACES) == 0.5


def test_the_first_readout_is_the_default_and_heirs_have_more() -> None:
    assert list(Steps.readouts()) == ["mean", "longer"]
    assert list(MoreSteps.readouts()) == ["mean", "longer", "most"]
    assert MoreSteps.readouts()["most"] == Quantity((0.0, 99.0), "steps")


def test_readouts_of_one_assay_share_what_it_observed_and_nothing_else() -> None:
    mean, longer, other = Steps().readout(), Steps().readout("longer"), Steps().readout("longer", than=3.0)
    assert len({digest(each) for each in (mean, longer, other)}) == 3
    assert len({trace_key("world", each.assay) for each in (mean, longer, other)}) == 1


def test_a_misspelt_readout_or_parameter_is_refused() -> None:
    with pytest.raises(
        TurncoatError, match="a readout of Steps must be one of mean, longer; got 'men'; did you mean 'mean'"
    ):
        Steps().readout("men")
    with pytest.raises(TurncoatError, match="Steps.longer takes no 'then'; did you mean 'than'"):
        Steps().readout("longer", then=3.0)
    with pytest.raises(TurncoatError, match="a readout of Assay must be one of"):
        Assay().readout()
