"""The command line: words in, words out. Whatever a command needs is imported when it runs.

argparse rather than a larger parser: it starts at once, and its errors can be made one line.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from turncoat import __version__
from turncoat.api import STORE, find, kept, own, verdicts
from turncoat.api import open_store as shelf
from turncoat.boundary import one_line
from turncoat.core import Organism, TurncoatError, as_json, difference, nearest
from turncoat.organisms import load, names
from turncoat.report.table import MARKS, as_csv, details, interval, markdown, markdown_details, matrix, number, tally
from turncoat.store import Store

DEBUG = "print the whole traceback of what went wrong"


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
    top.add_argument("--debug", action="store_true", help=DEBUG)
    commands = top.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)

    def command(run: Callable[[Any], int], says: str, organism: str | None = "NAME") -> Parser:
        sub = commands.add_parser(run.__name__.rstrip("_"), help=says, description=says)
        sub.set_defaults(run=run)
        sub.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=DEBUG)
        if organism:
            sub.add_argument("name", metavar=organism, help="a name from `turncoat list`, or a path to a .py file")
        return sub

    def store(sub: Parser) -> None:
        sub.add_argument("--store", type=Path, default=Path(STORE), help="folder for runs, read before the zoo")

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
    sub = command(register, "write down every claim and its threshold before it is measured")
    sub.add_argument("--seeds", type=count, default=10, help="training runs of each arm on which it will be judged")
    sub.add_argument("--first-seed", type=seed, default=100, help="the first of these seeds, none of them trained yet")
    sub.add_argument("--into", type=Path, help="folder of registrations; the project's, or ./registry for a file")
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
    sub = command(check, "the contract tests on anybody's organism file, with a short training", "FILE")
    sub.add_argument("--train", action="store_true", help="train recipes that have no smoke(limit) in full")
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done (refuted is a result), 1 asked-for failure, 2 something the user can mend, 130 stopped."""
    streams()
    debug = False
    try:
        try:
            options = parser().parse_args(argv)
            debug = options.debug
            return int(options.run(options))
        finally:
            sys.stdout.flush()  # what cannot be written is found out here, and not when Python ends
    except KeyboardInterrupt:
        complain("stopped; what is finished is saved, and the same command goes on from there")
        return 130
    except BrokenPipeError:
        give_up_output()
        return 0
    except Exception as error:
        give_up_output()
        if debug:
            traceback.print_exc()
        hint = "" if debug or isinstance(error, TurncoatError) else " (--debug prints the whole traceback)"
        complain(f"{one_line(error)}{hint}")
        return 2


def streams() -> None:
    """A stream that was closed is empty, and a character that the terminal's encoding lacks is written as its code."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115  # for as long as Python runs
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def complain(message: str) -> None:
    """One line on standard error, if that can be written."""
    with contextlib.suppress(OSError, ValueError):
        print(f"turncoat: {message}", file=sys.stderr, flush=True)


def give_up_output() -> None:
    """Print what is still to be printed; where that cannot be written, Python must not try again when it ends."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def arms_of(organism: Organism, wanted: list[str]) -> tuple[str, ...]:
    known = [arm.name for arm in organism.all_arms()]
    for name in wanted:
        if name not in known:
            raise TurncoatError(f"{organism.name} has no arm {name!r}; {nearest(name, known, 'arms are')}")
    return tuple(wanted)


# -- commands --------------------------------------------------------------------------------------------


def list_(options: Any) -> int:
    organisms = [load(name) for name in names()]
    if options.tag:
        organisms = [organism for organism in organisms if options.tag in organism.tags]
    if options.json:
        print(as_json([entry(organism) for organism in organisms]))
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
    words = {"≥": "at least", "≤": "at most", "±": "equal within"}
    return f"{whose}: {words[claim.sign]} {claim.threshold:g} {claim.assay.says}"


