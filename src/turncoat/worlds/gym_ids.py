"""The ids of our environments: `gymnasium.make("turncoat/CoinRun-v0", levels="deployment", spread=4)`.

Gymnasium calls `register` when it is imported (entry point `gymnasium.envs` in pyproject.toml), so nothing has to be
imported for the ids to be there, and nothing else of ours is imported before one is made. Keyword arguments are those
of the environment and the world's own parameters. `make_vec` gives our vector environments.
"""

from __future__ import annotations

GRIDS = ("CheeseCorner", "CheeseDish", "CoinRun", "KeysChests", "MonsterWorld", "FollowLeader", "TreeWorld")
OTHERS = {"Maze": "maze_gym", "Gatehouse": "maze_gym", "Expressions": "expressions_gym"}
ENDS = {"TreeWorld": {"life": 400}}  # its own training never does


def register() -> None:
    """Put them all in Gymnasium's registry. Doing it twice does no harm."""
    from gymnasium.envs import registration

    faces = {name: ("grid_gym", "Grid", {"world": name} | ENDS.get(name, {})) for name in GRIDS}
    faces |= {name: (module, name, {}) for name, module in OTHERS.items()}
    for name, (module, prefix, arguments) in faces.items():
        if (known := f"turncoat/{name}-v0") not in registration.registry:
            where = f"turncoat.worlds.{module}:{prefix}"
            registration.register(
                known, entry_point=f"{where}Env", vector_entry_point=f"{where}VectorEnv", kwargs=arguments
            )
