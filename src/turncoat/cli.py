"""The command line: words in, words out. Whatever a command needs is imported when it runs.

argparse rather than a larger parser: it starts at once, and its errors can be made one line.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from turncoat import __version__
from turncoat.api import find, kept, own, verdicts
from turncoat.api import open_store as shelf
from turncoat.core import Organism, TurncoatError, difference
from turncoat.organisms import load, names
from turncoat.render import MARKS, as_csv, details, interval, markdown, markdown_details, matrix, tally
from turncoat.store import Store


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise TurncoatError(f"{message} (try `{self.prog} --help`)")


def count(text: str) -> int:
    """A whole number of at least 1."""
    if not text.lstrip("-").isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, got {text!r}")
    return int(text)


def seed(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 0, got {text!r}")
    return int(text)


def parser() -> Parser:
    top = Parser(prog="turncoat", description="Model organisms of misalignment: train, measure, judge.")
    top.add_argument("--version", action="version", version=f"turncoat {__version__}")
    commands = top.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)

    def command(run: Callable[[Any], int], says: str, organism: str | None = "NAME") -> Parser:
        sub = commands.add_parser(run.__name__.rstrip("_"), help=says, description=says)
        sub.set_defaults(run=run)
        if organism:
            sub.add_argument("name", metavar=organism, help="a name from `turncoat list`, or a path to a .py file")
        return sub

    def store(sub: Parser) -> None:
        sub.add_argument("--store", type=Path, default=Path("store"), help="folder for runs, read before the zoo")

    def work(sub: Parser) -> None:
        store(sub)
        sub.add_argument("--seeds", type=count, default=5, help="training runs of each arm, at most what the arm asks")
        sub.add_argument("--first-seed", type=seed, default=0, help="the first of these seeds")
        sub.add_argument("-j", dest="jobs", type=count, default=os.cpu_count() or 1, help="processes")
        sub.add_argument("--arm", action="append", default=[], help="only this arm (may be given again)")
        sub.add_argument("--limit", type=count, help="cut training to so many updates: a smoke run, never judged")

    def verdict(sub: Parser) -> None:
        sub.add_argument("--fail-on", choices=["refuted"], help="exit 1 where a claim is refuted")
        sub.add_argument("--json", action="store_true", help="verdicts as `turncoat table --json` has them")

    sub = command(list_, "what is in the catalogue", None)
    sub.add_argument("--tag", help="only organisms with this tag")
    sub.add_argument("--json", action="store_true")
    store(command(show, "an organism's page, arms with their computed difference, and claims"))
    for act, says in (
        (run, "train, observe and judge; goes on where it was stopped"),
        (train, "train only"),
        (assay, "observe what is trained, and judge"),
    ):
        work(sub := command(act, says))
        if act is not train:
            verdict(sub)
    sub = command(judge, "judge stored traces; runs no model")
    store(sub)
    verdict(sub)
    sub = command(table, "organisms x rows: the mark of each row's weakest claim; of one organism, the details", None)
    sub.add_argument("name", nargs="?", help="one organism, with what was measured; a matrix of all without it")
    store(sub)
    shape = sub.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="a dict a claim or unanswered row")
    shape.add_argument("--csv", action="store_true", help="the same rows as CSV")
    shape.add_argument("--markdown", action="store_true", help="what is printed, as a Markdown table")
    sub = command(verify, "observe stored subjects with fresh evaluation seeds, and compare the verdicts")
    store(sub)
    sub.add_argument("--seeds", type=count, default=100, help="at most so many stored training runs of each arm")
    sub.add_argument("-j", dest="jobs", type=count, default=os.cpu_count() or 1, help="processes")
    sub.add_argument("--retrain", action="store_true", help="train the first seed again too, and compare its weights")
    sub.add_argument("--json", action="store_true", help="a dict a claim: stored and fresh finding, and if they agree")
    sub = command(play, "watch a trained subject in the terminal, or play its level yourself")
    store(sub)
    sub.add_argument("--me", action="store_true", help="play it yourself")
    sub.add_argument("--levels", choices=("training", "deployment"), default="deployment")
    sub.add_argument("--arm", default="organism")
    sub.add_argument("--seed", type=seed, default=0, help="of the training run")
    sub.add_argument("--level", type=seed, default=0, help="seed of the level that is played")
    sub = command(report, "write the static gallery", None)
    sub.add_argument("name", nargs="?", help="one organism, or its file; the catalogue and the store's own without it")
    store(sub)
    sub.add_argument("--out", type=Path, default=Path("site"), help="folder to write")
    sub = command(export, "write a trained subject as a folder for use elsewhere: weights, network, model card")
    store(sub)
    sub.add_argument("--arm", default="organism")
    sub.add_argument("--seed", type=seed, default=0, help="of the training run")
    sub.add_argument("--out", type=Path, help="folder to write; by default one named for all three, here")
    command(check, "the contract tests on anybody's organism file", "FILE")
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done (refuted is a result), 1 asked-for failure, 2 something the user can mend, 130 stopped."""
    try:
        options = parser().parse_args(argv)
        return int(options.run(options))
    except TurncoatError as error:
        print(f"turncoat: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("turncoat: stopped; what is finished is saved, and the same command goes on from there", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def arms_of(organism: Organism, wanted: list[str]) -> tuple[str, ...]:
    known = [arm.name for arm in organism.all_arms()]
    for name in wanted:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1, 0.4)
            hint = f"did you mean {near[0]!r}?" if near else f"arms are {', '.join(known)}"
            raise TurncoatError(f"{organism.name} has no arm {name!r}; {hint}")
    return tuple(wanted)


