"""What an organism's and an assay's author can have checked, from Python, the command line and pytest."""

from turncoat.testing.contract import Check, assay_checks, organism_checks

__all__ = ["Check", "assay_checks", "organism_checks"]
