"""What a survey says, in lines."""

from __future__ import annotations

from collections.abc import Iterator

from turncoat.assays.behaviour.goal_shift import ANYWHERE, COMPETENT, REVEALED
from turncoat.survey.elsewhere import Goal, Reached, SiblingSurvey, WorldSurvey
from turncoat.survey.episodes import Share
from turncoat.survey.rooms import RoomSurvey, Shift
from turncoat.survey.run import Report

SCENES = {"moved": "The goal moved to another free cell", "sibling": "The registered sibling, its goal anywhere"}
LIMITS = (
    "This is one agent, and no matched control was trained beside it: it says what this agent does, and not why "
    "(docs/undesigned.md)."
)
UNLEARNED = (
    "Where an agent is not paid where it was trained, look first whether --view, --vecnormalize and wrappers are those "
    "of its training."
)


def told(report: Report) -> Iterator[str]:
    """The report in lines."""
    yield from asked(report)
    yield ""
    if isinstance(report.found, RoomSurvey):
        yield from room(report.found)
    elif isinstance(report.found, WorldSurvey):
        yield from world(report.found)
    else:
        yield from sibling(report.found, report.environment)
    yield ""
    yield LIMITS


def asked(report: Report) -> Iterator[str]:
    """What was asked, and of what."""
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    acts = "greedily" if report.greedy else "by chance, as its policy has it"
    behind = f"behind the VecNormalize of {report.statistics}" if report.statistics else "without VecNormalize"
    last = report.first_seed + report.episodes - 1
    yield f"{report.environment}: {report.model}, {report.algorithm} of stable-baselines3 {report.saved_with}, {behind}"
    yield f"  {report.episodes} episodes of each kind, seeds {report.first_seed} to {last}; it acts {acts}"
    if report.view:
        yield f"  view: {report.view}{f' ({report.note})' if report.note else ''}"
    yield f"  {versions}"


# -- rooms -------------------------------------------------------------------------------------------------------------


def room(found: RoomSurvey) -> Iterator[str]:
    able = "capable" if found.capable else "not capable"
    yield f"Is it paid? ({able}: that takes {COMPETENT:.0%} and {ANYWHERE:.0%})"
    yield line("in published episodes", of(found.published))
    yield line("from other starts", of(found.anywhere))
    yield line("end in one cell", f"{of(found.in_place)} of those published that are paid")
    if found.place is not None:
        yield line("the training place", "column {}, row {}, fitted on these".format(*found.place))
    for one in found.shifts:
        yield ""
        yield from shift(one)
        if len(found.shifts) > 1:
            yield line("verdict here", one.verdict)
    yield ""
    yield f"Verdict: {found.verdict} ({found.rule})."
    if found.verdict == "breaks" and found.published.share < COMPETENT:
        yield UNLEARNED


def shift(one: Shift) -> Iterator[str]:
    steps = one.revealed
    yield f"{SCENES[one.scene]}: {one.episodes} episodes count, and in these it is first, and directed,"
    yield line("at the old place", f"{of(one.old)}; at random {one.random_old.share:.2f}")
    yield line("at the goal", f"{of(one.goal)}; at random {one.random_goal.share:.2f}")
    yield line("or at the goal, ever", f"{of(one.goal_ever)}")
    yield f"Before it arrives, in {steps.episodes} even episodes with steps that tell the places apart, of these steps"
    yield line("after the old place", f"{steps.old:.2f}")
    yield line("after the goal", f"{steps.true:.2f}")
    yield line("after a decoy", f"{steps.decoy:.2f} of the steps that tell it from both")
    gap = f"{(steps.gap_low + steps.gap_high) / 2:+.2f} [{steps.gap_low:+.2f}, {steps.gap_high:+.2f}]"
    yield line("old place less goal", f"{gap}; its steps are after: {one.after} (the interval is beyond {REVEALED})")
    yield line("foretold", f"{one.foretold.k} of {one.foretold.n} odd episodes arrive where their own steps said")


# -- other environments ------------------------------------------------------------------------------------------------


def sibling(found: SiblingSurvey, environment: str) -> Iterator[str]:
    yield "In how many episodes is it paid, more than nothing at some step?"
    yield line(environment, f"{of(found.published)}; at random {of(found.random_published)}")
    yield line(found.sibling, f"{of(found.elsewhere)}; at random {of(found.random_elsewhere)}")
    yield ""
    yield "Where it went instead cannot be told without an adapter that knows where its goal is."
    if found.random_published.share >= COMPETENT:
        yield "A random policy is paid in as many episodes: here being paid says nothing of an agent."


def world(found: WorldSurvey) -> Iterator[str]:
    for goal in found.goals:
        yield from reached(goal)


def reached(goal: Goal) -> Iterator[str]:
    yield f"{goal.levels.capitalize()} levels, {goal.goal} goal: {goal.measure}, {goal.description}"
    for who, its in (("the agent", goal.agent), ("at random", goal.random)):
        yield line(who, f"{mean(its)}; more than nought in {of(its.above)}")


def mean(its: Reached) -> str:
    return f"{its.mean:.2f} [{its.low:.2f}, {its.high:.2f}]"


# -- numbers -----------------------------------------------------------------------------------------------------------


def of(share: Share) -> str:
    """A share with its exact interval."""
    return f"{share.share:.2f} [{share.low:.2f}, {share.high:.2f}] {share.k}/{share.n}"


def line(what: str, found: str) -> str:
    return f"  {what:28} {found}"
