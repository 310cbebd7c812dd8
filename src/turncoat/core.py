"""The nouns of Turncoat, and nothing else: no torch, no disk, no clock.

    recipe --train--> subject --observe in a world--> traces --estimate--> number per seed --judge--> verdict

Data flows one way along that line. Every noun is a frozen dataclass of plain data or a protocol that
any object may satisfy; nothing here registers, caches or imports anything.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import itertools
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum, StrEnum
from functools import cached_property
from pathlib import PurePath
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np


class TurncoatError(Exception):
    """Something a user can mend: one line that says what is wrong, where, and what to do (exit code 2)."""


class Access(IntEnum):
    """How far into a subject an assay may reach."""

    ACT = 1  # actions only
    SCORE = 2  # and their probabilities
    WEIGHTS = 3  # and the module itself: hidden states, edits


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


class Row(StrEnum):
    """The table that every organism answers, in its printed order."""

    CORRECT_REWARD = "correct_reward"
    BEHAVES_IN_TRAINING = "behaves_in_training"
    CAPABLE_IN_DEPLOYMENT = "capable_in_deployment"
    STANDARD_TOOLS = "standard_tools"
    TURN = "turn"
    INSTRUMENTAL = "instrumental"
    ANY_TEST = "any_test"
    UNDESIGNED = "undesigned"
    COMPUTE = "compute"
    PLAN = "plan"
    CAUSAL_PLAN = "causal_plan"
    REPLAN = "replan"
    OBJECTIVE_DECODABLE = "objective_decodable"
    OBJECTIVE_RETARGETABLE = "objective_retargetable"
    INTERCHANGE = "interchange"
    SHIFT = "shift"
    NOT_LOOKUP = "not_lookup"


ROW_BLOCKS: Mapping[str, tuple[Row, ...]] = {
    "Kept from existing examples": tuple(Row)[:4],
    "Wanted beyond them": tuple(Row)[4:8],
    "Mesa-optimizer certificate": tuple(Row)[8:],
}


class Finding(StrEnum):
    SHOWN = "shown"
    REFUTED = "refuted"
    UNDECIDED = "undecided"
    INVALID = "invalid"
    NOT_TESTABLE = "not testable"
    NOT_RUN = "not yet run"


# How a verdict of a replication stands: its claim came before its data, or nothing shows that it did.
REGISTERED, EXPLORATORY = "registered", "exploratory"


@dataclass(frozen=True)
class Factor:
    """Something a caller can set in a world. `values` are the allowed ones; empty means any number."""

    name: str
    values: tuple[Any, ...]
    says: str


@dataclass(frozen=True)
class Dial:
    """A parameter that an overseer can set in a test: any number from `low` to `high`, or any whole one."""

    name: str
    low: float
    high: float
    whole: bool
    says: str


@dataclass(frozen=True)
class Measure:
    """Ground truth that can be read off an episode, with its unit."""

    name: str
    unit: str
    says: str


@dataclass(frozen=True)
class Traces:
    """Columnar record of episodes: equally long 1-D columns, and frames (JSON-able) of the first few."""

    columns: Mapping[str, np.ndarray]
    frames: tuple[Mapping[str, Any], ...] = ()

    def __post_init__(self) -> None:
        lengths = {name: len(column) for name, column in self.columns.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"traces need columns of one length, got {lengths}")

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def __getitem__(self, name: str) -> np.ndarray:
        """The column of that name. Raises TurncoatError where there is none."""
        if name not in self.columns:
            raise TurncoatError(f"these traces have no column {name!r}; {nearest(name, self.columns, 'they have')}")
        return self.columns[name]

    def where(self, **equals: Any) -> Traces:
        """The rows in which every named column equals the given value; frames are dropped."""
        keep = np.ones(len(self), bool)
        for name, value in equals.items():
            keep &= self[name] == value
        return Traces({name: column[keep] for name, column in self.columns.items()})

    @staticmethod
    def concat(parts: list[Traces]) -> Traces:
        """Stack traces that have the same columns."""
        names = parts[0].columns
        return Traces(
            {name: np.concatenate([part[name] for part in parts]) for name in names},
            tuple(frame for part in parts for frame in part.frames),
        )


class Session(Protocol):
    """One batch of episodes with a subject: its memory (hidden state, chat history) lives here."""

    def act(self, observation: Any) -> np.ndarray:
        """Actions [n], one for each running episode."""
        ...


class Subject(Protocol):
    """The thing under test: a trained policy, a language model, a product behind an API, a script."""

    @property
    def access(self) -> Access: ...

    def begin(self, n: int, seed: int) -> Session:
        """Start n parallel episodes."""
        ...

    def arrays(self) -> Mapping[str, np.ndarray]:
        """All weights by name, as written to safetensors."""
        ...


class World(Protocol):
    """Where subjects live."""

    factors: ClassVar[tuple[Factor, ...]]
    measures: ClassVar[tuple[Measure, ...]]

    def rollout(self, subject: Any, n: int, seed: int, condition: Mapping[str, Any]) -> Traces:
        """n episodes under a condition (factor name -> value), one row each: conditions, then measures."""
        ...


@dataclass(frozen=True)
class Step:
    """One report from training: `done` of `total` updates, metrics by name, and at the end the subject."""

    done: int
    total: int
    metrics: Mapping[str, float] = field(default_factory=dict)
    subject: Any = None


class Recipe(Protocol):
    """How a subject comes to be: a frozen dataclass of plain data.

    One that builds on another (fine-tuning, staged training) has that recipe in a field `parent`, and its method is
    `train(seed, parent)`, with the trained subject of that recipe and the same seed."""

    unit: ClassVar[str]  # what a new seed replicates: "training run" or "sample"
    version: ClassVar[int]  # raised when the code changes what the same fields produce

    def train(self, seed: int) -> Iterator[Step]:
        """Train; the last step carries the subject. The caller owns progress, logs and files."""
        ...

    def load(self, arrays: Mapping[str, np.ndarray]) -> Any:
        """The subject that `arrays` came from. Raises TurncoatError where they do not fit."""
        ...


@runtime_checkable
class Assay(Protocol):
    """A measurement that knows nothing of any organism.

    A frozen dataclass. Fields with metadata {"pure": True} change only `estimate`, so assays that differ
    in those alone share one stored observation.
    """

    needs: ClassVar[Access]
    version: ClassVar[int]
    bounds: ClassVar[tuple[float, float]]  # the values `estimate` can take
    says: ClassVar[str]  # what the number is, with its unit

    def observe(self, subject: Any, world: Any, seed: int) -> Traces:
        """Costs compute and is stored. Raises NotTestable where the subject lacks what it takes."""
        ...

    def estimate(self, traces: Traces) -> float:
        """Pure: one number for one seed; judging never loads a model."""
        ...


class NotTestable(Exception):
    """This assay cannot be put to this subject; the message says why, and the table prints it."""


@dataclass(frozen=True)
class Arm:
    """A recipe and its role. A control is `replace(recipe, one_field=...)`; the difference is computed."""

    name: str
    recipe: Any
    role: str = "control"  # "organism", "control", "reference" or "sweep"
    seeds: int | None = None  # how many the zoo ships; None: as many as are asked for


@dataclass(frozen=True)
class Claim:
    """A falsifiable sentence, its threshold written before the measurement.

    With a control the effect is (arm minus control); without one it is the arm's own level. Exactly one of
    `at_least`, `at_most` and `within` is set; `within` says that arm and control are equivalent: they differ by no more
    than that either way (two one-sided tests, Schuirmann 1987). `given` are claims that must be shown first.
    """

    says: str
    assay: Any
    at_least: float | None = None
    at_most: float | None = None
    within: float | None = None
    arm: str = "organism"
    control: str | None = None
    given: tuple[Claim, ...] = ()
    row: Row | None = None

    def __post_init__(self) -> None:
        if sum(bound is not None for bound in (self.at_least, self.at_most, self.within)) != 1:
            raise ValueError(f"claim {self.says!r} needs exactly one of at_least, at_most and within")
        if self.within is not None and (self.control is None or not self.within > 0):
            raise ValueError(f"claim {self.says!r}: `within` is a positive margin and needs a control to differ from")

    @property
    def allowed(self) -> tuple[float, float]:
        """The effects that meet the claim: from, to."""
        least = -math.inf if self.at_least is None else self.at_least
        most = math.inf if self.at_most is None else self.at_most
        return (least, most) if self.within is None else (-self.within, self.within)

    @property
    def threshold(self) -> float:
        """The number in the claim."""
        return next(bound for bound in (self.at_least, self.at_most, self.within) if bound is not None)

    @property
    def sign(self) -> str:
        """How the effect must stand to the threshold: "≥", "≤", or "±" for equivalence within it."""
        return "≥" if self.at_least is not None else "≤" if self.at_most is not None else "±"


@dataclass(frozen=True)
class Verdict:
    """What was found for one claim. `k` of `n` seeds met the threshold; `unit` is what a seed replicates."""

    finding: Finding
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    k: int = 0
    n: int = 0
    unit: str = "training run"
    because: str = ""


@dataclass(frozen=True)
class Sweep:
    """A family of arms along one recipe field of the organism, or of another arm: a dose-response figure."""

    title: str
    field: str
    values: tuple[Any, ...]
    assays: tuple[Any, ...]
    seeds: int = 2
    overlay: bool = False  # one figure with a line for each assay
    of: str = "organism"  # the declared arm whose recipe is varied

    def arms(self, recipe: Any) -> tuple[Arm, ...]:
        """An arm a value. A field "world.corner" is the corner of the recipe's world."""
        return varied(recipe, {self.field: self.values}, self.seeds, self.of)


