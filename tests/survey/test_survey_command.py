"""`turncoat survey` as a user meets it: what fits, what is asked before files are loaded, and one line for an error."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import gymnasium as gym
import pytest

from extras import needs
from paths import ROOT
from turncoat.cli import main

ROOM = "MiniGrid-Empty-5x5-v0"


@pytest.fixture(autouse=True)
def installed() -> None:
    needs("stock", "minigrid")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Untrained agents, by what they see."""
    needs("stock", "minigrid")
    from stable_baselines3 import A2C, SAC

    import turncoat.worlds.gym.ids  # noqa: F401
    from turncoat.worlds.stock.world import make

    folder = tmp_path_factory.mktemp("agents")
    A2C("MlpPolicy", make(ROOM, "egocentric"), device="cpu", seed=0).save(folder / "egocentric.zip")
    A2C("MlpPolicy", make("MiniGrid-Empty-6x6-v0", "whole"), device="cpu", seed=0).save(folder / "whole.zip")
    A2C("MlpPolicy", make("MiniGrid-LavaGapS7-v0", "whole"), device="cpu", seed=0).save(folder / "either.zip")
    A2C("MlpPolicy", gym.make("CartPole-v1"), device="cpu", seed=0).save(folder / "cart.zip")
    A2C("MultiInputPolicy", gym.make("turncoat/CoinRun-v0"), device="cpu", seed=0).save(folder / "coin.zip")
    SAC("MlpPolicy", gym.make("Pendulum-v1"), buffer_size=10, device="cpu", seed=0).save(folder / "pendulum.zip")
    (folder / "text.zip").write_text("not a zip")
    return folder


@pytest.fixture
def survey(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    return lambda *arguments: main(["survey", "--episodes", "5", *arguments])


def test_the_one_view_that_fits_is_used_and_said(
    survey: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert survey("--env", "MiniGrid-Empty-6x6-v0", "--model", "whole.zip", "--trust-files") == 0
    printed = capsys.readouterr().out
    assert "view: whole (the one view that fits the agent's observations; egocentric does not)" in printed
    assert "Verdict: breaks" in printed and "not why" in printed


def test_where_two_views_fit_the_other_is_named(survey: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--env", "MiniGrid-LavaGapS7-v0", "--model", "either.zip", "--trust-files", "--json")
    assert survey(*arguments) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["view"] == "egocentric" and report["note"] == "whole would fit as well; choose with --view"
    assert survey(*arguments, "--view", "whole") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["view"] == "whole" and report["note"] == ""


def test_json_has_the_same_numbers(survey: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--env", ROOM, "--model", "egocentric.zip", "--trust-files")
    assert survey(*arguments, "--json") == survey(*arguments) == 0
    text, _, words = capsys.readouterr().out.partition("\n}\n")
    report = json.loads(text + "}")
    found = report["found"]
    assert report["algorithm"] == "A2C" and report["episodes"] == 5 and report["versions"]["minigrid"]
    published = found["published"]
    assert f"{published['share']:.2f} [{published['low']:.2f}, {published['high']:.2f}]" in words
    assert f"Verdict: {found['verdict']}" in words and [one["scene"] for one in found["shifts"]] == ["moved"]


def test_our_worlds_and_other_environments(survey: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert survey("--env", "turncoat/CoinRun-v0", "--model", "coin.zip", "--trust-files") == 0
    assert "Deployment levels, proxy goal" in capsys.readouterr().out
    arguments = ("--env", "CartPole-v1", "--sibling", "CartPole-v0", "--model", "cart.zip", "--trust-files")
    with pytest.warns(DeprecationWarning, match="out of date"):
        assert survey(*arguments) == 0
    printed = capsys.readouterr().out
    assert "cannot be told without an adapter" in printed and "says nothing of an agent" in printed


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--env", ROOM, "--model", "missing.zip"], "missing.zip cannot be read: No such file"),
        (["--env", ROOM, "--model", "text.zip"], "is not a .zip that stable-baselines3 has saved"),
        (["--env", "Pendulum-v1", "--model", "pendulum.zip"], "its actions are a Box"),
        (["--env", "NoSuch-v0", "--model", "cart.zip"], "doesn't exist"),
        (["--env", "CartPole-v1", "--model", "cart.zip"], "with --sibling ID"),
        (["--env", "MiniGrid-KeyCorridorS3R1-v0", "--model", "egocentric.zip"], "with --sibling ID"),
        (["--env", ROOM, "--model", "egocentric.zip", "--vecnormalize", "no.pkl"], "there is no file no.pkl"),
        (["--env", ROOM, "--model", "cart.zip"], "egocentric 147, flat 2835, whole 75"),
        (["--env", ROOM, "--model", "egocentric.zip", "--view", "above"], "invalid choice"),
        (["--env", "turncoat/CoinRun-v0", "--model", "coin.zip", "--view", "flat"], "leave --view out"),
        (["--env", "turncoat/KeysChests-v0", "--model", "coin.zip"], "and those of turncoat/KeysChests-v0"),
        (["--env", ROOM, "--model", "egocentric.zip", "--algorithm", "DQN"], "egocentric.zip"),
        (["--model", "egocentric.zip"], "required: --env"),
    ],
)
def test_what_a_user_can_mend_is_one_line(
    arguments: list[str], says: str, survey: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert survey(*arguments, "--trust-files") == 2
    printed = capsys.readouterr()
    assert says in printed.err and printed.err.count("\n") == 1 and not printed.out


def test_without_a_terminal_nothing_is_loaded_unasked(
    survey: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert survey("--env", ROOM, "--model", "egocentric.zip") == 2
    assert "give --trust-files if you trust them" in capsys.readouterr().err


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("\n", 2), ("n\n", 2), ("", 2)])
def test_on_a_terminal_it_asks(
    answer: str,
    code: int,
    survey: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    typed = io.StringIO(answer)
    monkeypatch.setattr(typed, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", typed)
    assert survey("--env", ROOM, "--model", "egocentric.zip", "--json") == code
    printed = capsys.readouterr()
    assert "can run any code. Load? [y/N]" in printed.err
    assert bool(printed.out) == (code == 0)


def test_the_page_s_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its training cut to a rollout."""
    page = (ROOT / "docs" / "undesigned.md").read_text("utf-8").split("## Your own agent")[1].split("\n## ")[0]
    (code,) = re.findall(r"```python\n(.*?)```", page, re.S)
    (command,) = (line.split() for line in re.findall(r"^    (turncoat survey .*)$", page, re.M) if "agent.zip" in line)
    assert "learn(30_000)" in code
    monkeypatch.chdir(tmp_path)
    exec(compile(code.replace("30_000", "256"), "docs/undesigned.md", "exec"), {})
    assert main([*command[1:], "--trust-files", "--episodes", "5"]) == 0
    assert "Verdict: " in capsys.readouterr().out
