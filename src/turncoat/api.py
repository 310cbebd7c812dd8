"""The functions behind `import turncoat`: load, look at, run and judge organisms from Python.

`turncoat.__getattr__` hands them out, so that importing the package imports none of this; torch and polars are
imported by what needs them. Wherever a `store` is asked for, it is a folder for runs, read before the zoo.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from turncoat.core import Arm, Organism, Subject, TurncoatError, VerdictRow, World, nearest
from turncoat.organisms import load, names
from turncoat.report.table import Table, unjudged
from turncoat.store import Run, Store, place, zoo_path

if TYPE_CHECKING:
    import polars as pl

__all__ = ["judge", "load", "names", "open_store", "results", "rollout", "run", "subject", "table"]

STORE = "store"  # the folder for runs, unless another is given


def open_store(root: Path | str = STORE, new: bool = False) -> Store:
    """The user's store with the zoo as its fallback (or the zoo itself, where that is what was given).

    Raises TurncoatError where it is a file, or not there: only the default one need not be, or one that may be `new`.
    """
    root, zoo = Path(root), zoo_path()
    if root.exists() and not root.is_dir():
        raise TurncoatError(f"--store {root} is a file; give a folder")
    if not root.exists() and root != Path(STORE) and not new:
        raise TurncoatError(f"--store {root} is not there; mend its name, or `turncoat run` into it first")
    if zoo is None or (root.exists() and root.samefile(zoo)):
        return Store(root, name="zoo" if zoo else None)
    return Store(root, [place(zoo, "zoo")], name="store")


def find(source: str | Organism, store: Store) -> Organism:
    """The organism of that name or in that file; or one of that name that was run in the store, whose file is there.

    Raises TurncoatError on an unknown name or a malformed file.
    """
    if isinstance(source, Organism):
        return source
    known = store.sources().get(source)
    return load(str(known) if known is not None and source not in names() else source)


def users_organisms(store: Store) -> tuple[list[Organism], list[str]]:
    """The organisms in the store that the catalogue has not, and a line about each that cannot be loaded."""
    organisms, lost = [], []
    for name in store.organisms():
        if name not in names():
            path = store.sources().get(name)
            try:
                if path is None or not path.is_file():
                    raise TurncoatError(
                        f"its file is not {'known' if path is None else 'there any more'}; give its path"
                    )
                organisms.append(load(str(path)))
            except TurncoatError as error:
                lost.append(f"{name} is left out: {error}")
    return organisms, lost


def verdicts(store: Store, source: str | None = None) -> list[VerdictRow]:
    """The rows of the table as last judged: of one organism, or of the catalogue and of what was run in the store.

    Raises TurncoatError on an unknown name. An organism of the store is known even where its file is gone.
    """
    known = [*names(), *(name for name in store.organisms() if name not in names())]
    wanted = known if source is None else [source if source in known else find(source, store).name]
    rows: list[VerdictRow] = []
    for name in wanted:
        judged = store.load_verdicts(name)
        rows += unjudged(name) if judged is None else judged
    return rows


def table(name: str | None = None, store: Path | str = STORE) -> Table:
    """The table as last judged: a matrix of all organisms, or one organism's rows. Shows itself in a notebook."""
    return Table(tuple(verdicts(open_store(store), name)))


def results(name: str | None = None, store: Path | str = STORE) -> pl.DataFrame:
    """The same rows as a data frame, one a claim or unanswered row, with the columns of `turncoat table --json`."""
    import polars as pl

    rows = verdicts(open_store(store), name)
    keys = dict.fromkeys(key for row in rows for key in row)
    numbers = {"effect": pl.Float64, "low": pl.Float64, "high": pl.Float64, "k": pl.Int64, "n": pl.Int64}
    found = {"finding": pl.String} | numbers | {"unit": pl.String, "because": pl.String}
    words = dict.fromkeys(("organism", "row", "claim", "id", "store", "standing"), pl.String)
    return pl.DataFrame(
        [{key: row.get(key) for key in keys} for row in rows],
        schema_overrides=words | found | {"replication": pl.Struct(found)},
        infer_schema_length=None,
    )


