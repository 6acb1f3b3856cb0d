"""report.html in a real, headless Chromium: that it opens without a complaint or a request, and that it can be used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cluster.history.checks import Ask, judge
from cluster.history.run import Run
from cluster.report.compare import compare
from cluster.report.page import page
from cluster.world.journal import Record
from tests.cluster.report.runs import cluster_run, store_run, verdict
from tests.cluster.report.test_page import evil_finding, evil_run
from tests.proc.browser import Browser, chromium

pytestmark = pytest.mark.proc

READY = "document.documentElement.dataset.ready === 'yes'"
DRAWN = """(() => {
    const canvas = document.querySelector("%s");
    const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    const colours = new Set();
    for (let i = 0; i < data.length; i += 4) {
        if (data[i + 3]) colours.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
    }
    return colours.size;
})()"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    chromium()
    folder = tmp_path_factory.mktemp("pages")
    run = store_run()
    found = judge(run, [Ask("linearizable"), Ask("one-leader-per-term")])
    (folder / "store.html").write_text(page(run, found))
    (folder / "cluster.html").write_text(page(cluster_run(), judge(cluster_run(), [Ask("bound-once")])))
    evil = verdict(evil_finding(), outcome="violated", reason="evil")
    (folder / "evil.html").write_text(page(evil_run(), evil))
    (folder / "compare.html").write_text(compare(run, found, store_run(3), found))
    (folder / "empty.html").write_text(page(Run(replace(run.meta, seconds=0.0, complete=False), ""), found))
    return folder


@pytest.fixture(scope="module")
def chromium_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture
def browser(chromium_process: Browser) -> Iterator[Browser]:
    """A fresh tab; what it complains of, or asks a network for, fails the test at its end."""
    found = chromium_process
    found.fresh()
    found.size(1280, 900)
    yield found
    assert found.errors == []
    assert [url for url in found.requests if not url.startswith(("file:", "blob:"))] == []


def show(browser: Browser, selector: str) -> dict[str, float]:
    """Bring it into sight; drawings out of sight are not drawn."""
    box = browser.box(selector)
    browser.settle()
    browser.ask("new Promise((done) => setTimeout(done, 60))")
    browser.settle()
    return box


def window(browser: Browser) -> tuple[float, float]:
    start, end = browser.ask("[capstan.View.start, capstan.View.end]")
    return start, end


@pytest.mark.parametrize("name", ["store", "cluster", "evil", "empty", "compare"])
def test_it_opens_without_a_complaint_or_a_request(browser: Browser, pages: Path, name: str) -> None:
    browser.open(pages / f"{name}.html", READY)
    browser.ask("window.scrollTo(0, document.documentElement.scrollHeight)")
    browser.settle()
    assert browser.ask("document.querySelector('script[src], link, img, iframe') === null")


def test_the_verdict_is_what_one_sees_first(browser: Browser, pages: Path) -> None:
    browser.open(pages / "store.html", READY)
    box = browser.ask("document.querySelector('#verdict-word').getBoundingClientRect().toJSON()")
    assert browser.ask("document.querySelector('#verdict-word').innerText") == "Holds"
    assert 0 < box["y"] < 300
    assert box["height"] > 30
    assert browser.ask("document.querySelector('#loading').hidden")


@pytest.mark.parametrize("phone", [False, True])
def test_every_drawing_is_drawn(browser: Browser, pages: Path, phone: bool) -> None:
    browser.size(390, 844, phone=True) if phone else browser.size(1280, 900)
    browser.open(pages / "store.html", READY)
    for name in ("operations", "raft", "spacetime", "network"):
        show(browser, f"#{name}-canvas")
        assert browser.ask(DRAWN % f"#{name}-canvas") > 5, name
    for name in ("latency", "rate"):
        assert browser.ask(DRAWN % f"#{name}-plot canvas") > 5, name


@pytest.mark.parametrize("name", ["store", "cluster", "evil", "compare"])
def test_a_phone_never_scrolls_sideways(browser: Browser, pages: Path, name: str) -> None:
    browser.size(390, 844, phone=True)
    browser.open(pages / f"{name}.html", READY)
    assert browser.ask("document.documentElement.scrollWidth") <= 390
    assert browser.ask("document.documentElement.clientWidth") == 390


def test_dark_and_light_differ(browser: Browser, pages: Path) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    browser.open(pages / "store.html", READY)
    light = browser.ask(background)
    browser.size(1280, 900, dark=True)
    assert browser.ask(background) != light


