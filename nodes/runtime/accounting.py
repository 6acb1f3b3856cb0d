"""What processes use, by the session that they are in: a container leads one. Real by nature: Linux' /proc.

Must not know containers. Where there is no /proc nothing is used.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from nodes.kubelet.runtime import Used

TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def used_by(sessions: Collection[int]) -> dict[int, Used]:
    """For each session its processes' CPU time, ended children included, and resident memory."""
    cpu = dict.fromkeys(sessions, 0.0)
    memory = dict.fromkeys(sessions, 0)
    for pid in _pids():
        fields = _stat(pid)
        if len(fields) < 22 or int(fields[3]) not in cpu:
            continue
        session = int(fields[3])
        cpu[session] += sum(int(ticks) for ticks in fields[11:15]) / TICK
        memory[session] += int(fields[21]) * PAGE
    return {session: Used(cpu[session], memory[session]) for session in sessions}


def own() -> Used:
    """This process."""
    times = os.times()
    fields = _stat(os.getpid())
    return Used(times.user + times.system, int(fields[21]) * PAGE if len(fields) > 21 else 0)


def _pids() -> list[int]:
    with suppress(FileNotFoundError):
        return [int(entry.name) for entry in os.scandir("/proc") if entry.name.isdecimal()]
    return []


def _stat(pid: int) -> list[str]:
    """/proc/PID/stat from the state on (proc(5): field 3); [] for one that is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text[text.rindex(")") + 2 :].split()
