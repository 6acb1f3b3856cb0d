"""The CAP experiment as one page: a story in steps that a lecturer can put on a screen, and a student on a phone.

Pure: reports in, HTML out. Self-contained: no script, no font, no picture comes from elsewhere. Must not judge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cluster.report.capdrawing import LANE, WIDTH, lanes_of, servers_of
from cluster.report.capreport import CapReport
from cluster.report.captable import latency_lines, ledger_lines, outcome_lines
from cluster.report.capwords import choice, otherwise, what_times_are, when_cut

FATES = (
    ("fresh", "read, up to date"),
    ("stale", "read, stale"),
    ("written", "write, kept"),
    ("lost", "write, acknowledged and lost"),
    ("refused", "refused"),
    ("unanswered", "no answer"),
)
MOMENTS = (
    (
        "before",
        "Two servers, one register",
        "v0 was written and is everywhere. G1 is one of the three members, the leader where there is one; G2 the two "
        "others.",
    ),
    (
        "cut",
        "The network is cut",
        "No message passes between G1 and G2. Neither can tell a dead neighbour from a cut wire.",
    ),
    ("written", "A client writes on each side", "v1, v2, ... on G2; x1, x2, ... on G1. Who may say yes?"),
    ("late", "Clients go on asking", "What each server's own replica shows at the end of the cut."),
    ("healed", "The network heals", "What a linearizable read on each side answers then."),
)


@dataclass(frozen=True, slots=True)
class Page:
    """`seconds`: how long the cut lasted; `distance`: of the sides without a cut; `replay`: the command."""

    reports: tuple[CapReport, ...]
    world: str
    seed: int
    seconds: float
    distance: float
    replay: str


def page(told: Page) -> str:
    """The whole page. Engines whose story could not be told are on it, with the reason."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("cluster.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    reports = told.reports
    return environment.get_template("cap.html.j2").render(
        told=told,
        engines=[report.engine for report in reports],
        stories=[_story(report) for report in reports],
        moments=MOMENTS,
        fates=FATES,
        ledger=_grouped(list(ledger_lines(reports))),
        outcomes=list(outcome_lines(reports)),
        latency=_grouped(list(latency_lines(reports))),
        times=what_times_are(told.world, told.distance),
        width=WIDTH,
        lane_height=LANE,
    )


@dataclass(frozen=True, slots=True)
class _Story:
    """One engine's column."""

    engine: str
    pacelc: str
    sentences: Sequence[str]
    otherwise: str
    problems: Sequence[str]
    servers: object
    lanes: object


def _story(report: CapReport) -> _Story:
    told = bool(report.history)
    return _Story(
        report.engine,
        choice(report).name,
        when_cut(report) if told else [report.problem],
        otherwise(report) if told else "",
        report.problems(),
        servers_of(report) if told else None,
        lanes_of(report) if told else None,
    )


def _grouped(lines: Sequence[list[str]]) -> list[tuple[str, list[list[str]]]]:
    """By the side, which is the first cell."""
    groups: dict[str, list[list[str]]] = {}
    for line in lines:
        groups.setdefault(line[0], []).append(line[1:])
    return list(groups.items())