def test_wheel_drag_keys_and_buttons_move_through_time(browser: Browser, pages: Path) -> None:
    browser.open(pages / "store.html", READY)
    whole = window(browser)
    box = show(browser, "#spacetime-canvas")
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] - 40
    scrolled = browser.ask("scrollY")
    browser.click(x, y)  # takes hold
    browser.mouse("mouseWheel", x, y, deltaX=0, deltaY=-240)
    browser.until(f"capstan.View.end - capstan.View.start < {whole[1] - whole[0]} * 0.8")
    assert browser.ask("scrollY") == scrolled
    before = window(browser)
    browser.mouse("mousePressed", x, y, button="left", clickCount=1)
    browser.mouse("mouseMoved", x - 120, y, button="left", buttons=1)
    browser.mouse("mouseReleased", x - 120, y, button="left", clickCount=1)
    browser.settle()
    assert window(browser)[0] > before[0]
    zoomed = window(browser)
    browser.key("+")
    assert window(browser)[1] - window(browser)[0] < zoomed[1] - zoomed[0]
    browser.key("0")
    assert window(browser) == pytest.approx(whole)
    browser.click_on("#raft [data-zoom='0.5']")
    assert window(browser)[1] - window(browser)[0] == pytest.approx((whole[1] - whole[0]) / 2, rel=0.1)


def test_two_fingers_zoom_and_one_finger_scrolls_the_page(browser: Browser, pages: Path) -> None:
    browser.size(390, 844, phone=True)
    browser.open(pages / "store.html", READY)
    whole = window(browser)
    box = show(browser, "#spacetime-canvas")
    x, y = box["x"] + box["width"] / 2, box["y"] + 120
    browser.touch("touchStart", (x - 20, y), (x + 20, y))
    for spread in (30, 50, 80):
        browser.touch("touchMove", (x - spread, y), (x + spread, y))
    browser.touch("touchEnd")
    browser.settle()
    assert window(browser)[1] - window(browser)[0] < (whole[1] - whole[0]) * 0.6
    assert browser.ask("getComputedStyle(document.querySelector('#spacetime-canvas')).touchAction") == "pan-y"


def test_a_page_scrolls_over_drawings_that_nobody_holds(browser: Browser, pages: Path) -> None:
    browser.open(pages / "store.html", READY)
    whole = window(browser)
    box = show(browser, "#raft-canvas")
    before = browser.ask("scrollY")
    browser.mouse("mouseWheel", box["x"] + 300, box["y"] + 40, deltaX=0, deltaY=120)
    browser.until(f"scrollY > {before}")
    assert window(browser) == whole


def in_view(browser: Browser) -> int:
    browser.settle()
    return int(browser.ask("capstan.SpaceTime.inView"))


def test_filters_by_kind_host_loss_and_time(browser: Browser, pages: Path) -> None:
    browser.open(pages / "store.html", READY)
    show(browser, "#spacetime-canvas")
    sent = sum(r[4] == "send" for r in store_run().records)
    everything = in_view(browser)
    assert everything == sent
    browser.type("#filter-kinds", "raft.*, !*-reply")
    kinds = {r[5] for r in store_run().records if r[4] == "send"}
    wanted = {kind for kind in kinds if kind.startswith("raft.") and not kind.endswith("-reply")}
    assert in_view(browser) == sum(r[4] == "send" and r[5] in wanted for r in store_run().records)
    browser.type("#filter-kinds", "")
    browser.ask("document.querySelector('#filter-lost').click()")
    browser.settle()
    assert 0 < in_view(browser) < everything / 2
    browser.ask("document.querySelector('#filter-lost').click()")
    browser.ask("document.querySelector('#filter-hosts').parentElement.open = true")
    hosts = "[...document.querySelectorAll('#filter-hosts label')]"
    others = f"{hosts}.filter((label) => !label.innerText.includes('store-'))"
    browser.ask(f"{others}.forEach((label) => label.querySelector('input').click())")
    ends = [(r[2], r[6]) for r in store_run().records if r[4] == "send"]
    between = sum(src.startswith("store-") and dst.startswith("store-") for src, dst in ends)
    assert in_view(browser) == between
    browser.ask(f"{hosts}[0].parentElement.querySelector('button').click()")
    browser.type("#filter-from", "1.0")
    browser.type("#filter-to", "1.2")
    assert window(browser) == pytest.approx((1.0, 1.2))
    assert 0 < in_view(browser) < everything / 4


def test_a_click_on_a_lost_message_says_which_strike_took_it(browser: Browser, pages: Path) -> None:
    browser.open(pages / "store.html", READY)
    browser.ask("document.querySelector('#filter-lost').click()")
    show(browser, "#spacetime-canvas")
    x, y = browser.ask("""(() => {
        const { SpaceTime, View } = capstan, m = SpaceTime.m, lost = m.fate.findIndex((fate) => fate > 0);
        View.set(m.sent[lost] / 1e6 - 0.002, m.sent[lost] / 1e6 + 0.004);
        const [x1, y1, x2, y2] = SpaceTime.ends(SpaceTime.panel, lost);
        const box = SpaceTime.panel.canvas.getBoundingClientRect();
        return [box.x + (x1 + x2) / 2, box.y + (y1 + y2) / 2];
    })()""")
    browser.settle()
    browser.click(x, y)
    told = browser.ask("document.querySelector('#spacetime-chosen').innerText")
    assert "lost: rule f1, strike " in told
    assert store_run().strikes[0].name in told
    assert browser.ask("capstan.SpaceTime.chosen") >= 0


