"""What an organism's page says in words and numbers: its table of verdicts, its arms and the facts about it."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace

from markupsafe import Markup

from turncoat.core import (
    ROW_BLOCKS,
    Arm,
    Claim,
    Finding,
    Numbers,
    Organism,
    Realism,
    Recipe,
    Row,
    Tier,
    Verdict,
    VerdictRow,
    difference,
    verdict_row,
)
from turncoat.report.markdown import link, prose, summary
from turncoat.report.table import WORST_FIRST
from turncoat.report.words import number, truncated
from turncoat.store import Store

TIERS = {
    Tier.PRODUCT: "a real product",
    Tier.STANDARD_TOOLS: "standard deep-learning tools only",
    Tier.SIMULATED: "unusual tools or conditions that stand in for a capability",
}
REALISMS = {
    Realism.TRAINED_TO_FAIL: "trained or prompted to fail",
    Realism.SPECIAL_CIRCUMSTANCES: "fails under special circumstances",
    Realism.NORMAL_TRAINING: "fails after normal training",
    Realism.DESPITE_DISINCENTIVES: "fails despite disincentives",
}
TALLY = (
    Finding.SHOWN, Finding.REFUTED, Finding.UNDECIDED, Finding.INVALID, Finding.NOT_TESTABLE, Finding.NOT_RUN,
)  # fmt: skip


@dataclass(frozen=True)
class Page:
    """Everything on an organism's page but its figures and its replay."""

    name: str
    file: str
    title: str
    prose: Markup
    summary: str
    tier: int
    tier_words: str
    realism: int
    realism_words: str
    simulates: tuple[str, ...]
    cost: str
    tags: list[str]
    refs: list[tuple[str, str]]  # as written, and where it leads
    blocks: list[BlockLines]
    outside: list[Line]  # claims beside the table
    findings: Mapping[str, str]  # by the claim's statement
    tally: list[tuple[str, int]]  # rows of each finding
    arms: list[ArmLine]
    sweep_arms: list[ArmLine]
    replay_named: bool
    by_items: bool  # it is judged by items, and not by training runs


@dataclass(frozen=True)
class BlockLines:
    title: str
    rows: list[RowLines]


@dataclass(frozen=True)
class RowLines:
    """A row of the table: `finding` is the least favourable of its lines."""

    name: str
    label: str
    meaning: str
    lines: list[Line]
    finding: str


@dataclass(frozen=True)
class Line:
    """One line of the verdict table, as words."""

    finding: str
    claim: str = ""
    arm: str = ""  # only where it is not the organism itself
    effect: str = ""
    interval: str = ""
    needed: str = ""
    control: str = ""
    seeds: str = ""
    unit: str = ""
    because: str = ""
    bar: IntervalBar | None = None
    standing: str = ""  # registered or exploratory
    replication: Line | None = None  # the same claim on the seeds that it was registered for


@dataclass(frozen=True)
class IntervalBar:
    """The interval, the threshold and the wanted side as places from 0 to 100 on the scale of the readout."""

    low: float
    high: float
    effect: float
    thresholds: list[float]
    wanted: tuple[float, float]  # left edge and width
    zero: float | None


@dataclass(frozen=True)
class ArmLine:
    name: str
    role: str
    differs: list[tuple[str, str, str]]  # field, the organism's value, this arm's
    seeds: int


def page_of(organism: Organism, store: Store) -> Page:
    """Raises TurncoatError where the stored verdicts are damaged."""
    by_row = lines_of(organism, store.load_verdicts(organism.name) or [])
    blocks = blocks_of(by_row)
    tally = Counter(row.finding for block in blocks for row in block.rows)
    declared = {arm.name for arm in organism.arms}
    arms = [arm_of(organism, arm, store) for arm in organism.all_arms()]
    return Page(
        name=organism.name,
        file=("page-" if organism.name == "index" else "") + re.sub(r"[^\w.-]", "-", organism.name) + ".html",
        title=organism.title,
        prose=prose(organism.doc),
        summary=summary(organism.doc),
        tier=int(organism.tier),
        tier_words=TIERS[organism.tier],
        realism=int(organism.realism),
        realism_words=REALISMS[organism.realism],
        simulates=organism.simulates,
        cost=organism.cost,
        tags=sorted(organism.tags),
        refs=[(ref, link(ref)) for ref in organism.refs],
        blocks=blocks,
        outside=by_row.get(None, []),
        findings={line.claim: line.finding for lines in by_row.values() for line in lines},
        tally=[(finding.value, tally[finding.value]) for finding in TALLY if tally[finding.value]],
        arms=[arm for arm in arms if arm.name in declared],
        sweep_arms=[arm for arm in arms if arm.name not in declared],
        replay_named=organism.replay is not None,
        by_items=getattr(organism.arms[0].recipe, "unit", "training run") == "item",
    )


