"""What each command does. A command takes the parsed options and returns the exit code."""

from __future__ import annotations

import os
import re
import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from turncoat.api import STORE, arm_of, find, open_store, trained_run, users_organisms, verdicts
from turncoat.core import (
    Claim,
    Organism,
    TurncoatError,
    VerdictRow,
    as_json,
    difference,
    digest,
    every_claim,
)  # fmt: skip
from turncoat.organisms import load, names
from turncoat.report.table import MARKS, as_csv, details, interval, markdown, markdown_details, matrix, number, tally
from turncoat.store import Store

if TYPE_CHECKING:
    from turncoat.protocols import InteractiveEpisode


def list_(options: Namespace) -> int:
    organisms = [load(name) for name in names()]
    if options.tag:
        organisms = [organism for organism in organisms if options.tag in organism.tags]
    if options.json:
        print(as_json([entry(organism) for organism in organisms]))
    for organism in () if options.json else organisms:
        print(f"{organism.name:20} {organism.title}  [{', '.join(sorted(organism.tags))}]")
    return 0


class Entry(TypedDict):
    """An organism in `turncoat list --json`."""

    name: str
    title: str
    tier: int
    realism: int
    tags: list[str]
    arms: list[str]
    claims: list[str]


def entry(organism: Organism) -> Entry:
    return {
        "name": organism.name,
        "title": organism.title,
        "tier": int(organism.tier),
        "realism": int(organism.realism),
        "tags": sorted(organism.tags),
        "arms": [arm.name for arm in organism.arms],
        "claims": [claim.statement for claim in organism.claims],
    }


def show(options: Namespace) -> int:
    store = open_store(options.store)
    organism = find(options.name, store)
    print(organism.doc.strip())
    print(f"\nTier {int(organism.tier)}, realism level {int(organism.realism)}. Cost: {organism.cost or 'not stated'}.")
    print("\nArms (how each differs from the organism; seeds in store and zoo)")
    for arm in organism.all_arms():
        differs = difference(organism.arms[0].recipe, arm.recipe)
        changes = ", ".join(f"{field}: {mine} -> {other}" for field, (mine, other) in differs.items())
        print(f"  {arm.name:20} {changes or 'the organism'}  ({len(store.seeds(organism, arm))} seeds)")
    print("\nClaims")
    for claim in organism.claims:
        print(f"  [{claim.row.value if claim.row else 'beside the table'}] {claim.statement} ({terms(claim)})")
    return 0


def terms(claim: Claim) -> str:
    """The claim's arithmetic in words: whose number, against what."""
    whose = claim.arm if claim.control is None else f"{claim.arm} minus {claim.control}"
    words = {"≥": "at least", "≤": "at most", "±": "equal within"}
    return f"{whose}: {words[claim.sign]} {claim.threshold:g} {claim.readout.unit}"


def work(options: Namespace, observe: bool, only_trained: bool = False) -> int:
    from turncoat.runner.backends import execute
    from turncoat.runner.plan import plan, smoke

    organism, store = load(options.name), open_store(options.store, new=not only_trained)
    arms = tuple(arm_of(organism, name).name for name in options.arm)
    chosen = quick_runs(organism) if options.quick else []
    if options.limit is not None:
        organism = smoke(organism, options.limit)
        store = Store(options.store / "smoke")
    store.remember(organism.name, options.name)
    if options.quick:
        jobs = [job for arm, seed in chosen for job in plan(options.name, organism, store, 1, seed, (arm,))]
    else:
        jobs = plan(options.name, organism, store, options.seeds, options.first_seed, arms, observe, options.limit)
    if only_trained:
        jobs = [job for job in jobs if store.run(organism, organism.arm(job.arm), job.seed).trained]
    print(
        f"{organism.name}: {len(jobs)} jobs to do, {options.jobs} at a time; results in {store.root}", file=sys.stderr
    )
    execute(jobs, options.jobs)
    if options.limit is not None:
        print("smoke run: everything ran, nothing is judged", file=sys.stderr if observe and options.json else None)
        return 0
    if options.quick:
        print_runs(organism, store, chosen)
        return 0
    return judged(organism, store, options.fail_on, options.json) if observe else 0


