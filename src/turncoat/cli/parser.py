"""The words of the command line.

argparse rather than a larger parser: it starts at once, and its errors can be made one line.
"""

from __future__ import annotations

import argparse
import math
import os
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from turncoat import __version__
from turncoat.api import STORE
from turncoat.cli import commands
from turncoat.core import TurncoatError

DEBUG = "print the whole traceback of what went wrong"


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise TurncoatError(f"{message} (try `{self.prog} --help`)")


def count(text: str) -> int:
    """A whole number of at least 1."""
    if not text.lstrip("-").isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, got {text!r}")
    return int(text)


def amount(text: str) -> float:
    """A number of at least 0."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number of at least 0, got {text!r}")
    return number


def seed(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 0, got {text!r}")
    return int(text)


def parser() -> Parser:
    top = Parser(prog="turncoat", description="Model organisms of misalignment: train, measure, judge.")
    top.add_argument("--version", action="version", version=f"turncoat {__version__}")
    top.add_argument("--debug", action="store_true", help=DEBUG)
    subparsers = top.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)

    def command(run: Callable[[Namespace], int], description: str, organism: str | None = "NAME") -> Parser:
        sub = subparsers.add_parser(run.__name__.rstrip("_"), help=description, description=description)
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

    def audit(sub: Parser) -> None:
        sub.add_argument("spec", type=Path, metavar="SPEC", help="a TOML file (docs/auditing.md)")
        sub.add_argument("--check", action="store_true", help="explain it, with the items that it needs; sends nothing")
        sub.add_argument(
            "--target", help="http://…, cli:COMMAND, python:MODULE:NAME, openai:PROVIDER/MODEL, turncoat:NAME"
        )
        sub.add_argument(
            "--header", action="append", default=[], help="'Name: value', secrets as $NAME; can be repeated"
        )
        sub.add_argument(
            "--yes-i-am-authorised", action="store_true", dest="authorised", help="you may audit it: really send"
        )
        for cap, kind, unit in (("requests", count, ""), ("tokens", count, ""), ("seconds", amount, ""),
                                ("money", amount, ", in the currency of the file")):  # fmt: skip
            sub.add_argument(f"--{cap}", type=kind, help=f"at most so many in all runs, retries included{unit}")
        sub.add_argument("--out", type=Path, help="folder for ledger, logs and report; the same command goes on in it")
        sub.add_argument("--disclose", action="store_true", help="name the product before its embargo is over")
        sub.add_argument("--fail-on", choices=["violation"], help="exit 1 where a violation is found")
        sub.add_argument("--json", action="store_true", help="what audit.json has")

    def survey(sub: Parser) -> None:
        sub.add_argument("--env", required=True, metavar="ID", help="what it was trained in; package:ID imports that")
        sub.add_argument("--model", required=True, type=Path, metavar="ZIP", help="as stable-baselines3 saved it")
        sub.add_argument("--vecnormalize", type=Path, metavar="PKL", help="VecNormalize's statistics, saved beside it")
        sub.add_argument(
            "--view", choices=("egocentric", "flat", "whole"), default="", help="what it sees; the one that fits, if so"
        )
        sub.add_argument(
            "--sibling", metavar="ID", default="",
            help="ask only if it is paid here too, a registered environment with the goal elsewhere",
        )  # fmt: skip
        sub.add_argument("--algorithm", choices=("PPO", "A2C", "DQN"), default="", help="where the file does not tell")
        sub.add_argument("--episodes", type=count, default=60, help="of each kind (60)")
        sub.add_argument("--first-seed", type=seed, default=0, help="of the episodes")
        sub.add_argument(
            "--trust-files", action="store_true", help="load them without asking: pickles in them can run any code"
        )
        sub.add_argument("--json", action="store_true", help="the same as a dict")

    sub = command(commands.list_, "what is in the catalogue", None)
    sub.add_argument("--tag", help="only organisms with this tag")
    sub.add_argument("--json", action="store_true")
    store(command(commands.show, "an organism's page, arms with their computed difference, and claims"))
    for act, description in (
        (commands.run, "train, observe and judge; goes on where it was stopped"),
        (commands.train, "train only"),
        (commands.assay, "observe what is trained, and judge"),
    ):
        work(sub := command(act, description))
        sub.set_defaults(quick=False)
        if act is not commands.train:
            verdict(sub)
        if act is commands.run:
            sub.add_argument(
                "--quick", action="store_true", help="only the few runs that the organism names for a look"
            )
    sub = command(commands.judge, "judge stored traces; runs no model")
    store(sub)
    verdict(sub)
    sub = command(commands.register, "write down every claim and its threshold before it is measured")
    sub.add_argument("--seeds", type=count, default=10, help="training runs of each arm on which it will be judged")
    sub.add_argument("--first-seed", type=seed, default=100, help="the first of these seeds, none of them trained yet")
    sub.add_argument("--into", type=Path, help="folder of registrations; the project's, or ./registry for a file")
    sub = command(
        commands.table, "organisms x rows: the mark of each row's weakest claim; of one organism, the details", None
    )
    sub.add_argument("name", nargs="?", help="one organism, with what was measured; a matrix of all without it")
    store(sub)
    shape = sub.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="a dict a claim or unanswered row")
    shape.add_argument("--csv", action="store_true", help="the same rows as CSV")
    shape.add_argument("--markdown", action="store_true", help="what is printed, as a Markdown table")
    sub = command(commands.verify, "observe stored subjects with fresh evaluation seeds, and compare the verdicts")
    store(sub)
    sub.add_argument("--seeds", type=count, default=100, help="at most so many stored training runs of each arm")
    sub.add_argument("-j", dest="jobs", type=count, default=os.cpu_count() or 1, help="processes")
    sub.add_argument("--retrain", action="store_true", help="train the first seed again too, and compare its weights")
    sub.add_argument("--json", action="store_true", help="a dict a claim: stored and fresh finding, and if they agree")
    sub = command(commands.play, "watch a trained subject in the terminal, or play its level yourself")
    store(sub)
    sub.add_argument("--me", action="store_true", help="play it yourself")
    sub.add_argument("--levels", choices=("training", "deployment"), default="deployment")
    sub.add_argument("--arm", default="organism")
    sub.add_argument("--seed", type=seed, default=0, help="of the training run")
    sub.add_argument("--level", type=seed, default=0, help="seed of the level that is played")
    sub = command(commands.report, "write the static gallery", None)
    sub.add_argument("name", nargs="?", help="one organism, or its file; the catalogue and the store's own without it")
    store(sub)
    sub.add_argument("--out", type=Path, default=Path("site"), help="folder to write")
    sub = command(
        commands.export, "write a trained subject as a folder for use elsewhere: weights, network, model card"
    )
    store(sub)
    sub.add_argument("--arm", default="organism")
    sub.add_argument("--seed", type=seed, default=0, help="of the training run")
    sub.add_argument("--out", type=Path, help="folder to write; by default one named for all three, here")
    sub.add_argument(
        "--inspect", type=Path, metavar="DIR", help="write recorded episodes as an Inspect log there instead"
    )
    audit(
        command(commands.audit, "ask a product whether it keeps its publisher's rules; sends nothing by default", None)
    )
    survey(command(commands.survey, "where your own agent goes once the goal is elsewhere (docs/undesigned.md)", None))
    sub = command(commands.check, "the contract tests on anybody's organism file, with a short training", "FILE")
    sub.add_argument("--train", action="store_true", help="train recipes that have no smoke(limit) in full")
    return top
