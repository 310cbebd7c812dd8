"""Where the cheese lies."""

from __future__ import annotations

import numpy as np

from turncoat.worlds.goals.cheese import CheeseCorner, CheeseDish
from turncoat.worlds.grid.paths import (
    UNREACHABLE,
)


def test_the_cheese_lies_in_the_corner_region_and_everything_is_joined() -> None:
    world = CheeseCorner(size=9, corner=3)
    levels = world.draw_levels(60, "training", np.random.default_rng(0))
    row, column = np.divmod(levels["goal"].argmax(1), 9)
    assert (row <= 3).all() and (column <= 3).all() and len(set(zip(row.tolist(), column.tolist(), strict=True))) > 5
    assert (levels["proxy"].argmax(1) == 10).all()
    free = levels["grid"][:, 0].reshape(60, -1) == 0
    assert (levels["to_proxy"][free] < UNREACHABLE).all()


def test_a_text_level_shows_the_dish_beneath_the_cheese() -> None:
    world = CheeseDish(size=5)
    for text, dish in (("#####\n#  @#\n# # #\n#B# #\n#####", 16), ("#####\n#  @#\n# # #\n#*#u#\n#####", 18)):
        level, start = world.parse(text)
        assert level["goal"].argmax() == 16 and level["proxy"].argmax() == dish and start == 8
        assert world.draw(level, start) == text
