"""What Inspect finds here, through the entry point `inspect_ai` of this package."""

from turncoat.audit.models import turncoat, turncoat_cli, turncoat_http, turncoat_python
from turncoat.audit.task import audit, keeps_the_rule

__all__ = ["audit", "keeps_the_rule", "turncoat", "turncoat_cli", "turncoat_http", "turncoat_python"]
