"""What is read from /proc, and the refusal to measure syncs on a disk that is none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.processes import TICK, Window, busy_of, cpu, cpu_of, filesystem, memory, on_disk, size_of, sync_milliseconds
from cluster.errors import UsageError

MOUNTS = """/dev/vda / ext4 rw 0 0
tmpfs /tmp tmpfs rw 0 0
/dev/vdb /tmp/disk xfs rw 0 0
overlay /srv/x overlay rw 0 0
"""


def test_cpu_is_user_and_system_time_whatever_the_process_is_called() -> None:
    stat = f"12 (a ) name) R {' '.join(['0'] * 10)} {3 * TICK} {2 * TICK} 0 0"
    assert cpu_of(stat) == 5.0
    assert busy_of(f"cpu  {TICK} 0 {TICK} 99999 99999 0 {TICK} 0 0 0\ncpu0 1 2 3\n") == 3.0


def test_this_process_uses_cpu_and_memory() -> None:
    window = Window(os.getpid(), [os.getpid()], [])
    before = cpu(os.getpid())
    while cpu(os.getpid()) < before + 0.05:
        pass
    cores = window.stop()
    assert 0 < cores.leader == cores.servers < 2
    assert cores.load == 0
    assert window.stop(load=1e9).load > 0
    assert cpu(1 << 30) == 0.0
    found = memory(os.getpid())
    assert 0 < found["pss"] <= found["rss"] <= found["peak"]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"),
        ("/tmp", "tmpfs"),
        ("/tmp/x", "tmpfs"),
        ("/tmpx", "ext4"),
        ("/tmp/disk/a", "xfs"),
        ("/srv/x", "overlay"),
    ],
)
def test_the_longest_mount_point_counts(path: str, kind: str) -> None:
    assert filesystem(Path(path), MOUNTS) == kind


def test_memory_is_no_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.processes.filesystem", lambda path: "tmpfs")
    with pytest.raises(UsageError, match="is on tmpfs, where a sync costs nothing"):
        on_disk(tmp_path)
    monkeypatch.setattr("bench.processes.filesystem", lambda path: "ext4")
    assert on_disk(tmp_path) == "ext4"


def test_sizes_and_syncs_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(bytes(100_000))
    size, files = size_of(tmp_path)
    assert (size >= 100_000, files) == (True, 1)
    assert sync_milliseconds(tmp_path, 3) > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a"]