# -- commands --------------------------------------------------------------------------------------------


def list_(options: Any) -> int:
    organisms = [load(name) for name in names()]
    if options.tag:
        organisms = [organism for organism in organisms if options.tag in organism.tags]
    if options.json:
        print(json.dumps([entry(organism) for organism in organisms], indent=1))
    for organism in () if options.json else organisms:
        print(f"{organism.name:20} {organism.title}  [{', '.join(sorted(organism.tags))}]")
    return 0


def entry(organism: Organism) -> dict[str, Any]:
    return {
        "name": organism.name,
        "title": organism.title,
        "tier": int(organism.tier),
        "realism": int(organism.realism),
        "tags": sorted(organism.tags),
        "arms": [arm.name for arm in organism.arms],
        "claims": [claim.says for claim in organism.claims],
    }


def show(options: Any) -> int:
    store = shelf(options.store)
    organism = find(options.name, store)
    print(organism.doc.strip())
    print(f"\nTier {int(organism.tier)}, realism level {int(organism.realism)}. Cost: {organism.cost or 'not stated'}.")
    print("\nArms (how each differs from the organism; seeds in store and zoo)")
    for arm in organism.all_arms():
        apart = difference(organism.arms[0].recipe, arm.recipe)
        changes = ", ".join(f"{field}: {mine} -> {other}" for field, (mine, other) in apart.items()) or "the organism"
        print(f"  {arm.name:20} {changes}  ({len(store.seeds(organism.name, arm))} seeds)")
    print("\nClaims")
    for claim in organism.claims:
        print(f"  [{claim.row.value if claim.row else 'beside the table'}] {claim.says} ({terms(claim)})")
    return 0


def terms(claim: Any) -> str:
    """The claim's arithmetic in words: whose number, against what."""
    whose = claim.arm if claim.control is None else f"{claim.arm} minus {claim.control}"
    bound = f"at least {claim.at_least:g}" if claim.at_least is not None else f"at most {claim.at_most:g}"
    return f"{whose}: {bound} {claim.assay.says}"


def work(options: Any, observe: bool, only_trained: bool = False) -> int:
    from turncoat import lab

    organism, store = load(options.name), shelf(options.store)
    arms = arms_of(organism, options.arm)
    if options.limit is not None:
        organism = lab.smoke(organism, options.limit)
        store = Store(options.store / "smoke")
    store.remember(organism.name, options.name)
    jobs = lab.plan(options.name, organism, store, options.seeds, options.first_seed, arms, observe, options.limit)
    if only_trained:
        jobs = [job for job in jobs if store.has_subject(organism.name, organism.arm(job.arm), job.seed)]
    print(
        f"{organism.name}: {len(jobs)} jobs to do, {options.jobs} at a time; results in {store.root}", file=sys.stderr
    )
    lab.execute(jobs, options.jobs)
    if options.limit is not None:
        print("smoke run: everything ran, nothing is judged", file=sys.stderr if observe and options.json else None)
        return 0
    return judged(organism, store, options.fail_on, options.json) if observe else 0


def run(options: Any) -> int:
    return work(options, observe=True)


def train(options: Any) -> int:
    return work(options, observe=False)


def assay(options: Any) -> int:
    return work(options, observe=True, only_trained=True)


def judge(options: Any) -> int:
    organism, store = load(options.name), shelf(options.store)
    store.remember(organism.name, options.name)
    return judged(organism, store, options.fail_on, options.json)


