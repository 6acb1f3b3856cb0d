"""The main job, as a user runs it: every expectation of the tour holds, and its data says what was seen."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from cluster.errors import UsageError
from cluster.world.proc.layout import Layout
from tests.proc.trees import pids, survivors

LAUNCH = Path(__file__).resolve().parents[2] / "launch.py"


@pytest.mark.proc
def test_the_tour_holds_and_tells_it_as_data(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, str(LAUNCH), "tour", "--json"], cwd=tmp_path, capture_output=True, text=True)
    data = json.loads(done.stdout)
    assert data["failed"] == [], done.stderr
    assert done.returncode == 0
    assert len(data["up"]["pids"]) == 19
    assert all(data["deployment"]["answers"].values())
    ledger = {(row["side"], row["what"]): row for row in data["cap"]["ledger"]}
    assert ledger["minority", "write"]["answered"] == 0
    assert ledger["minority", "serializable read"]["stale"] > 0
    assert ledger["majority", "write"]["answered"] > 0
    assert data["cap"]["linearizable"] == "ok"
    assert [s["name"] for s in data["failover"]["steps"] if s["seconds"] is None] == []
    assert max(data["daemonset"]["most_per_node"].values()) == 1
    assert (data["down"]["left"], data["down"]["ports"], data["down"]["sockets"]) == ([], [], [])


@pytest.mark.proc
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("command", "place"), [("tour", "tour"), ("bench idle --minutes 9", "bench-idle/idle")], ids=["tour", "bench"]
)
def test_who_is_told_to_end_takes_down_what_it_started(
    command: str, place: str, number: signal.Signals, tmp_path: Path
) -> None:
    words = [sys.executable, str(LAUNCH), *command.split()]
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        found: dict[str, int] = {}
        while len(found) < 5:
            assert process.poll() is None
            time.sleep(0.05)
            if Layout.of(tmp_path / ".capstan" / place).is_up():
                with suppress(UsageError):  # it is up, and about to answer
                    found = pids(tmp_path / ".capstan" / place)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.send_signal(number)
        process.communicate(timeout=60)
    assert process.returncode == 130
    assert survivors(found | {f"child {pid}": int(pid) for pid in children}, 10) == []
