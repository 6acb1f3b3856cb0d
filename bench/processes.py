"""What /proc says of processes and disks: CPU, memory, the kind of file system; and how long a sync takes.

Must not know what the processes are; starts and ends none.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

from bench.samples import Cores
from cluster.errors import UsageError

TICK = os.sysconf("SC_CLK_TCK")
VOLATILE = ("tmpfs", "ramfs", "devtmpfs")


def cpu_of(stat: str) -> float:
    """User and system seconds of a process, all its threads, from the text of /proc/PID/stat."""
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def cpu(pid: int) -> float:
    """0 for a process that is gone."""
    try:
        return cpu_of(Path(f"/proc/{pid}/stat").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return 0.0


def busy_of(stat: str) -> float:
    """Seconds that all cores together were busy since the boot, from the text of /proc/stat."""
    user, nice, system, _idle, _wait, irq, soft = (int(field) for field in stat.split("\n", 1)[0].split()[1:8])
    return (user + nice + system + irq + soft) / TICK


def busy() -> float:
    return busy_of(Path("/proc/stat").read_text())


class Window:
    """CPU that was used from its making to `stop`."""

    def __init__(self, leader: int, servers: Sequence[int], load: Sequence[int]) -> None:
        self._leader, self._servers, self._load = leader, tuple(servers), tuple(load)
        self._began = time.monotonic()
        self._before = self._now()

    def _now(self) -> tuple[float, float, float, float]:
        of = [sum(cpu(pid) for pid in pids) for pids in ((self._leader,), self._servers, self._load)]
        return of[0], of[1], of[2], busy()

    def stop(self, load: float | None = None) -> Cores:
        """`load`: CPU seconds of load processes that are gone by now."""
        seconds = time.monotonic() - self._began
        leader, servers, used, whole = (b - a for a, b in zip(self._before, self._now(), strict=True))
        used = used if load is None else load
        other = max(0.0, whole - servers - used)
        return Cores(leader / seconds, servers / seconds, used / seconds, other / seconds)


def memory(pid: int) -> dict[str, float]:
    """Megabytes: pss (shared pages by their share), rss, and peak (the largest rss it ever had)."""
    found = {}
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(("VmRSS:", "VmHWM:")):
            found[{"VmRSS": "rss", "VmHWM": "peak"}[line[:5]]] = int(line.split()[1]) / 1024
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            found["pss"] = int(line.split()[1]) / 1024
    return found


def size_of(folder: Path) -> tuple[int, int]:
    """(bytes allocated on disk, number of files) below `folder`; files may come and go meanwhile."""
    size = files = 0
    for path in folder.rglob("*"):
        try:
            status = path.stat()
        except FileNotFoundError:
            continue
        if path.is_file():
            size += status.st_blocks * 512
            files += 1
    return size, files


def filesystem(path: Path, mounts: str | None = None) -> str:
    """The type of the file system that `path` is on; `mounts` is the text of /proc/self/mounts."""
    text = Path("/proc/self/mounts").read_text() if mounts is None else mounts
    best, kind = "", "unknown"
    for line in text.splitlines():
        _, point, type, *_ = line.split()
        inside = point == "/" or str(path) == point or str(path).startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, type
    return kind


def on_disk(path: Path) -> str:
    """The file system's type. UsageError if it is memory: a sync would cost nothing."""
    kind = filesystem(path.resolve())
    if kind in VOLATILE:
        raise UsageError(
            f"is on {kind}, where a sync costs nothing", place=str(path), remedy="run it in a folder on a disk"
        )
    return kind


def sync_milliseconds(folder: Path, times: int = 100) -> float:
    """Median of appending 4 KB and fdatasync."""
    file, took = folder / "sync-probe", []
    fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        for _ in range(times):
            began = time.monotonic()
            os.write(fd, bytes(4096))
            os.fdatasync(fd)
            took.append(time.monotonic() - began)
    finally:
        os.close(fd)
        file.unlink()
    return 1000 * statistics.median(took)
