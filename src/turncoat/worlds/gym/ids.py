"""The ids of our environments. Importing this puts them in Gymnasium's registry, and imports nothing else of ours.

    import gymnasium
    import turncoat.worlds.gym.ids
    env = gymnasium.make("turncoat/CoinRun-v0", levels="deployment", spread=4)

or in one call, `gymnasium.make("turncoat.worlds.gym.ids:turncoat/CoinRun-v0")`. (Gymnasium 1.0 gave up finding
environments of packages that nobody has imported.) Keyword arguments are those of the environment and the world's own
parameters. `make_vec` gives our vector environments.
"""

from __future__ import annotations

from gymnasium.envs import registration

GRIDS = ("CheeseCorner", "CheeseDish", "CoinRun", "KeysChests", "MonsterWorld", "FollowLeader", "TreeWorld")
OTHERS = {"Maze": "maze", "Gatehouse": "maze", "Expressions": "expressions"}
ENDS = {"TreeWorld": {"life": 400}}  # its own training never does


def register() -> None:
    faces = {name: ("grid", "Grid", {"world": name} | ENDS.get(name, {})) for name in GRIDS}
    faces |= {name: (module, name, {}) for name, module in OTHERS.items()}
    for name, (module, prefix, arguments) in faces.items():
        where = f"turncoat.worlds.gym.{module}:{prefix}"
        registration.register(
            f"turncoat/{name}-v0", entry_point=f"{where}Env", vector_entry_point=f"{where}VectorEnv", kwargs=arguments
        )


register()