def test_a_click_on_a_pods_revision_shows_the_messages_that_made_it(browser: Browser, pages: Path) -> None:
    browser.open(pages / "cluster.html", READY)
    write = next(r[5] for r in cluster_run().records if r[4] == "write" and r[5]["verb"] == "bind")
    show(browser, "#object-pick")
    browser.type("#object-pick", f"Pod {write['key']}")
    revisions = browser.ask("[...document.querySelectorAll('#object-revisions button')].map((b) => b.innerText)")
    place = next(n for n, text in enumerate(revisions) if f"revision {write['revision']} " in text)
    assert "bind by" in revisions[place]
    assert len(revisions) >= 4
    browser.ask(f"document.querySelectorAll('#object-revisions button')[{place}].click()")
    browser.settle()
    steps = browser.ask("[...document.querySelectorAll('#spacetime-chosen .chain li')].map((li) => li.innerText)")
    kinds = [next(word for word in step.split() if "." in word and word[0].isalpha()) for step in steps]
    assert kinds[0] == "pod.bind"
    assert kinds.index("pod.bind") < kinds.index("raft.append") < kinds.index("raft.append-reply")
    assert kinds.index("raft.append-reply") < kinds.index("pod.bind.reply")
    assert any(kind.startswith("store.") and kind.endswith(".reply") for kind in kinds)
    assert any("asks the apiserver" in step for step in steps)
    kubelet = [step for step in steps if "to kubelet-" in step]
    assert len(kubelet) == 1  # the one on whose node it is
    start, end = window(browser)
    assert end - start < 0.1
    assert browser.ask("capstan.SpaceTime.chain.messages.size") == len(steps)
    browser.ask("document.querySelectorAll('#spacetime-chosen .chain button')[1].click()")
    browser.settle()
    assert "belongs to" not in browser.ask("document.querySelector('#spacetime-chosen strong').innerText")


def test_an_objects_own_messages_can_be_filtered(browser: Browser, pages: Path) -> None:
    browser.open(pages / "cluster.html", READY)
    show(browser, "#object-pick")
    whole = in_view(browser)
    write = next(r[5] for r in cluster_run().records if r[4] == "write" and r[5]["kind"] == "Pod")
    browser.ask("document.querySelector('#object-only').click()")
    browser.type("#object-pick", f"Pod {write['key']}")
    show(browser, "#spacetime-canvas")
    assert 10 < in_view(browser) < whole / 20


def test_an_operation_leads_to_its_messages(browser: Browser, pages: Path) -> None:
    browser.open(pages / "store.html", READY)
    show(browser, "#operations-canvas")
    browser.ask("""(() => {
        const { Operations } = capstan, t = Operations.table, kinds = Operations.names.kinds;
        for (let i = 20; i < t.rows; i++) {
            if (kinds[t.kind[i]] === "write" && t.outcome[i] === 0) return Operations.choose(i);
        }
    })()""")
    assert "write of r" in browser.ask("document.querySelector('#operations-chosen').innerText")
    browser.click_on("#operations-chosen button")
    told = browser.ask("document.querySelector('#spacetime-chosen').innerText")
    assert "the client asks" in told
    assert "a follower has it on its disk" in told


def state(browser: Browser) -> list[dict[str, Any]]:
    members: list[dict[str, Any]] = browser.ask("capstan.State.members(capstan.View.cursor)")
    return members


def slide(browser: Browser, share: float) -> None:
    browser.ask(f"""(() => {{
        const slider = document.querySelector("#player-slider");
        slider.value = {share} * slider.max;
        slider.dispatchEvent(new Event("input"));
    }})()""")
    browser.settle()


def test_the_slider_plays_the_clusters_state_back_and_forth(browser: Browser, pages: Path) -> None:
    run = store_run()
    cut, kill = run.strikes
    browser.open(pages / "store.html", READY)
    slide(browser, (cut.since - 0.05) / run.meta.seconds)
    before = {m["name"]: m for m in state(browser)}
    leader = next(name for name, m in before.items() if m["role"] == "leader")
    assert {m["leader"] for m in before.values()} == {leader}
    assert "No fault is in force" in browser.ask("document.querySelector('#state-words').innerText")
    slide(browser, (cut.since + 1.2) / run.meta.seconds)
    during = {m["name"]: m for m in state(browser)}
    successor = next(name for name, m in during.items() if m["role"] == "leader")
    assert successor != leader
    assert during[successor]["term"] > before[leader]["term"]
    assert during[successor]["commit"] > during[leader]["commit"]
    words = browser.ask("document.querySelector('#state').innerText")
    assert f"In force: {cut.name}" in words
    assert f"believes in {successor}" in words
    slide(browser, (kill.since + 0.2) / run.meta.seconds)
    assert {m["name"]: m["life"] for m in state(browser)}["store-1"] == "down"
    slide(browser, (cut.since - 0.05) / run.meta.seconds)
    assert {m["name"]: m for m in state(browser)} == before


