"""The nouns of Turncoat, and nothing else: no torch, no disk, no clock.

    recipe --train--> subject --observe in a world--> traces --read out--> number per seed --judge--> verdict

Data flows one way along that line. Every noun is a frozen dataclass of plain data, a protocol that any object may
satisfy, or the base class of assays; nothing here registers anything, or imports anything else of ours.
"""

from turncoat.core.claims import Arm, Claim, every_claim
from turncoat.core.criteria import ROW_BLOCKS, Block, Row
from turncoat.core.designs import Choice, Laws, LogUniform, Outcome, RandomDesigns, Uniform
from turncoat.core.errors import NotTestable, TurncoatError, nearest, one_of
from turncoat.core.identity import as_json, changed, difference, digest, hashed, kind_of, plain, trace_key
from turncoat.core.interfaces import (
    Access,
    Factor,
    Measure,
    Recipe,
    Session,
    Subject,
    TestParameter,
    TrainReport,
    World,
    check_condition,
    check_factors,
    lineage,
)
from turncoat.core.items import Items
from turncoat.core.organism import Organism, Realism, Tier, claim_content, claim_id
from turncoat.core.plots import OutcomePlot, PhaseDiagram, Sweep, TracePlot, TrainingPlot, varied
from turncoat.core.readouts import Assay, Quantity, Readout, readout
from turncoat.core.traces import Traces
from turncoat.core.verdicts import EXPLORATORY, REGISTERED, Finding, Numbers, Verdict, VerdictRow, finite, verdict_row

__all__ = [
    "EXPLORATORY", "REGISTERED", "ROW_BLOCKS", "Access", "Arm", "Assay", "Block", "Choice", "Claim", "Factor",
    "Finding", "Items", "Laws", "LogUniform", "Measure", "NotTestable", "Numbers", "Organism", "Outcome",
    "OutcomePlot", "PhaseDiagram", "Quantity", "RandomDesigns", "Readout", "Realism", "Recipe", "Row", "Session",
    "Subject", "Sweep", "TestParameter", "Tier", "TracePlot", "Traces", "TrainReport", "TrainingPlot", "TurncoatError",
    "Uniform", "Verdict", "VerdictRow", "World", "as_json", "changed", "check_condition", "check_factors",
    "claim_content", "claim_id", "difference", "digest", "every_claim", "finite", "hashed", "kind_of", "lineage",
    "nearest", "one_of", "plain", "readout", "trace_key", "varied", "verdict_row",
]  # fmt: skip