# -- verdicts ------------------------------------------------------------------------------------------


def lines_of(organism: Organism, rows: list[VerdictRow]) -> dict[Row | None, list[Line]]:
    """The stored rows, and what was declared after the last judging, by the row of the table."""
    claims = {claim.statement: claim for claim in organism.claims}
    criteria = {row.value: row for row in Row}
    by_row: dict[Row | None, list[Line]] = {}
    for row in rows:
        claim = claims.get(row["claim"] or "")
        by_row.setdefault(criteria.get(row["row"] or ""), []).append(line_of(row, claim))
    judged = {line.claim for lines in by_row.values() for line in lines}
    for claim in organism.claims:
        if claim.statement not in judged:
            verdict = Verdict(Finding.NOT_RUN, because="not judged yet")
            row = verdict_row(organism.name, claim.row, verdict, claim.statement)
            by_row.setdefault(claim.row, []).append(line_of(row, claim))
    for criterion in Row:
        if criterion not in by_row and criterion in organism.not_applicable:
            verdict = Verdict(Finding.NOT_TESTABLE, because=organism.not_applicable[criterion])
            by_row[criterion] = [line_of(verdict_row(organism.name, criterion, verdict), None)]
    return by_row


def line_of(row: VerdictRow, claim: Claim | None) -> Line:
    """A row of the store's verdicts beside the claim that it judges."""
    again = row["replication"]
    line = replace(found(row), claim=row["claim"] or "", replication=None if again is None else found(again))
    if claim is None:
        return line
    return replace(
        line,
        arm=claim.arm if claim.arm != "organism" else "",
        needed=f"{claim.sign} {number(claim.threshold)}",
        control=claim.control or "",
        bar=None if row["effect"] is None else bar(claim, row["effect"], row["low"], row["high"]),
        standing=row["standing"],
    )


def found(row: VerdictRow | Numbers) -> Line:
    """What was found, as words."""
    effect, n = row["effect"], row["n"]
    return Line(
        finding=row["finding"],
        effect="" if effect is None else number(effect),
        interval="" if effect is None else f"[{edge(row['low'], '−∞')}, {edge(row['high'], '∞')}]",
        seeds=f"{row['k']}/{n}" if n else "",
        unit=f"{row['unit'] or 'training run'}{'s' * (n != 1)}",
        because=row["because"],
    )


def edge(value: float | None, otherwise: str) -> str:
    return otherwise if value is None else number(value)


def bar(claim: Claim, effect: float, low: float | None, high: float | None) -> IntervalBar:
    bottom, top = claim.readout.bounds
    if claim.control is not None:
        bottom, top = bottom - top, top - bottom
    edges = [edge for edge in claim.allowed if math.isfinite(edge)]
    known = [x for x in (effect, low, high, *edges) if x is not None]
    left = min([*known, bottom] if math.isfinite(bottom) else known)
    right = max([*known, top] if math.isfinite(top) else known)
    wide = right - left or 1.0

    def place(x: float | None, otherwise: float) -> float:
        return otherwise if x is None else round(2 + 96 * (x - left) / wide, 2)

    least, most = (place(edge, 0) if edge in edges else end for edge, end in zip(claim.allowed, (2, 98), strict=True))
    return IntervalBar(
        low=place(low, 2),
        high=place(high, 98),
        effect=place(effect, 0),
        thresholds=[place(edge, 0) for edge in edges],
        wanted=(least, round(most - least, 2)),
        zero=place(0.0, 0) if left < 0 < right else None,
    )


def blocks_of(by_row: Mapping[Row | None, list[Line]]) -> list[BlockLines]:
    """The table's blocks with every row."""

    def row_lines(row: Row) -> RowLines:
        lines = by_row.get(row) or [Line(Finding.NOT_RUN.value, because="no claim on this row yet")]
        worst = next(finding for finding in WORST_FIRST if finding in {line.finding for line in lines})
        return RowLines(row.value, row.label, row.meaning, lines, worst)

    return [BlockLines(block.value, [row_lines(row) for row in rows]) for block, rows in ROW_BLOCKS.items()]


# -- arms ----------------------------------------------------------------------------------------------


def arm_of(organism: Organism, arm: Arm, store: Store) -> ArmLine:
    recipe: Recipe = organism.arms[0].recipe
    differs = [(field, value(here), value(there)) for field, (here, there) in difference(recipe, arm.recipe).items()]
    return ArmLine(arm.name, arm.role, differs, len(store.seeds(organism, arm)))


def value(thing: object) -> str:
    """A recipe's value in few words."""
    if is_dataclass(thing) and not isinstance(thing, type):
        settings = ", ".join(f"{f.name}={getattr(thing, f.name)!r}" for f in fields(thing) if f.repr)
        return truncated(f"{type(thing).__name__}({settings})", 90)
    return truncated(thing if isinstance(thing, str) else repr(thing), 90)
