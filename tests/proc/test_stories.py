"""A few shipped stories on real processes: a partition of the store, a pod's identity, a lagging apiserver."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.proc.test_cli import LAUNCH

pytestmark = [pytest.mark.proc, pytest.mark.timeout(240)]


@pytest.mark.parametrize("name", ["minority-with-leader", "identity-forced", "stale-apiserver"])
def test_a_story_says_on_real_processes_what_it_says_in_the_sim(name: str, tmp_path: Path) -> None:
    command = [sys.executable, LAUNCH, "run", name, "--world", "proc", "--no-report", "--out", "run", "-o", "json"]
    done = subprocess.run(command, cwd=tmp_path, text=True, capture_output=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads((tmp_path / "run" / "verdict.json").read_text())
    assert said["outcome"] == "holds"
    left = tmp_path / ".capstan"
    assert not left.exists() or not [p for p in left.iterdir() if (p / "run" / "control.sock").exists()]