def test_it_plays_pauses_and_steps(browser: Browser, pages: Path) -> None:
    browser.open(pages / "store.html", READY)
    browser.click_on("#player-play")
    browser.until("capstan.View.cursor > 0.1")
    browser.click_on("#player-play")
    assert not browser.ask("capstan.Player.playing")
    at = browser.ask("capstan.View.cursor")
    browser.click_on("#player-next")
    assert browser.ask("capstan.View.cursor") > at
    assert browser.ask("document.querySelector('#player-turn').textContent")
    browser.click_on("#player-back")
    assert browser.ask("capstan.View.cursor") <= at


def test_what_the_api_believes_stands_beside_what_is(browser: Browser, pages: Path) -> None:
    run = cluster_run()
    outage = run.strikes[0]
    node = outage.targets[0]
    browser.open(pages / "cluster.html", READY)

    def at(time: float) -> dict[str, Any]:
        nodes = browser.ask(f"capstan.State.nodesAt({time})")
        found: dict[str, Any] = next(n for n in nodes if n["name"] == node)
        return found

    calm, fresh = at(outage.since - 0.1), at(outage.since + 0.5)
    noticed, over = at(outage.since + 4), at(run.meta.seconds)
    assert (calm["ready"], calm["really"]) == ("True", "up")
    assert len(calm["containers"]) == 2  # nginx and the log agent
    assert (fresh["ready"], fresh["really"], fresh["containers"]) == ("True", "off", [])
    assert len(fresh["pods"]) == 2
    assert (noticed["ready"], noticed["really"]) == ("Unknown", "off")
    assert (over["ready"], over["really"]) == ("True", "up")
    slide(browser, (outage.since + 0.5) / run.meta.seconds)
    assert "not what the API says" in browser.ask("document.querySelector('#state-nodes').innerText")


def test_the_comparison_overlays_both_runs(browser: Browser, pages: Path) -> None:
    browser.open(pages / "compare.html", READY)
    for name in ("latency", "rate"):
        assert browser.ask(DRAWN % f"#{name}-plot canvas") > 5
    labels = browser.ask("[...document.querySelectorAll('.u-label')].map((l) => l.innerText)")
    assert {"p50, first", "p50, second"} <= {label.rstrip(":") for label in labels}


# -- size -------------------------------------------------------------------------------------------------------------


def long_run(times: int) -> Run:
    """The cluster's run told over and over, each time as if its hosts had booted anew."""
    run = cluster_run()
    records: list[Record] = []
    for n in range(times):
        later, boots = n * run.meta.seconds, n * 8
        for r in run.records:
            rest = list(r[4:])
            if r[4] == "deliver":
                rest[3] += boots
            if r[4] == "write":
                host, boot, id = r[5]["message"]
                rest[1] = {**r[5], "message": [host, boot + boots, id]}
            records.append((r[0] + later, r[1], r[2], r[3] + boots, *rest))
    return replace(run, records=tuple(records), meta=replace(run.meta, seconds=run.meta.seconds * times))


def test_three_hundred_thousand_records_open_and_can_be_moved_through(browser: Browser, tmp_path: Path) -> None:
    """That it does it at all, and says all of them; how fast is measured elsewhere, on a quiet machine."""
    run = long_run(5)
    assert len(run.records) > 300_000
    path = tmp_path / "long.html"
    path.write_text(page(run, judge(run, [Ask("bound-once")])))
    browser.open(path, READY)
    show(browser, "#spacetime-canvas")
    assert in_view(browser) == sum(r[4] == "send" for r in run.records)
    assert not browser.ask("capstan.SpaceTime.arrows")
    assert browser.ask(DRAWN % "#spacetime-canvas") > 5
    browser.ask("capstan.View.set(60, 60.05)")
    assert 0 < in_view(browser) < 5000
    assert browser.ask("capstan.SpaceTime.arrows")
    write = browser.ask("capstan.head.writes.findLast((w) => w[5] === 'bind')")
    steps = browser.ask("capstan.Causes.ofWrite(capstan.head.writes.findLast((w) => w[5] === 'bind')).steps.length")
    assert steps > 10, write
