"""What became of designs that were drawn at random: shares under each law, and the features that tell them apart."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from turncoat.core import Arm, Choice, Laws, LogUniform, Outcome, RandomDesigns, Uniform
from turncoat.report.results import OrganismResults
from turncoat.report.words import tick_label
from turncoat.stats import Prevalence, predictors, prevalence

AS_DRAWN = "as drawn"  # what the law is called that drew the designs


@dataclass(frozen=True)
class DesignResults:
    """The designs that were run, in order. One that raised, or gave no number, is among them: nothing came of it."""

    designs: RandomDesigns
    ran: tuple[int, ...]  # their numbers
    happened: dict[str, np.ndarray]  # [n] bool, by outcome; the first is competence, and no other is without it
    lost: int  # how many gave no number

    @property
    def laws(self) -> dict[str, Laws]:
        """Every law by name, that which drew them first."""
        return {AS_DRAWN: {}, **self.designs.laws}

    @cached_property
    def features(self) -> np.ndarray:
        """[F, n] where the value of each drawn field stands."""
        values = [self.designs.values(design) for design in self.ran]
        fields = self.designs.fields.items()
        return np.array([[law.number(value[path]) for value in values] for path, law in fields])

    def prevalence(self, law: str, outcome: str) -> Prevalence:
        weights = [self.designs.weight(design, self.laws[law]) for design in self.ran]
        return prevalence(self.happened[outcome], weights)

    @cached_property
    def predictors(self) -> dict[str, dict[str, tuple[float, float]]]:
        """By outcome and field, the area under the ROC curve and its p-value."""
        return {
            outcome: dict(zip(self.designs.fields, predictors(self.features, happened), strict=True))
            for outcome, happened in self.happened.items()
        }

    def counts(self) -> str:
        """How many were run and what is not drawn of them, in words."""
        competent = int(self.happened[self.designs.competent.name].sum())
        words = f"{len(self.ran)} of {self.designs.n} designs run, {competent} of them {self.designs.competent.name}"
        return words + (f"; {self.lost} gave no number" if self.lost else "")


def design_results(results: OrganismResults, designs: RandomDesigns) -> DesignResults:
    """What the store holds of them."""
    ran, lost, rows = [], 0, []
    for design, arm in enumerate(results.organism.family_arms(designs)):
        failed = gave_nothing(results, designs, arm)
        if failed or all(arm.seed in results.traces(arm, readout.assay) for readout in designs.readouts):
            competent = not failed and reached(results, arm, designs.competent)
            ran.append(design)
            lost += failed
            rows.append([competent, *(competent and reached(results, arm, each) for each in designs.outcomes)])
    names = [each.name for each in (designs.competent, *designs.outcomes)]
    columns = np.array(rows, bool).reshape(len(rows), len(names)).T
    return DesignResults(designs, tuple(ran), dict(zip(names, columns, strict=True)), lost)


def gave_nothing(results: OrganismResults, designs: RandomDesigns, arm: Arm) -> bool:
    """Whether a design was run and there is a reason why it gave no number."""
    run = results.store.run(results.organism, arm, arm.seed or 0)
    return any(
        run.failure(readout.assay) is not None or run.untestable(readout.assay) is not None
        for readout in designs.readouts
    )


def reached(results: OrganismResults, arm: Arm, outcome: Outcome) -> bool:
    """Whether all readouts of a design that was observed are high enough."""
    assert arm.seed is not None
    estimates = ((read.estimate(results.traces(arm, read.assay)[arm.seed]), least) for read, least in outcome.at_least)
    return all(value >= least for value, least in estimates)


def law_words(law: object) -> str:
    """A law in words."""
    if isinstance(law, Uniform):
        return f"uniform {tick_label(law.low)} to {tick_label(law.high)}"
    if isinstance(law, LogUniform):
        zero = f"0 with probability {tick_label(law.zero)}"
        if law.zero == 1:
            return "0"
        words = f"log-uniform {tick_label(law.low)} to {tick_label(law.high)}"
        return f"{zero}, else {words}" if law.zero else words
    if isinstance(law, Choice):
        values = ", ".join(tick_label(value) for value in law.values)
        return f"one of {values}" + (
            f" at {', '.join(map(tick_label, law.probabilities))}" if law.probabilities else ""
        )
    return str(law)


def laws_words(laws: Laws) -> str:
    """Laws of several fields in words."""
    return "; ".join(f"{field_words(path)} {law_words(law)}" for path, law in laws.items())


def field_words(path: str) -> str:
    return path.split(".")[-1].replace("_", " ")
