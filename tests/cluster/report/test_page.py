"""The page as text: what is in it, in which order, and that it loads nothing and believes nobody's text."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser

import pytest

from cluster.history.checks import Ask, judge
from cluster.history.finding import Finding, Judged
from cluster.history.record import Operation
from cluster.history.run import Meta, Moment, Run, Seen, Strike
from cluster.report import templates
from cluster.report.columns import unpack
from cluster.report.compare import compare
from cluster.report.page import SECTIONS, page
from cluster.world.journal import Record
from tests.cluster.report.runs import cluster_run, store_run, verdict

EVIL = "<script>alert('x')</script>\"'&</style>\u202e\u6f22\U0001f600"
OK = Finding("linearizable", "ok", "they fit one order", 264)
VOID = {"meta", "input", "br", "hr", "link", "img"}


class Reader(HTMLParser):
    """Elements, attributes and text of a page; tags must close in the order in which they opened."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.words: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data
        elif "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return reader


@cache
def store_page() -> str:
    run = store_run()
    return page(run, judge(run, [Ask("linearizable"), Ask("one-leader-per-term")]))


def evil_run() -> Run:
    """Every text that a run can bring along is hostile."""
    operation = Operation(EVIL, 0, "write", EVIL, EVIL, 0.5, 0.6, "ok", EVIL, EVIL, EVIL, EVIL)
    pod = {
        "kind": "Pod", "metadata": {"name": EVIL, "namespace": EVIL, "resourceVersion": "7", "uid": EVIL},
        "spec": {"nodeName": EVIL}, "status": {"phase": EVIL},
    }  # fmt: skip
    strike = Strike("s1", EVIL, EVIL, EVIL, 0.1, 0.9, (EVIL,), ((EVIL,), (EVIL,)), {EVIL: EVIL}, (EVIL,), error=EVIL)
    records: tuple[Record, ...] = (
        (0.1, 1, EVIL, 1, "boot", {}),
        (0.2, 2, EVIL, 1, "send", EVIL, EVIL, 1, 0, 5),
        (0.2, 2, EVIL, 1, "drop", EVIL, EVIL, 1, EVIL),
        (0.3, 3, EVIL, 1, EVIL, {EVIL: EVIL}),
        (0.4, 4, EVIL, 1, "write", {"kind": EVIL, "key": EVIL, "revision": 7, "verb": EVIL, "user": EVIL}),
    )
    meta = Meta(
        EVIL, EVIL, EVIL, 1, EVIL, 1.0, EVIL, EVIL, EVIL, EVIL, {EVIL: EVIL}, {}, {EVIL: (0.0, 1.0)}, False, EVIL
    )
    text = f"teaches: {EVIL!r}\n"
    return Run(
        meta, text, (operation,), (strike,), (Moment(0.5, EVIL, EVIL, EVIL),), records, (Seen(0.4, EVIL, EVIL, pod),)
    )


def evil_finding() -> Judged:
    evidence = {"operations": [0], "order": [0], "records": [3], "objects": [[EVIL, f"{EVIL}/{EVIL}", "7"]]}
    return Judged(
        Finding(EVIL, "violated", EVIL, 1, (EVIL,), {**evidence, "cycle": [EVIL, 0]}, {EVIL: 1.0}), "ok", EVIL
    )


# -- what is said, and in which order ---------------------------------------------------------------------------------


def test_the_verdict_comes_first_then_the_sections_in_their_order() -> None:
    reader = read(store_page())
    ids = [attributes["id"] for tag, attributes in reader.elements if tag == "section" and attributes.get("id")]
    assert ids == [id for id, _ in SECTIONS]
    words = reader.text
    assert words.index("Holds") < words.index("2 checks said what was expected") < words.index("What it teaches")
    for fact in ("launch.py run scenarios/cut.yaml --world sim --seed 0", "sim (virtual time)", "raft", "5.250 s"):
        assert fact in words


def test_each_check_says_what_it_saw_expected_and_why() -> None:
    reasons = ("pod web-0 ran on worker-1 until 12.4 s", "the kubelet of worker-1 was cut off")
    wrong = Judged(Finding("one-incarnation", "violated", "two at once", 17, reasons, figures={"overlap": 3.25}))
    meant = Judged(Finding("availability", "violated", "12 % answered", 40), "violated", "a minority may not answer")
    words = read(page(store_run(), verdict(wrong, meant, outcome="violated", reason="two at once"))).text
    assert "Violated two at once" in words
    assert "one-incarnation violated expected: ok looked at 17 two at once" in words
    for reason in reasons:
        assert reason in words
    assert "overlap 3.25" in words
    assert "as expected: violated" in words
    assert "Expected because a minority may not answer" in words


def test_strikes_stand_with_their_evidence() -> None:
    words = read(store_page()).text
    assert re.search(r"master-\d \| master-\d, master-\d 1\.000 s 2\.500 s confirmed: \d+ hit, 0 let through", words)


