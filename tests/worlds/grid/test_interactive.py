"""Episodes a step at a time, in text."""

from __future__ import annotations

from typing import Any

import numpy as np

from grid_worlds import every_world
from turncoat.worlds.grid.interactive import InteractiveEpisode


@every_world
def test_a_picture_shows_the_agent_and_says_how_it_stands(world: Any) -> None:
    stage = InteractiveEpisode(world, 0)
    *grid, says = stage.render().splitlines()
    mask = stage.observation["walls"][0] if "walls" in stage.observation else stage.observation["grid"][0, 0]
    assert np.array_equal(np.array([list(line) for line in grid]) == "#", mask > 0) and says
    assert "".join(grid).index("@") == stage.observation["cell"][0] and "".join(grid).count("@") == 1
    assert stage.render() == stage.engine.render_text(0)
