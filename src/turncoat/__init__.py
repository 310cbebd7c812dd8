"""Model organisms of misalignment: small models that show a named failure, and verdicts with controls.

    from turncoat import Arm, Claim, Organism, Row, Tier

The nouns are here; worlds, recipes and assays are modules of their own. Importing this never imports torch.
"""

from turncoat.core import (
    Access,
    Arm,
    Claim,
    Curve,
    Finding,
    Log,
    NotTestable,
    Organism,
    Phases,
    Realism,
    Row,
    Step,
    Sweep,
    Tier,
    Traces,
    TurncoatError,
    Verdict,
)

__version__ = "0.1.0"

__all__ = [
    "Access",
    "Arm",
    "Claim",
    "Curve",
    "Finding",
    "Log",
    "NotTestable",
    "Organism",
    "Phases",
    "Realism",
    "Row",
    "Step",
    "Sweep",
    "Tier",
    "Traces",
    "TurncoatError",
    "Verdict",
    "__version__",
]
