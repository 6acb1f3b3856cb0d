"""`launch.py cap --world proc`: the story on real processes, and nothing of them left, however it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from cluster.errors import UsageError
from cluster.world.proc.launch import down
from cluster.world.proc.layout import Layout
from cluster.world.proc.osprocess import is_alive
from tests.proc.test_cli import LAUNCH
from tests.proc.trees import pids, survivors

pytestmark = pytest.mark.proc


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, LAUNCH, "cap", "--world", "proc", *words]
    return subprocess.Popen(command, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_raft_and_eventual_keep_their_promises(tmp_path: Path) -> None:
    process = start(tmp_path, "--engines", "raft,eventual", "--seconds", "2.5", "--out", "page", "-o", "json")
    said, complaint = process.communicate(timeout=100)
    assert process.returncode == 0, complaint
    raft, eventual = json.loads(said)["engines"]
    assert (raft["problems"], eventual["problems"]) == ([], [])
    assert (raft["linearizable"], eventual["linearizable"]) == ("ok", "illegal")
    assert raft["lost"] == []
    assert eventual["lost"]
    assert all(row["answered"] for row in raft["latency"])
    assert "chose consistency" in (tmp_path / "page" / "cap.html").read_text()
    assert list((tmp_path / ".capstan").iterdir()) == [], "its stores are gone"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path, dict[str, int]]]:
    """A comparison whose members are up, its tree's folder, and who runs in it."""
    process = start(tmp_path, "--engines", "raft", "--seconds", "30")
    where = tmp_path / ".capstan" / f"cap-raft-{process.pid}"
    found: dict[str, int] = {}
    try:
        while len(found) < 5:
            assert process.poll() is None
            if Layout.of(where).is_up():
                with suppress(UsageError):  # it is up, and about to answer
                    found = pids(where)
            time.sleep(0.05)
        yield process, where, found
    finally:
        process.kill()
        process.communicate(timeout=30)
        if where.exists():
            down(where, wipe=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_is_interrupted_takes_them_down(
    running: tuple[subprocess.Popen[str], Path, dict[str, int]], number: signal.Signals
) -> None:
    process, where, found = running
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert survivors(found, 10) == []
    assert not where.exists()


def test_what_a_killed_command_leaves_the_next_one_takes_down(
    running: tuple[subprocess.Popen[str], Path, dict[str, int]], tmp_path: Path
) -> None:
    process, where, found = running
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=30)
    assert is_alive(found["supervisor"]), "nobody was left to take it down"
    following = start(tmp_path, "--engines", "raft", "--seconds", "0.5")
    following.communicate(timeout=100)
    assert survivors(found, 10) == []
    assert not where.exists()