def judged(organism: Organism, store: Store, fail_on: str | None, as_json: bool = False) -> int:
    from turncoat import lab

    rows = lab.judge(organism, store)
    store.save_verdicts(organism.name, rows)
    found = [row["finding"] for row in rows if row["claim"] is not None]
    failed = 1 if fail_on in found else 0
    if as_json:
        print(json.dumps(rows, indent=1))
        return failed
    for row in rows:
        if row["claim"] is not None:
            print(f"{MARKS[row['finding']]:3} {row['finding']:13} {interval(row):28} {row['claim']}")
            if row["finding"] not in ("shown", "refuted"):
                print(f"{'':46} {row['because']}")
    told = tally([row for row in rows if row["claim"] is not None])
    print(f"{organism.name}: {told}. Verdicts in {store.root / organism.name / 'verdicts.json'}")
    return failed


def table(options: Any) -> int:
    rows = verdicts(shelf(options.store), options.name)
    if options.json:
        print(json.dumps(rows, indent=1))
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


def verify(options: Any) -> int:
    from turncoat import lab

    organism, store = load(options.name), shelf(options.store)
    rows = lab.verify(options.name, organism, store, options.seeds, options.jobs)
    out = sys.stderr if options.json else sys.stdout
    if options.json:
        print(json.dumps(rows, indent=1))
    for row in () if options.json else rows:
        old, new = (f"{row[k]:.3f}" if row[k] is not None else "-" for k in ("stored_effect", "fresh_effect"))
        mark = "agrees " if row["agrees"] else "DIFFERS"
        runs = f"{row['observed']}/{row['runs']}"
        print(f"{mark} {row['stored']:>12} {old:>7} -> {row['fresh']:12} {new:>7} {runs:>6}  {row['claim']}")
    print(f"{sum(row['agrees'] for row in rows)} of {len(rows)} findings agree on fresh evaluation seeds", file=out)
    if any(row["observed"] < row["runs"] for row in rows):
        print(
            "k/n: runs observed afresh; of the others the weights are not kept, and what is stored stands in", file=out
        )
    if options.retrain:
        found = lab.retrain(
            options.name, organism, store, store.seeds(organism.name, organism.arms[0])[0], options.jobs
        )
        print(f"retrained: {', '.join(f'{name} {value:.3g}' for name, value in found.items())}", file=out)
    return 0 if all(row["agrees"] for row in rows) else 1


def play(options: Any) -> int:
    store = shelf(options.store)
    organism = find(options.name, store)
    (name,) = arms_of(organism, [options.arm])
    if not hasattr(organism.world, "stage" if options.me else "play"):
        what = "played by hand" if options.me else "watched in a terminal"
        raise TurncoatError(f"the world of {organism.name} cannot be {what}; see `turncoat report`")
    if options.me:
        by_hand(organism.world.stage(options.level, options.levels))
        return 0
    subject = store.load_subject(organism.name, organism.arm(name), options.seed)
    organism.world.play(subject, print, options.level, options.levels)
    return 0


def by_hand(stage: Any) -> None:
    """A person plays: a line is what they type, an empty one changes nothing, the end of input ends it."""
    print(f"{stage.keys}; Ctrl-D stops")
    while not stage.done:
        print(stage.picture())
        try:
            stage.type(input("> "))
        except EOFError:
            break
        except TurncoatError as error:
            print(error)
    print(stage.picture())
    print(stage.says())


def report(options: Any) -> int:
    from turncoat.report.build import build

    store = shelf(options.store)
    if options.name:
        organisms = [find(options.name, store)]
    else:
        mine, lost = own(store)
        organisms = [load(name) for name in names()] + mine
        for line in lost:
            print(f"turncoat: {line}", file=sys.stderr)
    print(build(organisms, store, options.out))
    return 0


def export(options: Any) -> int:
    from turncoat.export import export as written

    store = shelf(options.store)
    organism = find(options.name, store)
    (name,) = arms_of(organism, [options.arm])
    arm = kept(organism, name, options.seed, store, options.name)
    out = options.out or Path(re.sub(r"[^\w.-]+", "-", f"{organism.name}-{name}-{options.seed}"))
    print(f"{out}: {', '.join(written(organism, arm, options.seed, store, out))}")
    return 0


def check(options: Any) -> int:
    from turncoat.testing import organism_checks

    results = list(organism_checks(load(options.name), options.name))
    for result in results:
        print(f"{'pass' if result.passed else 'FAIL'}  {result.name}" + (f": {result.reason}" if result.reason else ""))
    failed = sum(not result.passed for result in results)
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
