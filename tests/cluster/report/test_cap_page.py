"""The CAP page says what the reports say, needs nothing from elsewhere, and draws each operation once."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from cluster.report.capdrawing import LABEL, WIDTH, lanes_of, servers_of
from cluster.report.cappage import Page, page
from cluster.report.capreport import CapReport
from cluster.report.captable import latency_lines, ledger_lines, outcome_lines
from tests.cluster.experiments.test_cap import told

ENGINES = ("raft", "eventual", "raftos")


@pytest.fixture(scope="module")
def reports() -> tuple[CapReport, ...]:
    return tuple(told(engine, 3, 6.0, distance=0.01) for engine in ENGINES)


def render(*reports: CapReport) -> str:
    return page(Page(reports, "sim", 3, 6.0, 0.01, "launch.py cap --seed 3"))


VOID = {"meta", "br", "link", "img", "rect", "line", "path", "circle"}


class Balanced(HTMLParser):
    """Every element that is opened is closed, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_page_is_whole_and_asks_nobody_for_anything(reports: tuple[CapReport, ...]) -> None:
    html = render(*reports)
    parser = Balanced()
    parser.feed(html)
    assert parser.open == []
    assert not re.search(r"https?://|<script|<link|@import|src=", html)
    assert 'name="viewport"' in html, "a phone shows it at its own width"


def test_every_step_of_the_story_and_every_number_of_the_tables_is_on_it(reports: tuple[CapReport, ...]) -> None:
    parser = Balanced()
    parser.feed(render(*reports))
    text = " ".join(" ".join(parser.text).split())
    for title in ("Two servers", "The network is cut", "A client writes", "Clients go on asking", "The network heals"):
        assert title in text
    for lines in (ledger_lines(reports), outcome_lines(reports), latency_lines(reports)):
        for line in lines:
            assert all(cell in text for cell in line), line
    assert "raft chose consistency" in text
    assert "eventual chose availability" in text
    assert "launch.py cap --seed 3" in text


def test_lanes_hold_each_operation_once_within_the_picture(reports: tuple[CapReport, ...]) -> None:
    for report in reports:
        drawn = lanes_of(report)
        assert len(drawn.lanes) == 6
        assert sum(len(lane.marks) for lane in drawn.lanes) >= len(report.during())
        for lane in drawn.lanes:
            assert [m.x for m in lane.marks] == sorted(m.x for m in lane.marks)
            assert all(LABEL <= m.x <= WIDTH and m.width > 0 for m in lane.marks)
            assert 0 < lane.y < drawn.height
        assert LABEL <= drawn.cut[0] < drawn.cut[1] <= WIDTH
        assert drawn.ticks[0] == (drawn.cut[0], "0 s")
    fates = {m.fate for report in reports for lane in lanes_of(report).lanes for m in lane.marks}
    assert fates == {"fresh", "stale", "written", "lost", "refused", "unanswered"}


def test_the_servers_show_what_they_answered(reports: tuple[CapReport, ...]) -> None:
    raft, eventual, _ = (servers_of(report) for report in reports)
    for shown in (raft, eventual):
        assert (shown["before"].g1, shown["before"].g2, shown["before"].cut) == ("v0", "v0", False)
        assert shown["late"].cut
        assert shown["healed"].g1 == shown["healed"].g2
    assert raft["late"].g1 == "v0"
    assert raft["late"].g2.startswith("v")
    assert raft["late"].g2 != "v0"
    assert "nothing on G1" in raft["written"].note
    assert eventual["late"].g1.startswith("x")
    assert eventual["late"].g2.startswith("v")
    assert "on G1" in eventual["written"].note


def test_lines_that_say_nothing_are_left_out(reports: tuple[CapReport, ...]) -> None:
    lines = list(ledger_lines(reports[:1]))
    assert all(line[2] == "answered" or line[3] != "0 %" for line in lines)
    assert {(line[0], line[1]) for line in lines} == {
        (side, what) for side in ("G1", "G2") for what in ("write", "linearizable read", "serializable read")
    }


def test_an_engine_whose_story_could_not_be_told_is_on_it_with_the_reason(reports: tuple[CapReport, ...]) -> None:
    html = render(reports[0], CapReport(engine="raftos", problem="the store had no leader in time"))
    assert "the store had no leader in time" in html


def test_what_is_on_it_cannot_be_markup() -> None:
    assert "<b>boom" not in render(CapReport(engine="raft", problem="<b>boom"))
