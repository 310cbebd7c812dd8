"""The functions behind `import turncoat`: load, look at, run and judge organisms from Python.

`turncoat.__getattr__` hands them out, so that importing the package imports none of this; torch and polars are
imported by what needs them. Wherever a `store` is asked for, it is a folder for runs, read before the zoo.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from turncoat.core import Arm, Organism, TurncoatError
from turncoat.organisms import load, names
from turncoat.report.table import Table, blank
from turncoat.store import Store, zoo_path

if TYPE_CHECKING:
    import polars as pl

__all__ = ["judge", "load", "names", "open_store", "results", "rollout", "subject", "table"]

STORE = "store"  # the folder for runs, unless another is given


def open_store(root: Path | str = STORE, new: bool = False) -> Store:
    """The user's store with the zoo behind it (or the zoo itself, where that is what was given).

    Raises TurncoatError where it is a file, or not there: only the default one need not be, or one that may be `new`.
    """
    root, zoo = Path(root), zoo_path()
    if root.exists() and not root.is_dir():
        raise TurncoatError(f"--store {root} is a file; give a folder")
    if not root.exists() and root != Path(STORE) and not new:
        raise TurncoatError(f"--store {root} is not there; mend its name, or `turncoat run` into it first")
    if zoo is None or (root.exists() and root.samefile(zoo)):
        return Store(root, name="zoo" if zoo else None)
    return Store(root, [Store(zoo, name="zoo")], name="store")


def find(source: str | Organism, store: Store) -> Organism:
    """The organism of that name or in that file; or one of that name that was run in the store, whose file is there.

    Raises TurncoatError on an unknown name or a malformed file.
    """
    if isinstance(source, Organism):
        return source
    known = store.sources().get(source)
    return load(str(known) if known is not None and source not in names() else source)


def own(store: Store) -> tuple[list[Organism], list[str]]:
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


def verdicts(store: Store, source: str | None = None) -> list[dict[str, Any]]:
    """The rows of the table as last judged: of one organism, or of the catalogue and of what was run in the store.

    Raises TurncoatError on an unknown name. An organism of the store is known even where its file is gone.
    """
    known = [*names(), *(name for name in store.organisms() if name not in names())]
    wanted = known if source is None else [source if source in known else find(source, store).name]
    rows = []
    for name in wanted:
        found = store.load_verdicts(name)
        rows += found if found is not None else blank(name)
    return rows


def table(name: str | None = None, store: Path | str = STORE) -> Table:
    """The table as last judged: a matrix of all organisms, or one organism's rows. Shows itself in a notebook."""
    return Table(tuple(verdicts(open_store(store), name)))


def results(name: str | None = None, store: Path | str = STORE) -> pl.DataFrame:
    """The same rows as a data frame, one a claim or unanswered row, with the columns of `turncoat table --json`."""
    import polars as pl

    rows = verdicts(open_store(store), name)
    keys = dict.fromkeys(key for row in rows for key in row)
    words = ("organism", "row", "claim", "finding", "unit", "because", "store")
    kinds: dict[str, Any] = {"effect": pl.Float64, "low": pl.Float64, "high": pl.Float64, "k": pl.Int64, "n": pl.Int64}
    told = {"finding": pl.String} | kinds | {"unit": pl.String, "because": pl.String}
    kinds["replication"] = pl.Struct(told)
    return pl.DataFrame(
        [{key: row.get(key) for key in keys} for row in rows],
        schema_overrides=kinds | dict.fromkeys(words, pl.String),
        infer_schema_length=None,
    )


def judge(name: str | Organism, store: Path | str = STORE) -> Table:
    """Judge what was observed, here and in the zoo: runs no model and writes nothing.

    A claim of which nothing was observed is "not yet run". Raises TurncoatError on an unknown name or damaged traces.
    """
    from turncoat import lab

    shelf = open_store(store)
    return Table(tuple(lab.judge(find(name, shelf), shelf)))


def subject(name: str | Organism, arm: str = "organism", seed: int = 0, store: Path | str = STORE) -> Any:
    """The trained subject of an organism's arm and training seed: something with `begin`, `arrays` and `access`.

    Raises TurncoatError on an unknown name or arm, and where the weights are not kept: it says which are.
    """
    shelf = open_store(store)
    organism = find(name, shelf)
    source = name if isinstance(name, str) else organism.name
    return shelf.load_subject(organism.name, kept(organism, arm, seed, shelf, source), seed)


def kept(organism: Organism, name: str, seed: int, store: Store, source: str) -> Arm:
    """The arm of that name. Raises TurncoatError where there is none, or the weights of this seed are not kept."""
    arms = {arm.name: arm for arm in organism.all_arms()}
    if name not in arms:
        raise TurncoatError(f"{organism.name} has no arm {name!r}; arms are {', '.join(arms)}")
    arm = arms[name]
    if not store.has_subject(organism.name, arm, seed):
        seeds = store.seeds(organism.name, arm)
        there = [str(known) for known in seeds if store.has_subject(organism.name, arm, known)]
        fresh = seed if seed not in seeds else max(seeds) + 1  # one whose weights were dropped is not trained again
        known = store.sources().get(source, source)
        raise TurncoatError(
            f"{organism.name}: weights of arm {name!r} are kept of seed {', '.join(there) or 'none'}, not of {seed}; "
            f"train seed {fresh}: turncoat train {known} --arm '{name}' --first-seed {fresh} --seeds 1"
        )
    return arm


def rollout(
    of: Any,
    n: int = 100,
    seed: int = 0,
    condition: Mapping[str, Any] | None = None,
    *,
    world: Any = None,
    store: Path | str = STORE,
) -> pl.DataFrame:
    """Run n episodes and return a row for each: the conditions, then what was measured.

    `of` is an organism (its first arm's training seed 0 acts, in its own world) or a subject; then `world` says where:
    an organism, its name, or a world. `seed` seeds the episodes. `condition` sets factors of the world by name.
    Raises TurncoatError on an unknown name, factor or value, or a subject without a world.
    """
    import polars as pl

    shelf = open_store(store)
    named = isinstance(of, (str, Organism))
    if world is None and not named:
        raise TurncoatError("a subject needs a world to act in: rollout(subject, world='coin_run')")
    place = of if world is None else world
    where = find(place, shelf).world if isinstance(place, (str, Organism)) else place
    who = subject(of, store=store) if named else of
    if n < 1:
        raise TurncoatError(f"n must be at least 1, got {n}")
    return pl.DataFrame(dict(where.rollout(who, n, seed, dict(condition or {})).columns))
