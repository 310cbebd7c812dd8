"""One file of the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property

from turncoat.core.claims import Arm, Claim
from turncoat.core.criteria import Row
from turncoat.core.designs import RandomDesigns
from turncoat.core.errors import one_of
from turncoat.core.identity import digest, hashed, plain
from turncoat.core.interfaces import World
from turncoat.core.plots import OutcomePlot, PhaseDiagram, Sweep, TracePlot, TrainingPlot
from turncoat.core.readouts import Assay


class Tier(IntEnum):
    """What the organism is made of."""

    PRODUCT = 1  # a real product
    STANDARD_TOOLS = 2  # standard deep-learning tools only
    SIMULATED = 3  # unusual tools or conditions that stand in for a capability (`simulates` says which)


class Realism(IntEnum):
    """How much steering made it fail (Hubinger et al. 2023, model organisms of misalignment)."""

    TRAINED_TO_FAIL = 1
    SPECIAL_CIRCUMSTANCES = 2
    NORMAL_TRAINING = 3
    DESPITE_DISINCENTIVES = 4


Family = Sweep | PhaseDiagram | RandomDesigns


@dataclass(frozen=True)
class Organism:
    """One file of the catalogue. `name` and `doc` (its page, Markdown) are the module's own."""

    title: str
    tier: Tier
    realism: Realism
    world: World
    arms: tuple[Arm, ...]
    claims: tuple[Claim, ...]
    refs: tuple[str, ...]
    tags: frozenset[str]
    not_applicable: Mapping[Row, str] = field(default_factory=dict)  # rows not testable on it, and why
    sweeps: tuple[Sweep, ...] = ()
    phase_diagrams: tuple[PhaseDiagram, ...] = ()
    random_designs: RandomDesigns | None = None
    trace_plots: tuple[TracePlot, ...] = ()
    training_plots: tuple[TrainingPlot, ...] = ()
    outcome_plots: tuple[OutcomePlot, ...] = ()
    replay: Assay | None = None  # the assay whose frames the page plays, of the first arm
    replay_arms: tuple[str, ...] = ()  # and of these
    quick: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # by arm, the seeds of `run --quick`
    simulates: tuple[str, ...] = ()
    cost: str = ""
    name: str = ""
    doc: str = ""

    @property
    def families(self) -> tuple[Family, ...]:
        """Everything that declares arms by varying a recipe."""
        return (*self.sweeps, *self.phase_diagrams, *(() if self.random_designs is None else (self.random_designs,)))

    def family_arms(self, family: Family) -> tuple[Arm, ...]:
        """The arms that a family declares. Raises TurncoatError where it is of an arm that is not declared."""
        recipes = {arm.name: arm.recipe for arm in self.arms}
        one_of(f"the arm that {family.title!r} varies", family.of, recipes)
        return family.arms(recipes[family.of])

    def arm(self, name: str) -> Arm:
        """The arm of that name, sweep arms included. Raises KeyError."""
        return {arm.name: arm for arm in self.all_arms()}[name]

    def all_arms(self) -> tuple[Arm, ...]:
        """Declared arms, then the sweeps' arms that no declared arm already is (same recipe)."""
        return self._all_arms

    @cached_property
    def _all_arms(self) -> tuple[Arm, ...]:
        """Worked out once: it takes a digest of every recipe."""
        arms, seen = list(self.arms), {digest(arm.recipe) for arm in self.arms}
        for family in self.families:
            for arm in self.family_arms(family):
                if digest(arm.recipe) not in seen:
                    seen.add(digest(arm.recipe))
                    arms.append(arm)
        return tuple(arms)

    @cached_property
    def claim_ids(self) -> dict[str, str]:
        """By the claim's own digest, what `claim_id` found."""
        return {}


def claim_content(organism: Organism, claim: Claim) -> dict[str, object]:
    """All that a claim says, as plain data; its hash is the claim's id."""
    arms = {"arm": claim.arm} | ({} if claim.control is None else {"control": claim.control})
    bounds = {"at_least": claim.at_least, "at_most": claim.at_most, "within": claim.within}
    return {
        "statement": claim.statement,
        "row": None if claim.row is None else claim.row.value,
        "readout": plain(claim.readout),
        "threshold": {name: bound for name, bound in bounds.items() if bound is not None},
        **{role: {"name": name, "recipe": digest(organism.arm(name).recipe)} for role, name in arms.items()},
        "preconditions": [claim_id(organism, precondition) for precondition in claim.preconditions],
        "world": plain(organism.world),
    }


def claim_id(organism: Organism, claim: Claim) -> str:
    """Twelve hex digits that change with anything that the claim says."""
    known, code = organism.claim_ids, digest(claim)
    if code not in known:
        known[code] = hashed(claim_content(organism, claim))
    return known[code]
