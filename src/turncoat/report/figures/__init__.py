"""Figures as SVG, one kind a module: text stays text, and the run is the sample.

Every point with a bar is a mean across seeds with its 95% t interval; every small dot is one seed. What a store does
not hold is not drawn: the figure is then a sentence that says so.
"""

from turncoat.report.figures.claims import claim_figure
from turncoat.report.figures.designs import design_figures
from turncoat.report.figures.outcomes import outcome_figure
from turncoat.report.figures.phases import phase_figure
from turncoat.report.figures.style import Figure
from turncoat.report.figures.sweeps import sweep_figures
from turncoat.report.figures.traces import trace_figures
from turncoat.report.figures.training import training_figure

__all__ = [
    "Figure", "claim_figure", "design_figures", "outcome_figure", "phase_figure", "sweep_figures", "trace_figures",
    "training_figure",
]  # fmt: skip
