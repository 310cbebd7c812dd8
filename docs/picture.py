"""Draws docs/picture.svg, the picture in the README, from what the zoo holds.

python docs/picture.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from turncoat.organisms import load
from turncoat.store import Store, zoo_path

INK, PAPER, ROUTE, COIN, EXIT = (
    "#22303c",
    "#ffffff",
    "#0072b2",
    "#e69f00",
    "#009e73",
)  # Okabe and Ito's, colour-blind safe


def panel(axes: Any, frame: dict[str, Any]) -> None:
    """One maze with the walk that the net has settled on."""
    axes.imshow(np.array(frame["walls"]), cmap=matplotlib.colors.ListedColormap([PAPER, INK]), interpolation="nearest")
    route = np.array(frame["route"][-1])
    axes.plot(route[:, 1], route[:, 0], color=ROUTE, lw=2.4, solid_capstyle="round", solid_joinstyle="round")
    axes.plot(*route[0][::-1], "o", color=ROUTE, ms=8)
    end = route[-1] - route[-2]
    axes.annotate("", route[-1][::-1], (route[-1] - 0.6 * end)[::-1], arrowprops={"arrowstyle": "-|>", "color": ROUTE})
    cells: dict[tuple[int, ...], list[str]] = {}
    for thing in frame["objects"]:
        cells.setdefault(tuple(thing["cell"]), []).append(thing["name"])
    for (row, column), names in cells.items():
        colour = COIN if "coin" in names else EXIT if "exit" in names else "#cc79a7"
        axes.plot(column, row, "s" if "exit" in names else "o", color=colour, ms=11, mec=INK, zorder=3)
        axes.annotate(
            " + ".join(names), (column, row), (0, 9), textcoords="offset points", ha="center", fontsize=8, zorder=4,
            bbox={"boxstyle": "round,pad=.15", "fc": PAPER, "ec": "none", "alpha": 0.85},
        )  # fmt: skip
    axes.set_title(frame["title"], fontsize=11, loc="left")
    axes.set_xlabel(f"walks to: {frame['ends'][-1]}", fontsize=9)
    axes.set_xticks([])
    axes.set_yticks([])


def sweep(axes: Any, organism: Any, store: Store) -> None:
    """Where it goes in deployment, against how often coin and exit were apart in training."""
    family = organism.sweeps[0]
    for readout, colour, name in zip(family.readouts, (COIN, EXIT), ("to the coin", "to the exit"), strict=True):
        means = []
        for place, arm in enumerate(organism.family_arms(family)):
            traces = [store.run(organism, arm, s).traces(readout.assay) for s in store.seeds(organism, arm)]
            values = [readout.estimate(t) for t in traces if t is not None]
            axes.plot([place] * len(values), values, ".", color=colour, ms=4, alpha=0.6)
            means.append(np.mean(values))
        axes.plot(range(len(means)), means, "-", color=colour, label=name)
    axes.set_xticks(range(len(family.values)), [f"{100 * v:g}%" for v in family.values], fontsize=7, rotation=45)
    axes.set_xlabel("training mazes with coin and exit apart", fontsize=9)
    axes.set_ylabel("share of deployment episodes", fontsize=9)
    axes.legend(frameon=False, fontsize=8, loc="center left")
    axes.set_title("A little diversity fixes it", fontsize=11, loc="left")
    axes.spines[["top", "right"]].set_visible(False)


def main() -> None:
    organism = load("maze_planner")
    path = zoo_path()
    assert path is not None
    store = Store(path)
    assert organism.replay is not None
    recording = store.run(organism, organism.arms[0], 0).traces(organism.replay)
    assert recording is not None
    plt.rcParams["svg.hashsalt"] = "turncoat"
    figure, axes = plt.subplots(1, 4, figsize=(14, 3.9), layout="constrained", width_ratios=(1, 1, 1, 1.15))
    for one, frame in zip(axes, recording.frames, strict=False):
        panel(one, dict(frame))
    sweep(axes[3], organism, store)
    figure.savefig(Path(__file__).with_name("picture.svg"), metadata={"Date": None})


if __name__ == "__main__":
    main()