def judge(name: str | Organism, store: Path | str = STORE) -> Table:
    """Judge what was observed, here and in the zoo: runs no model and writes nothing.

    A claim of which nothing was observed is "not yet run". Raises TurncoatError on an unknown name or damaged traces.
    """
    from turncoat.runner.judge import judge as judged

    opened = open_store(store)
    return Table(tuple(judged(find(name, opened), opened)))


def run(name: str | Organism, arm: str = "organism", seed: int = 0, store: Path | str = STORE) -> Run:
    """The run of an organism's arm and training seed: `subject()`, `traces(assay)`, `log()`.

    Raises TurncoatError on an unknown name or arm.
    """
    opened = open_store(store)
    organism = find(name, opened)
    return opened.run(organism, arm_of(organism, arm), seed)


def subject(name: str | Organism, arm: str = "organism", seed: int = 0, store: Path | str = STORE) -> Subject:
    """The trained subject of an organism's arm and training seed: something with `begin`, `arrays` and `access`.

    Raises TurncoatError on an unknown name or arm, and where the weights are not kept: it says which are.
    """
    opened = open_store(store)
    organism = find(name, opened)
    return trained_run(organism, arm, seed, opened, name if isinstance(name, str) else organism.name).subject()


def arm_of(organism: Organism, name: str) -> Arm:
    """The arm of that name. Raises TurncoatError where there is none."""
    arms = {arm.name: arm for arm in organism.all_arms()}
    if name not in arms:
        raise TurncoatError(f"{organism.name} has no arm {name!r}; {nearest(name, arms, 'arms are')}")
    return arms[name]


def trained_run(organism: Organism, name: str, seed: int, store: Store, source: str) -> Run:
    """A run whose weights are kept. Raises TurncoatError where there is no such arm, or its weights are not kept; it
    says which are. `source`: what the organism was asked for by, a name or a file."""
    arm = arm_of(organism, name)
    run = store.run(organism, arm, seed)
    if not run.trained:
        if arm.seed is not None:
            raise TurncoatError(
                f"{organism.name}: weights of arm {name!r} are not kept, and it has one seed only; "
                f"its recipe trains them again: turncoat.load({source!r}).arm({name!r}).recipe.train({arm.seed})"
            )
        seeds = store.seeds(organism, arm)
        there = [str(known) for known in seeds if store.run(organism, arm, known).trained]
        fresh = seed if seed not in seeds else max(seeds) + 1  # one whose weights were dropped is not trained again
        known = store.sources().get(source, source)
        raise TurncoatError(
            f"{organism.name}: weights of arm {name!r} are kept of seed {', '.join(there) or 'none'}, not of {seed}; "
            f"train seed {fresh}: turncoat train {known} --arm '{name}' --first-seed {fresh} --seeds 1"
        )
    return run


def rollout(
    who: str | Organism | Subject,
    n: int = 100,
    seed: int = 0,
    condition: Mapping[str, object] | None = None,
    *,
    world: str | Organism | World | None = None,
    store: Path | str = STORE,
) -> pl.DataFrame:
    """Run n episodes and return a row for each: the conditions, then what was measured.

    `who` is an organism (its first arm's training seed 0 acts, in its own world) or a subject; then `world` says where:
    an organism, its name, or a world. `seed` seeds the episodes. `condition` sets factors of the world by name.
    Raises TurncoatError on an unknown name, factor or value, or a subject without a world.
    """
    import polars as pl

    opened = open_store(store)
    acting = subject(who, store=store) if isinstance(who, (str, Organism)) else who
    where = world
    if where is None:
        if not isinstance(who, (str, Organism)):
            raise TurncoatError("a subject needs a world to act in: rollout(subject, world='coin_run')")
        where = who
    if isinstance(where, (str, Organism)):
        where = find(where, opened).world
    if n < 1:
        raise TurncoatError(f"n must be at least 1, got {n}")
    return pl.DataFrame(dict(where.rollout(acting, n, seed, dict(condition or {})).columns))