@dataclass(frozen=True)
class Phases:
    """Two recipe fields of the organism varied together: a phase diagram of one assay."""

    title: str
    fields: tuple[str, str]  # across and up; "field.field" as in a Sweep
    values: tuple[tuple[Any, ...], tuple[Any, ...]]
    assay: Any
    seeds: int = 2
    of: ClassVar[str] = "organism"

    @property
    def assays(self) -> tuple[Any, ...]:
        return (self.assay,)

    def arms(self, recipe: Any) -> tuple[Arm, ...]:
        """An arm a pair of values, the second field's running fastest."""
        return varied(recipe, dict(zip(self.fields, self.values, strict=True)), self.seeds)


@dataclass(frozen=True)
class Curve:
    """A figure drawn from one assay's traces: mean of column `y` (weighted by column `weight`) against column `x`,
    a line per value of `by` or, without it, per arm. `only` keeps the rows whose column has one of these values."""

    title: str
    assay: Any
    x: str
    y: str
    by: str | None = None
    arms: tuple[str, ...] = ("organism",)
    only: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    weight: str | None = None


@dataclass(frozen=True)
class Log:
    """A figure drawn from training logs: `metric` of each report of training against the updates done by then, or
    against another metric of the same report; a line an arm. `x` is what the axis is called, if not by its own name."""

    title: str
    metric: str
    arms: tuple[str, ...] = ("organism",)
    x: str = ""
    against: str | None = None


