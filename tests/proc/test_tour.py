"""The main job, as a user runs it: every expectation of the tour holds, and its data says what was seen."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

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
