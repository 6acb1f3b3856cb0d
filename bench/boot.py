"""How long from `up` to all nodes Ready, 3 masters and 3 workers, and how much memory it takes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from bench.rows import Options, Row, row

LAUNCH = Path(__file__).resolve().parents[1] / "launch.py"
NAME = "bench-boot"


def launch(*words: str) -> str:
    command = [sys.executable, str(LAUNCH), *words, "--name", NAME]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def memory(pids: list[int]) -> float:
    """Proportional set size of these processes in MB: shared pages counted once in all."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


def run(options: Options) -> list[Row]:
    whole, ready, started, used = [], [], [], []
    subprocess.run([sys.executable, str(LAUNCH), "down", "--wipe", "--name", NAME], check=False, capture_output=True)
    for _ in range(options.times(5)):
        began = time.monotonic()
        report = json.loads(launch("up", "-o", "json"))
        whole.append(time.monotonic() - began)
        ready.append(report["ready_seconds"])
        started.append(report["started_seconds"])
        hosts = json.loads(launch("status", "-o", "json"))["hosts"]
        used.append(memory([h["pid"] for h in hosts]))
        launch("down", "--wipe")
    return [
        row("boot", "up to all nodes Ready", whole, "s"),
        row(
            "boot",
            "of it: interpreter and imports of the command",
            [w - r for w, r in zip(whole, ready, strict=True)],
            "s",
        ),
        row("boot", "of it: fork server, supervisor, all processes started", started, "s"),
        row(
            "boot",
            "of it: election, apiservers, registration",
            [r - s for r, s in zip(ready, started, strict=True)],
            "s",
        ),
        row("boot", "memory of all processes", used, "MB"),
    ]