def quick_runs(organism: Organism) -> list[tuple[str, int]]:
    """Arm and seed of each run of `--quick`. Raises TurncoatError where the organism names none."""
    if not organism.quick:
        raise TurncoatError(f"{organism.name} has no quick choice of runs; use --seeds 1, or --limit for a smoke run")
    return [(arm, seed) for arm, seeds in organism.quick.items() for seed in seeds]


def print_runs(organism: Organism, store: Store, chosen: Sequence[tuple[str, int]]) -> None:
    """What each run of `--quick` gives by itself. Says nothing of the claims, which are about all runs."""
    assays = {digest(claim.readout.assay): claim.readout.assay for claim in every_claim(organism.claims)}
    for arm, seed in chosen:
        run = store.run(organism, organism.arm(arm), seed)
        print(f"\n{arm}, seed {seed}")
        for assay in assays.values():
            if (traces := run.traces(assay)) is not None:
                for readout in map(assay.readout, assay.readouts()):
                    print(f"  {readout.name:18} {readout.estimate(traces):5.2f}  {readout.description}")
    print(f"\nThese are single runs; `turncoat judge {organism.name}` judges the claims on all of them.")


def run(options: Namespace) -> int:
    return work(options, observe=True)


def train(options: Namespace) -> int:
    return work(options, observe=False)


def assay(options: Namespace) -> int:
    return work(options, observe=True, only_trained=True)


def judge(options: Namespace) -> int:
    organism, store = load(options.name), open_store(options.store)
    return judged(organism, store, options.fail_on, options.json)


def judged(organism: Organism, store: Store, fail_on: str | None, in_json: bool) -> int:
    """Judge, print and keep the verdicts, unless the store is packed and so has them. Returns 1 where a claim was found
    to be what the user asked to fail on."""
    from turncoat.runner.judge import check_observed
    from turncoat.runner.judge import judge as judge_organism

    check_observed(organism, store)
    rows = judge_organism(organism, store)
    claims = [row for row in rows if row["claim"] is not None]
    if in_json:
        print(as_json(rows))
    else:
        print_verdicts(claims)
        print(f"{organism.name}: {tally(claims)}")
    if not store.packed:
        store.save_verdicts(organism.name, rows)
        if not in_json:
            print(f"Verdicts in {store.root / organism.name / 'verdicts.json'}")
    return 1 if fail_on in [row["finding"] for row in claims] else 0


def print_verdicts(claims: list[VerdictRow]) -> None:
    """A line a claim, and below it why it is open and what came out on fresh seeds."""
    for row in claims:
        print(f"{MARKS[row['finding']]:3} {row['finding']:13} {interval(row):28} {row['claim']}")
        if row["finding"] not in ("shown", "refuted"):
            print(f"{'':46} {row['because']}")
        if (fresh := row["replication"]) is not None:
            found = interval(fresh) or fresh["because"]
            print(f"{'':3} {fresh['finding']:13} {found:28} ... on fresh seeds ({row['standing']})")


def register(options: Namespace) -> int:
    from turncoat import registration

    organism, store = load(options.name), open_store(STORE)
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    for arm in organism.all_arms():
        if taken := sorted(set(store.asked(organism, arm)) & set(seeds)):
            raise TurncoatError(
                f"{organism.name}: seed {taken[0]} of arm {arm.name!r} was asked for already; register seeds that were "
                "never trained, with --first-seed"
            )
    into = options.into or registration.path_of(organism.name).parent
    new, total = registration.register(organism, options.first_seed, options.seeds, into)
    print(f"{organism.name}: {new} claims registered, {total} in {into / organism.name}.json; commit it, then run them")
    return 0


