"""Thresholds came first, and anyone can see it.

    turncoat register NAME        writes registry/NAME.json

holds every claim's statement, assay, threshold, arms, control, preconditions and world, under a hash of all of these,
with the seeds on which it is to be judged. A claim is *registered* where the commit that added its hash and seeds is an
ancestor of the first commit that holds any of its data; `standing` reads that from git. All other claims are
*exploratory*: they may have been written after a look.
"""

from __future__ import annotations

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from turncoat.core import EXPLORATORY, REGISTERED, Claim, Organism, TurncoatError, digest, every_claim, plain
from turncoat.organisms import names
from turncoat.store import leaf, shipped, write

FOLDER = "registry"


def path_of(name: str) -> Path:
    """An organism's registration: where Turncoat ships them, or (for one's own file) in ./registry."""
    there = shipped(FOLDER) if name in names() else None
    return (there or Path(FOLDER)) / f"{name}.json"


def entry(organism: Organism, claim: Claim) -> dict[str, Any]:
    """All that a claim says, as plain data; its hash is the claim's id."""
    arms = {"arm": claim.arm} | ({} if claim.control is None else {"control": claim.control})
    return {
        "statement": claim.says,
        "row": None if claim.row is None else claim.row.value,
        "assay": plain(claim.assay),
        "threshold": {
            name: bound
            for name in ("at_least", "at_most", "within")
            if (bound := getattr(claim, name)) is not None
        },
        **{role: {"name": name, "recipe": digest(organism.arm(name).recipe)} for role, name in arms.items()},
        "given": [claim_id(organism, precondition) for precondition in claim.given],
        "world": plain(organism.world),
    }  # fmt: skip


def claim_id(organism: Organism, claim: Claim) -> str:
    """Twelve hex digits that change with anything that the claim says."""
    return digest(entry(organism, claim))


def load(name: str) -> dict[str, dict[str, Any]]:
    """The registered claims of an organism by id; {} where none are. Raises TurncoatError on a damaged file."""
    path = path_of(name)
    if not path.is_file():
        return {}
    try:
        return dict(json.loads(path.read_text())["claims"])
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise TurncoatError(f"{path} is damaged ({error}); take it from git again") from None


def register(organism: Organism, first: int, seeds: int, into: Path) -> tuple[int, int]:
    """Add the claims that are not registered yet, to be judged on `seeds` seeds from `first` on (of each arm, at most
    as many as it asks for). Those that are stay as they are, also when the organism no longer makes them. Returns how
    many are new, and how many there are."""
    known = load(organism.name)
    new = 0
    for claim in every_claim(organism.claims):
        if (name := claim_id(organism, claim)) not in known:
            arms = (claim.arm, *(() if claim.control is None else (claim.control,)))
            counts = {arm: min(seeds, organism.arm(arm).seeds or seeds) for arm in arms}
            known[name] = entry(organism, claim) | {
                "seeds": {arm: list(range(first, first + count)) for arm, count in counts.items()}
            }
            new += 1
    body = {"organism": organism.name, "claims": known}
    write(into / f"{organism.name}.json", (json.dumps(body, indent=1, ensure_ascii=False) + "\n").encode())
    return new, len(known)


def seeds_of(registered: dict[str, dict[str, Any]]) -> frozenset[int]:
    """All seeds that any claim is registered for."""
    return frozenset(s for claim in registered.values() for seeds in claim["seeds"].values() for s in seeds)


def standing(organism: Organism, claim: Claim, runs: dict[str, dict[int, Path]]) -> str | None:
    """REGISTERED where git shows that the claim came before its data, else EXPLORATORY; None where no git knows the
    registration, as in a package that was installed.

    runs: of each arm, the folders of the runs that hold its data, by seed. Data that is in no commit yet counts as
    later than what is committed.
    """
    name, path = claim_id(organism, claim), path_of(organism.name).resolve()
    registered = load(organism.name).get(name)
    if not first_registered(path):
        return None
    added = first_registered(path).get(name)
    if registered is None or added is None or added[1] != registered["seeds"]:
        return EXPLORATORY
    for arm, seeds in registered["seeds"].items():
        for seed in seeds:
            if (run := runs.get(arm, {}).get(seed)) is not None:
                data = run / leaf(claim.assay)
                commit = first_commits(run.parents[1]).get(str(data.resolve()))
                if commit is not None and (commit == added[0] or not is_ancestor(path.parent, added[0], commit)):
                    return EXPLORATORY
    return REGISTERED


# -- what git says ---------------------------------------------------------------------------------------


def git(where: Path, *words: str) -> str | None:
    """What a git command prints, or None where it fails or there is no git."""
    try:
        done = subprocess.run(["git", "-C", str(where), *words], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None


@cache
def first_registered(path: Path) -> dict[str, tuple[str, Any]]:
    """By claim id, the first commit of a registration that has it, and the seeds it had there."""
    found: dict[str, tuple[str, Any]] = {}
    log = git(path.parent, "log", "--reverse", "--format=%H", "--", path.name) or ""
    for commit in log.split():
        text = git(path.parent, "show", f"{commit}:./{path.name}")
        if text is not None:
            for name, claim in json.loads(text)["claims"].items():
                found.setdefault(name, (commit, claim["seeds"]))
    return found


@cache
def first_commits(where: Path) -> dict[str, str]:
    """By absolute path, the first commit that holds each file under a folder."""
    top = git(where, "rev-parse", "--show-toplevel")
    log = git(
        where, "log", "--reverse", "--diff-filter=A", "--no-renames", "--name-only", "--format=commit %H", "--", "."
    )
    found: dict[str, str] = {}
    commit = ""
    for line in (log or "").splitlines():
        if line.startswith("commit "):
            commit = line.removeprefix("commit ")
        elif line:
            found.setdefault(str(Path((top or "").strip()) / line), commit)
    return found


@cache
def is_ancestor(where: Path, one: str, other: str) -> bool:
    return git(where, "merge-base", "--is-ancestor", one, other) is not None