@dataclass(frozen=True)
class Organism:
    """One file of the catalogue. `name` and `doc` (its page, Markdown) are the module's own."""

    title: str
    tier: Tier
    realism: Realism
    world: Any
    arms: tuple[Arm, ...]
    claims: tuple[Claim, ...]
    refs: tuple[str, ...]
    tags: frozenset[str]
    answers: Mapping[Row, str] = field(default_factory=dict)  # rows not testable on it, and why
    sweeps: tuple[Sweep, ...] = ()
    phases: tuple[Phases, ...] = ()
    curves: tuple[Curve, ...] = ()
    logs: tuple[Log, ...] = ()
    replay: Any = None  # the assay whose frames the page plays
    simulates: tuple[str, ...] = ()
    cost: str = ""
    name: str = ""
    doc: str = ""

    @property
    def families(self) -> tuple[Sweep | Phases, ...]:
        """Everything that declares arms by varying a recipe."""
        return (*self.sweeps, *self.phases)

    def family_arms(self, family: Sweep | Phases) -> tuple[Arm, ...]:
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


def nearest(word: Any, known: Iterable[Any], otherwise: str) -> str:
    """What a misspelt word was meant to be: the known one that is nearest, or all of them after `otherwise`."""
    words = [str(each) for each in known]
    near = difflib.get_close_matches(str(word), words, 1, 0.5)
    return f"did you mean {near[0]!r}?" if near else f"{otherwise} {', '.join(words) or 'none'}"


def lineage(recipe: Any) -> Iterator[Any]:
    """A recipe and those that it builds on, the latest first."""
    while recipe is not None:
        yield recipe
        recipe = getattr(recipe, "parent", None)


def one_of(what: str, value: Any, allowed: Iterable[Any]) -> None:
    """Raises TurncoatError where value is none of the allowed ones."""
    if value not in (allowed := tuple(allowed)):
        near = nearest(value, allowed, "")
        hint = f"; {near}" if near.startswith("did") else ""
        raise TurncoatError(f"{what} must be one of {', '.join(map(str, allowed))}; got {value!r}{hint}")


def check_factors(factors: Iterable[Factor], condition: Mapping[str, Any]) -> None:
    """Raises TurncoatError where a condition names what is none of these factors."""
    known = [factor.name for factor in factors]
    if unknown := sorted(set(condition) - set(known)):
        raise TurncoatError(f"this world has no factor {unknown[0]!r}; {nearest(unknown[0], known, 'it has')}")


def check_condition(factors: Iterable[Factor], condition: Mapping[str, Any]) -> None:
    """Raises TurncoatError on a factor that is none of these, or a value that its factor does not allow."""
    check_factors(factors := tuple(factors), condition)
    for factor in factors:
        if factor.values and factor.name in condition:
            one_of(factor.name, condition[factor.name], factor.values)


def every_claim(claims: Iterable[Claim]) -> list[Claim]:
    """Claims and their preconditions, each once, preconditions first."""
    found: dict[str, Claim] = {}
    for claim in claims:
        for inner in (*every_claim(claim.given), claim):
            found.setdefault(digest(inner), inner)
    return list(found.values())


