"""Model organisms of misalignment: small models that show a named failure, and verdicts with controls.

    from turncoat import Arm, Claim, Organism, Row, Tier        the nouns, to declare an organism with
    import turncoat as tc; tc.subject("coin_run")                the functions of turncoat.api, to use one

Worlds, recipes and assays are modules of their own. Importing this never imports torch.
"""

from typing import TYPE_CHECKING

from turncoat.core import (
    Access,
    Arm,
    Assay,
    Choice,
    Claim,
    Finding,
    LogUniform,
    NotTestable,
    Organism,
    Outcome,
    OutcomePlot,
    PhaseDiagram,
    RandomDesigns,
    Realism,
    Row,
    Sweep,
    Tier,
    TracePlot,
    Traces,
    TrainingPlot,
    TrainReport,
    TurncoatError,
    Uniform,
    Verdict,
    readout,
)

if TYPE_CHECKING:
    from turncoat.api import judge, load, names, open_store, results, rollout, run, subject, table

__version__ = "0.1.0"

__all__ = [
    "Access",
    "Arm",
    "Assay",
    "Choice",
    "Claim",
    "TracePlot",
    "Finding",
    "OutcomePlot",
    "TrainingPlot",
    "LogUniform",
    "NotTestable",
    "Organism",
    "Outcome",
    "PhaseDiagram",
    "RandomDesigns",
    "Realism",
    "Row",
    "TrainReport",
    "Sweep",
    "Tier",
    "Traces",
    "TurncoatError",
    "Uniform",
    "Verdict",
    "__version__",
    "judge",
    "load",
    "names",
    "open_store",
    "readout",
    "results",
    "rollout",
    "run",
    "subject",
    "table",
]


def __getattr__(name: str) -> object:
    """The functions of turncoat.api, imported when first asked for."""
    if name in __all__:
        from turncoat import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