def table(options: Namespace) -> int:
    rows = verdicts(open_store(options.store), options.name)
    if options.json:
        print(as_json(rows))
    elif options.csv:
        print(as_csv(rows), end="")
    elif options.markdown:
        print(markdown_details(rows) if options.name else markdown(rows))
    else:
        print(details(rows) if options.name else matrix(rows, in_colour()))
        sources = sorted({row["store"] for row in rows if row["store"]})
        nowhere = f"nowhere yet; run one, for instance `turncoat run {names()[0]}`"
        print(f"Traces from: {', '.join(sources) or nowhere}")
    return 0


def in_colour() -> bool:
    """Where the terminal has it and nobody minds (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def verify(options: Namespace) -> int:
    from turncoat.runner import verify as verification

    organism, store = load(options.name), open_store(options.store)
    rows = verification.verify(options.name, organism, store, options.seeds, options.jobs)
    out = sys.stderr if options.json else sys.stdout
    if options.json:
        print(as_json(rows))
    for row in () if options.json else rows:
        old, new = ("-" if x is None else number(x) for x in (row["stored_effect"], row["fresh_effect"]))
        mark = {True: "agrees ", False: "DIFFERS", None: "unseen "}[row["agrees"]]
        runs = f"{row['observed']}/{row['runs']}"
        print(f"{mark} {row['stored']:>12} {old:>7} -> {row['fresh']:12} {new:>7} {runs:>6}  {row['claim']}")
    answers = [row["agrees"] for row in rows if row["agrees"] is not None]
    agreed = sum(answers)
    print(f"{agreed} of {len(answers)} claims that were observed afresh agree, in finding and in effect", file=out)
    if len(answers) < len(rows):
        print(f"{len(rows) - len(answers)} more claims are about runs whose weights are not kept", file=out)
    print("every stored file is what was stored", file=out)
    if any(row["observed"] < row["runs"] for row in rows):
        print(
            "k/n: runs observed afresh; of the others the weights are not kept, and what is stored stands in", file=out
        )
    if options.retrain:
        first = store.seeds(organism, organism.arms[0])[0]
        differences = verification.retrain(options.name, organism, store, first, options.jobs)
        print(f"retrained: {', '.join(f'{name} {value:.3g}' for name, value in differences.items())}", file=out)
    return 0 if agreed == len(answers) else 1


def play(options: Namespace) -> int:
    from turncoat.protocols import InteractiveWorld, PlayableWorld

    store = open_store(options.store)
    organism = find(options.name, store)
    arm, world = arm_of(organism, options.arm), organism.world
    if options.me:
        if not isinstance(world, InteractiveWorld):
            raise TurncoatError(f"the world of {organism.name} cannot be played by hand; see `turncoat report`")
        play_by_hand(world.interactive_episode(options.level, options.levels))
        return 0
    if not isinstance(world, PlayableWorld):
        raise TurncoatError(f"the world of {organism.name} cannot be watched in a terminal; see `turncoat report`")
    world.play(store.run(organism, arm, options.seed).subject(), print, options.level, options.levels)
    return 0


def play_by_hand(episode: InteractiveEpisode) -> None:
    """A person plays: a line is what they type, an empty one changes nothing, the end of input ends it."""
    print(f"{episode.key_help}; Ctrl-D stops")
    while not episode.done:
        print(episode.render())
        try:
            episode.enter(input("> "))
        except EOFError:
            break
        except TurncoatError as error:
            print(error)
    print(episode.render())
    print(episode.summary())


def report(options: Namespace) -> int:
    from turncoat.report.build import build
    from turncoat.runner.judge import check_observed

    store = open_store(options.store)
    if options.name:
        organisms = [find(options.name, store)]
        check_observed(organisms[0], store)
    else:
        mine, lost = users_organisms(store)
        organisms = [load(name) for name in names()] + mine
        for line in lost:
            print(f"turncoat: {line}", file=sys.stderr)
    print(build(organisms, store, options.out))
    return 0


def export(options: Namespace) -> int:
    from turncoat.export import export as export_run

    store = open_store(options.store)
    organism = find(options.name, store)
    run = trained_run(organism, options.arm, options.seed, store, options.name)
    if options.inspect:
        from turncoat.audit.episodes import export as export_episodes
        from turncoat.audit.run import check_extra

        check_extra()
        print(export_episodes(run, options.inspect))
        return 0
    out = options.out or Path(re.sub(r"[^\w.-]+", "-", f"{organism.name}-{run.arm.name}-{run.seed}"))
    print(f"{out}: {', '.join(export_run(run, out))}")
    return 0


def audit(options: Namespace) -> int:
    from turncoat.audit import report as reports
    from turncoat.audit import run as runs
    from turncoat.audit import spec as specs
    from turncoat.audit import targets, words

    spec = specs.read(options.spec)
    if options.check:
        print("\n".join(words.explain(spec)))
        return 0
    if options.target is None and options.out is None:
        print("\n".join(words.dry_run(spec)))
        return 0
    if options.out is None:
        raise TurncoatError("--target needs --out DIR, a folder for ledger, logs and report")
    if options.target is None:
        found = runs.load(spec, options.out)
    else:
        target = targets.parse(options.target, options.header)
        caps = runs.caps_of(spec, options.requests, options.tokens, options.seconds, options.money)
        found = runs.run(spec, target, options.out, caps, options.authorised)
    written = reports.build(found, options.out, options.disclose)
    if options.json:
        print(written[0].read_text("utf-8"), end="")
    else:
        print("\n".join(words.told(found)))
        print(f"{', '.join(map(str, written))}; logs for `inspect view --log-dir {options.out / 'logs'}`")
    return 1 if options.fail_on in [verdict.finding for verdict in found.verdicts] else 0


def survey(options: Namespace) -> int:
    from rich.console import Console

    from turncoat.survey import run as surveys
    from turncoat.survey.words import told

    question, saved = surveys.check(
        surveys.Question(
            options.env, options.model, options.episodes, options.first_seed, options.vecnormalize, options.view,
            options.sibling, options.algorithm,
        )
    )  # fmt: skip
    ask_to_unpickle([path for path in (options.model, options.vecnormalize) if path], options.trust_files)
    with Console(stderr=True).status("") as status:  # on a terminal only
        report = surveys.survey(question, saved, lambda what: status.update(f"{question.environment}: {what}"))
    print(as_json(asdict(report)) if options.json else "\n".join(told(report)))
    return 0


def ask_to_unpickle(paths: Sequence[Path], trusted: bool) -> None:
    """Raises TurncoatError where the user does not want it, or cannot be asked."""
    files = " and ".join(map(str, paths))
    if trusted:
        return
    if not sys.stdin.isatty():
        raise TurncoatError(f"{files}: loading unpickles, which can run any code; give --trust-files if you trust them")
    print(f"Loading {files} unpickles, which can run any code. Load? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise TurncoatError("nothing was loaded")


def check(options: Namespace) -> int:
    from turncoat.testing.contract import organism_checks
    from turncoat.testing.smoke import smoke_checks

    organism, found = load(options.name), {"pass": 0, "note": 0, "FAIL": 0}
    for results in (organism_checks(organism, options.name), smoke_checks(organism, options.train)):
        for result in results:
            mark = "FAIL" if not result.passed else "note" if result.reason else "pass"
            found[mark] += 1
            print(f"{mark}  {result.name}{f': {result.reason}' if result.reason else ''}", flush=True)
    print(f"{found['pass'] + found['note']} passed ({found['note']} with a note), {found['FAIL']} failed")
    return 1 if found["FAIL"] else 0