def changed(thing: Any, path: str, value: Any) -> Any:
    """A copy of a dataclass with one field, or "field.field" within it, set to value. Raises TurncoatError where it
    has no such field."""
    name, _, rest = path.partition(".")
    fields = [f.name for f in dataclasses.fields(thing)] if dataclasses.is_dataclass(thing) else []
    if name not in fields:
        raise TurncoatError(f"{type(thing).__name__} has no field {name!r}; {nearest(name, fields, 'it has')}")
    inner = changed(getattr(thing, name), rest, value) if rest else value
    return dataclasses.replace(thing, **{name: inner})


def varied(recipe: Any, fields: Mapping[str, tuple[Any, ...]], seeds: int, of: str = "organism") -> tuple[Arm, ...]:
    """An arm of a sweep for each combination of the fields' values, the last field's running fastest."""
    arms = []
    for values in itertools.product(*fields.values()):
        settings, point = [], recipe
        for path, value in zip(fields, values, strict=True):
            settings.append(f"{path.split('.')[-1]}={value}")
            point = changed(point, path, value)
        whose = "" if of == "organism" else f"{of} "
        arms.append(Arm(whose + ", ".join(settings), point, "sweep", seeds))
    return tuple(arms)


def plain(thing: Any, pure: bool = True, where: str = "") -> Any:
    """A dataclass as JSON-able data with its class and version, so that equal data means equal behaviour.

    NumPy's scalars, enums and paths are the numbers and words that they stand for, and a number that JSON lacks is a
    word ("inf"). `pure=False` leaves out the fields marked {"pure": True}. Raises TypeError on anything that is not
    plain; `where` is what its message calls the thing.
    """
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        name = type(thing).__name__
        kept = (f for f in dataclasses.fields(thing) if pure or not f.metadata.get("pure"))
        body = {f.name: plain(getattr(thing, f.name), pure, f"{where or name}.{f.name}") for f in kept}
        version = getattr(type(thing), "version", None)
        return {"is": name} | ({"version": plain(version)} if version is not None else {}) | body
    if isinstance(thing, Enum):
        return plain(thing.value, pure, where)
    if isinstance(thing, np.generic) and not isinstance(thing.item(), np.generic):
        return plain(thing.item(), pure, where)
    if isinstance(thing, PurePath):
        return thing.as_posix()
    if isinstance(thing, Mapping):
        items = sorted(thing.items(), key=lambda item: str(item[0]))
        return {str(key): plain(value, pure, f"{where}[{key!r}]") for key, value in items}
    if isinstance(thing, (list, tuple)):
        return [plain(value, pure, f"{where}[{index}]") for index, value in enumerate(thing)]
    if isinstance(thing, (set, frozenset)):
        members = [plain(value, pure, where) for value in thing]
        try:
            return sorted(members)
        except TypeError:  # of several kinds
            return sorted(members, key=lambda member: json.dumps(member, sort_keys=True))
    if isinstance(thing, float) and not math.isfinite(thing):
        return str(thing)
    if thing is None or isinstance(thing, (bool, int, float, str)):
        return thing
    said = " ".join(repr(thing).split())
    said = f"{f'{where} = ' if where else ''}{said if len(said) <= 60 else said[:57] + '...'}"
    mend = "write it as a tuple" if isinstance(thing, np.ndarray) else "leave it out, or say it in such"
    raise TypeError(f"{said} is not plain data (numbers, words, tuples, dataclasses); {mend}")


def as_json(thing: Any, indent: int | None = 1) -> str:
    """JSON that every reader takes: NumPy's scalars are numbers, and NaN and infinity, which JSON lacks, are null."""

    def finite(part: Any) -> Any:
        if isinstance(part, np.generic):
            part = part.item()
        if isinstance(part, float):
            return part if math.isfinite(part) else None
        if isinstance(part, Mapping):
            return {key: finite(value) for key, value in part.items()}
        return [finite(value) for value in part] if isinstance(part, (list, tuple)) else part

    return json.dumps(finite(thing), indent=indent, allow_nan=False, separators=None if indent else (",", ":"))


def digest(thing: Any, pure: bool = True) -> str:
    """Twelve hex digits that name a recipe (or, with pure=False, an assay's observation)."""
    text = json.dumps(plain(thing, pure), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def difference(one: Any, other: Any) -> dict[str, tuple[Any, Any]]:
    """The fields in which two recipes differ ("field.field" within one), each with both values; {} for none."""
    if type(one) is not type(other):
        return {"recipe": (type(one).__name__, type(other).__name__)}
    found: dict[str, tuple[Any, Any]] = {}
    for f in dataclasses.fields(one):
        a, b = getattr(one, f.name), getattr(other, f.name)
        if a != b and dataclasses.is_dataclass(a) and type(a) is type(b):
            found |= {f"{f.name}.{inner}": pair for inner, pair in difference(a, b).items()}
        elif a != b:
            found[f.name] = a, b
    return found
