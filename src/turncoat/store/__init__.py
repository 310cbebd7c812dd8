"""The only room that touches the disk: runs, what was observed of them, and verdicts.

    store = Store("store", fallbacks=[place(zoo)])
    run = store.run(organism, arm, seed)
    run.subject(), run.traces(assay), run.log()

A run is known by the digest of its recipe and its seed; a trace by the run, the world and the assay. A store is written
to in a `folder.Folder`; what it lacks it reads from its fallbacks, of which one may be a `packed.Pack` that ships.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from turncoat.core import Arm, Organism, TurncoatError, VerdictRow, digest
from turncoat.store.folder import Folder
from turncoat.store.packed import Pack
from turncoat.store.run import Run
from turncoat.store.source import RunKey, Source

__all__ = ["Folder", "Pack", "Run", "RunKey", "Source", "Store", "place", "shipped", "zoo_path"]

ZOO = "zoo"


def shipped(folder: str) -> Path | None:
    """A folder that ships with Turncoat: of the checkout, else inside the installed package. None without either."""
    package = Path(__file__).resolve().parents[1]
    checkout = package.parents[1] / folder if package.parent.name == "src" else package / folder
    return next((here for here in (checkout, package / folder) if here.is_dir()), None)


def zoo_path() -> Path | None:
    """The store that ships with Turncoat, or None where it was installed without it."""
    return shipped(ZOO)


def place(root: Path, name: str | None = None) -> Folder | Pack:
    """What holds the runs below a folder: a pack where runs were packed there, else a folder that is written to."""
    packed = next(root.glob("*/runs.json"), None) is not None
    return Pack(root, name) if packed else Folder(root, name)


class Store:
    """Runs in one place, and in `fallbacks` that are asked when it lacks something.

    Only its own place is written to, and not even that where it is packed."""

    def __init__(self, root: Path | str, fallbacks: Iterable[Source] = (), name: str | None = None) -> None:
        self.own = place(Path(root), name)
        self.fallbacks = tuple(fallbacks)

    @property
    def root(self) -> Path:
        return self.own.root

    @property
    def name(self) -> str:
        return self.own.name

    @property
    def places(self) -> tuple[Source, ...]:
        return (self.own, *self.fallbacks)

    @property
    def packed(self) -> bool:
        """Whether its own place cannot be written."""
        return not isinstance(self.own, Folder)

    @property
    def folder(self) -> Folder:
        """Where to write. Raises TurncoatError where that cannot be."""
        if not isinstance(self.own, Folder):
            raise TurncoatError(f"{self.root} is packed and cannot be written; give another --store")
        return self.own

    # -- runs ------------------------------------------------------------------------------------------

    def run(self, organism: Organism, arm: Arm, seed: int) -> Run:
        """The run of an arm's recipe and a training seed, whether it is there or not."""
        return Run(self, organism, arm, seed)

    def seeds(self, organism: Organism, arm: Arm) -> list[int]:
        """Seeds with a finished run, in order."""
        return [seed for seed in self.known(organism, arm) if self.run(organism, arm, seed).finished]

    def asked(self, organism: Organism, arm: Arm) -> list[int]:
        """Seeds that were ever asked for, in order, whatever became of them.

        Those are not among them that were only trained because something else builds on them."""
        return [seed for seed in self.known(organism, arm) if self.run(organism, arm, seed).asked]

    def known(self, organism: Organism, arm: Arm) -> list[int]:
        found = {seed for place in self.places for seed in place.seeds(organism.name, digest(arm.recipe))}
        return sorted(found)

    def check(self, organism: str) -> int:
        """Compare every file of every run with its digest; returns how many. Raises TurncoatError."""
        return sum(place.check(organism) for place in self.places)

    # -- verdicts, and where organisms come from -------------------------------------------------------

    def save_verdicts(self, organism: str, rows: list[VerdictRow]) -> None:
        self.folder.save_verdicts(organism, rows)

    def load_verdicts(self, organism: str) -> list[VerdictRow] | None:
        """The rows of the table as last judged, of the first place that has any; None where never judged."""
        return next((rows for place in self.places if (rows := place.load_verdicts(organism)) is not None), None)

    def organisms(self) -> list[str]:
        """Names of the organisms that were judged in this store itself, or whose file it notes."""
        return self.own.organisms()

    def remember(self, organism: str, source: str) -> None:
        """Note the file of an organism that is not in the catalogue, so that its name is enough from then on."""
        self.folder.remember(organism, source)

    def sources(self) -> dict[str, Path]:
        """The noted files by the organism's name. One may have been moved since."""
        return self.own.sources()
