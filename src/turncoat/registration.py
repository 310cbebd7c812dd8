"""Thresholds came first, and anyone can see it.

    turncoat register NAME        writes registry/NAME.json

holds every claim's statement, assay, threshold, arms, control, preconditions and world, under a hash of all of these,
with the seeds on which it is to be judged. A claim is *registered* where the commit that added its hash and seeds is an
ancestor of the first commit that holds any of its data; `standing` reads that from git. All other claims are
*exploratory*: they may have been written after a look.

Seeds from 100 on are a replication, judged apart from the organism's own runs. Claims that are registered before there
is any run can be registered for those (`--first-seed 0`), and need no replication to be registered.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from turncoat.core import EXPLORATORY, REGISTERED, Claim, Organism, TurncoatError, claim_content, claim_id, every_claim
from turncoat.organisms import names
from turncoat.store import Folder, Run, shipped
from turncoat.store.files import write
from turncoat.store.folder import TRACES
from turncoat.store.packed import RUNS

FOLDER = "registry"
Claims = dict[str, dict[str, Any]]  # registered claims by id


def path_of(name: str) -> Path:
    """An organism's registration: where Turncoat ships them, or (for one's own file) in ./registry."""
    there = shipped(FOLDER) if name in names() else None
    return (there or Path(FOLDER)) / f"{name}.json"


def load(name: str) -> Claims:
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
        if (code := claim_id(organism, claim)) not in known:
            arms = (claim.arm, *(() if claim.control is None else (claim.control,)))
            counts = {arm: min(seeds, organism.arm(arm).seeds or seeds) for arm in arms}
            known[code] = claim_content(organism, claim) | {
                "seeds": {arm: list(range(first, first + count)) for arm, count in counts.items()}
            }
            new += 1
    body = {"organism": organism.name, "claims": known}
    write(into / f"{organism.name}.json", (json.dumps(body, indent=1, ensure_ascii=False) + "\n").encode())
    return new, len(known)


def replication_seeds(registered: Claims) -> frozenset[int]:
    """The seeds that are judged apart from an organism's own runs, which begin at 0."""
    own = first_round(registered)
    apart = (claim for code, claim in registered.items() if code not in own)
    return frozenset(seed for claim in apart for seeds in claim["seeds"].values() for seed in seeds)


def first_round(registered: Claims) -> Claims:
    """Those that were registered for an organism's own runs, before there were any."""
    return {code: claim for code, claim in registered.items() if all(0 in seeds for seeds in claim["seeds"].values())}


def standing(organism: Organism, claim: Claim, runs: Mapping[str, Mapping[int, Run]], claims: Claims) -> str | None:
    """REGISTERED where git shows that the claim came before its data, else EXPLORATORY; None where no git knows the
    registration, as in a package that was installed.

    runs: of each arm, the runs that hold its data, by seed. claims: those that are registered, as `load` gives them.
    Data that is in no commit yet counts as later than what is committed.
    """
    code, path = claim_id(organism, claim), path_of(organism.name).resolve()
    registered = claims.get(code)
    if not first_registered(path):
        return None
    if registered is None:
        return EXPLORATORY
    former = registered.get("formerly", {})
    added = first_registered(path).get(former.get("id", code))
    if added is None or added[1] != registered["seeds"]:
        return EXPLORATORY
    for arm, seeds in registered["seeds"].items():
        for seed in seeds:
            if (run := runs.get(arm, {}).get(seed)) is not None:
                commit = first_commit(run, claim, former.get("data", {}).get(arm))
                if commit is not None and (commit == added[0] or not is_ancestor(path.parent, added[0], commit)):
                    return EXPLORATORY
    return REGISTERED


def first_commit(run: Run, claim: Claim, former: str | None) -> str | None:
    """The first commit that holds a claim's data of a run; None where none does. `former`: where they were kept below
    the organism's folder before they were packed, "{seed}" standing for the run's seed."""
    assay = claim.readout.assay
    place, trace = run.holder(assay), run.trace(assay)
    assert place is not None
    folder = (place.root / run.organism.name).resolve()
    if former is not None:
        commit = first_commits(folder).get(str(folder / former.format(seed=run.seed)))
        if commit is not None:
            return commit
    if isinstance(place, Folder):
        return first_commits(folder).get(str(place.run(run.key).resolve() / TRACES / f"{trace}.parquet"))
    return first_packed(folder / RUNS).get((run.key.recipe, run.seed, trace))


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
    for commit, text in versions(path):
        for code, claim in json.loads(text)["claims"].items():
            found.setdefault(code, (commit, claim["seeds"]))
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
def first_packed(path: Path) -> dict[tuple[str, int, str], str]:
    """By recipe, seed and trace, the first commit in which an index of packed runs names such an observation."""
    found: dict[tuple[str, int, str], str] = {}
    for commit, text in versions(path):
        index = json.loads(text)
        for trace, observed in index["traces"].items():
            for recipe, seeds in observed["runs"].items():
                for seed in seeds:
                    found.setdefault((recipe, seed, trace), commit)
    return found


def versions(path: Path) -> Iterator[tuple[str, str]]:
    """The commits that changed a file, the first first, and what it held then; also under the names that it had before
    it was renamed."""
    log = git(path.parent, "log", "--follow", "--name-only", "--format=commit %H", "--", path.name) or ""
    found, commit = list[tuple[str, str]](), ""
    for line in filter(None, log.splitlines()):
        if line.startswith("commit "):
            commit = line.removeprefix("commit ")
        else:
            found.append((commit, line))  # the name from the top of the checkout
    for commit, name in reversed(found):
        if (text := git(path.parent, "show", f"{commit}:{name}")) is not None:
            yield commit, text


@cache
def is_ancestor(where: Path, one: str, other: str) -> bool:
    return git(where, "merge-base", "--is-ancestor", one, other) is not None