def work(options: Any, observe: bool, only_trained: bool = False) -> int:
    from turncoat import lab

    organism, store = load(options.name), shelf(options.store, new=not only_trained)
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
    return judged(organism, store, options.fail_on, options.json)


def judged(organism: Organism, store: Store, fail_on: str | None, told_as_json: bool = False) -> int:
    from turncoat import lab

    lab.check_observed(organism, store)
    rows = lab.judge(organism, store)
    found = [row["finding"] for row in rows if row["claim"] is not None]
    failed = 1 if fail_on in found else 0
    if told_as_json:
        print(as_json(rows))
        store.save_verdicts(organism.name, rows)
        return failed
    for row in rows:
        if row["claim"] is not None:
            print(f"{MARKS[row['finding']]:3} {row['finding']:13} {interval(row):28} {row['claim']}")
            if row["finding"] not in ("shown", "refuted"):
                print(f"{'':46} {row['because']}")
            if row["replication"] is not None:
                again = row["replication"]
                told = interval(again) or again["because"]
                print(f"{'':3} {again['finding']:13} {told:28} ... on fresh seeds ({row['standing']})")
    print(f"{organism.name}: {tally([row for row in rows if row['claim'] is not None])}")
    store.save_verdicts(organism.name, rows)
    print(f"Verdicts in {store.root / organism.name / 'verdicts.json'}")
    return failed


def register(options: Any) -> int:
    from turncoat import registration

    organism, store = load(options.name), shelf(STORE)
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    for arm in organism.all_arms():
        if taken := sorted(set(store.asked(organism.name, arm)) & set(seeds)):
            raise TurncoatError(
                f"{organism.name}: seed {taken[0]} of arm {arm.name!r} was asked for already; register seeds that were "
                "never trained, with --first-seed"
            )
    into = options.into or registration.path_of(organism.name).parent
    new, total = registration.register(organism, options.first_seed, options.seeds, into)
    print(f"{organism.name}: {new} claims registered, {total} in {into / organism.name}.json; commit it, then run them")
    return 0


def table(options: Any) -> int:
    rows = verdicts(shelf(options.store), options.name)
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


def verify(options: Any) -> int:
    from turncoat import lab

    organism, store = load(options.name), shelf(options.store)
    rows = lab.verify(options.name, organism, store, options.seeds, options.jobs)
    out = sys.stderr if options.json else sys.stdout
    if options.json:
        print(as_json(rows))
    for row in () if options.json else rows:
        old, new = (number(row[k]) if row[k] is not None else "-" for k in ("stored_effect", "fresh_effect"))
        mark = {True: "agrees ", False: "DIFFERS", None: "unseen "}[row["agrees"]]
        runs = f"{row['observed']}/{row['runs']}"
        print(f"{mark} {row['stored']:>12} {old:>7} -> {row['fresh']:12} {new:>7} {runs:>6}  {row['claim']}")
    seen = [row for row in rows if row["agrees"] is not None]
    agreed = sum(row["agrees"] for row in seen)
    print(f"{agreed} of {len(seen)} claims that were observed afresh agree, in finding and in effect", file=out)
    if len(seen) < len(rows):
        print(f"{len(rows) - len(seen)} more claims are about runs whose weights are not kept", file=out)
    print("every stored file is what was stored", file=out)
    if any(row["observed"] < row["runs"] for row in rows):
        print(
            "k/n: runs observed afresh; of the others the weights are not kept, and what is stored stands in", file=out
        )
    if options.retrain:
        found = lab.retrain(
            options.name, organism, store, store.seeds(organism.name, organism.arms[0])[0], options.jobs
        )
        print(f"retrained: {', '.join(f'{name} {value:.3g}' for name, value in found.items())}", file=out)
    return 0 if agreed == len(seen) else 1


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
    from turncoat.lab import check_observed
    from turncoat.report.build import build

    store = shelf(options.store)
    if options.name:
        organisms = [find(options.name, store)]
        check_observed(organisms[0], store)
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


if __name__ == "__main__":
    sys.exit(main())