def test_a_run_that_is_not_whole_says_so_and_is_never_green() -> None:
    run = store_run()
    half = replace(run, meta=replace(run.meta, complete=False, problem="the steady state was not reached"))
    text = page(half, verdict(OK))
    words = read(text).text
    assert "This run did not come to its end" in words
    assert "the steady state was not reached" in words
    assert 'class="verdict unknown"' in text
    assert 'class="verdict holds"' not in text


def test_an_empty_run_is_a_page_that_says_what_is_not_there() -> None:
    meta = Meta("empty", "", "proc", 0, "raft", 0.0, "", "", complete=False)
    words = read(page(Run(meta, ""), verdict(outcome="unknown", reason="nothing was checked"))).text
    for sentence in (
        "Nothing was checked, so nothing is known.",
        "No client's operations were recorded in this run.",
        "No fault was struck in this run.",
        "No message is in the journal of this run.",
        "No member of the store told a role in this run.",
    ):
        assert sentence in words


def test_a_store_without_leaders_is_told_as_one() -> None:
    run = store_run()
    plain = tuple(r for r in run.records if r[4] not in ("role", "log"))
    words = read(page(replace(run, records=plain), verdict(OK))).text
    assert "This store's members have no leader and no terms" in words
    between = sum(r[4] == "send" and r[2].startswith("store-") and r[6].startswith("store-") for r in run.records)
    answered = sum(o.outcome == "ok" for o in run.operations)
    assert f"{templates.figure(between / answered)} of them between the store's members" in words


def test_a_lost_node_has_its_failover_clock() -> None:
    run = cluster_run()
    words = read(page(run, verdict(OK))).text
    assert "worker-0, Service nginx" in words
    for step in ("detected", "endpoint removed", "tainted", "evicted", "recreated", "bound", "running"):
        assert re.search(rf"{step} \d+\.\d+ s \d+\.\d+ s to \d+\.\d+ s as predicted", words)
    assert "tolerates a lost node and is not evicted" in words


def test_a_violation_is_drawn_and_linked() -> None:
    run = store_run()
    wrong = Finding("lost-writes", "violated", "gone", 3, evidence={"operations": [0, 1]})
    text = page(run, verdict(OK, wrong, outcome="violated", reason="gone"))
    assert 'href="#counterexample-1"' in text
    assert 'id="counterexample-1"' in text
    assert run.operations[0].sentence() in read(text).text


# -- that it is one file, and safe ------------------------------------------------------------------------------------


@pytest.mark.parametrize("made", ["page", "comparison"])
def test_the_page_loads_nothing(made: str) -> None:
    run = store_run()
    text = store_page() if made == "page" else compare(run, verdict(OK), store_run(3), verdict(OK))
    reader = read(text)
    assert "http://" not in text
    assert "https://" not in text
    for tag, attributes in reader.elements:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base")
        assert "src" not in attributes
        assert (attributes.get("href") or "#").startswith("#")
    assert not re.search(r"url\((?!#)|@import|\bimport\s*\(|fetch\(|XMLHttpRequest|WebSocket", text)
    (policy,) = [a["content"] for tag, a in reader.elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    assert policy.startswith("default-src 'none'")


def test_the_plotting_library_comes_with_its_licence() -> None:
    assert "Permission is hereby granted, free of charge" in store_page()


@pytest.mark.parametrize("made", ["page", "comparison"])
def test_no_text_of_a_run_becomes_markup(made: str) -> None:
    run, found = evil_run(), verdict(evil_finding(), outcome="violated", reason=EVIL)
    text = page(run, found) if made == "page" else compare(run, found, run, found)
    reader = read(text)
    assert "<script>alert" not in text
    assert len([tag for tag, _ in reader.elements if tag == "script"]) == 2
    assert EVIL in "".join(reader.words)
    for _, attributes in reader.elements:
        assert not any(name.startswith("on") for name in attributes)


def test_the_data_in_the_page_is_the_run() -> None:
    header, tables = unpack(read(store_page()).scripts[0])
    run = store_run()
    assert header["seconds"] == run.meta.seconds
    assert [band["name"] for band in header["bands"]] == [strike.name for strike in run.strikes]
    assert len(tables["operations"]["start"]) == len(run.operations)
    assert len(tables["messages"]["sent"]) >= sum(r[4] == "send" for r in run.records)


def test_the_same_run_makes_the_same_page() -> None:
    run = store_run()
    assert page(run, verdict(OK)) == page(run, verdict(OK))


# -- how values are written -------------------------------------------------------------------------------------------


def test_numbers_are_written_as_one_reads_them() -> None:
    assert [templates.duration(v) for v in (0.0000125, 0.0042, 1.5, None)] == ["12 us", "4.20 ms", "1.500 s", "-"]
    assert [templates.size(v) for v in (12, 34_500, 1_260_000)] == ["12 B", "34.5 kB", "1.3 MB"]
    assert [templates.figure(v) for v in (12_345.0, 0.123456, None, float("inf"))] == ["12,345", "0.1235", "-", "-"]
    assert templates.shorten("a" * 30, 10) == "aaaaaaaa.."
    assert list(templates.ticks(23.0)) == [0.0, 5.0, 10.0, 15.0, 20.0, 25.0]
