"""The gallery: one page an organism and an index, each a single file that opens from disk.

A page loads nothing: style, script, figures and replay are inside it, and its content security policy says so. Every
string that comes from a model, a store or a docstring is escaped by Jinja, becomes a text node in the replay, or goes
through a Markdown renderer without raw HTML and without images.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from turncoat.core import Organism
from turncoat.report.figures import (
    claim_figure,
    design_figures,
    outcome_figure,
    phase_figure,
    sweep_figures,
    trace_figures,
    training_figure,
)
from turncoat.report.page import blocks_of, page_of
from turncoat.report.replay import replay_of
from turncoat.report.results import OrganismResults
from turncoat.store import Store
from turncoat.store.files import write

HERE = Path(__file__).parent


def build(organisms: Sequence[Organism], store: Store, out: Path) -> Path:
    """Write the gallery into the folder `out` and return its index.html."""
    environment = Environment(
        loader=PackageLoader("turncoat", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = (HERE / "replay.js").read_text("utf-8")
    code = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    shared = {"style": Markup((HERE / "style.css").read_text("utf-8")), "blocks": blocks_of({})}
    pages = []
    for organism in organisms:
        results = OrganismResults(organism, store)
        random_designs = () if organism.random_designs is None else (organism.random_designs,)
        page = page_of(organism, store)
        pages.append(page)
        html = environment.get_template("page.html.j2").render(
            **shared,
            page=page,
            script=Markup(script),
            script_hash=f"sha256-{code}",
            replay=replay_of(organism, results),
            claims=[
                (page.findings.get(claim.statement, ""), claim_figure(results, claim)) for claim in organism.claims
            ],
            sweeps=[
                *((plot.title, [outcome_figure(results, plot)]) for plot in organism.outcome_plots),
                *((sweep.title, sweep_figures(results, sweep)) for sweep in organism.sweeps),
                *((diagram.title, [phase_figure(results, diagram)]) for diagram in organism.phase_diagrams),
                *((designs.title, design_figures(results, designs)) for designs in random_designs),
            ],
            plots=[
                *(figure for plot in organism.trace_plots for figure in trace_figures(results, plot)),
                *(training_figure(results, plot) for plot in organism.training_plots),
            ],
            notes=results.notes,
        )
        write(Path(out) / page.file, html.encode())
    index = Path(out) / "index.html"
    write(index, environment.get_template("index.html.j2").render(**shared, pages=pages).encode())
    return index
