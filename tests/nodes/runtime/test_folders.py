"""What a container's folder looks like, what cannot leave it, and where the tail of a log begins."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.kubelet.runtime import ContainerKey, ContainerSpec, Mount, RuntimeFailure, Volume
from nodes.runtime.folders import Folders, inside
from nodes.runtime.logfile import tail_start

KEY = ContainerKey("u-1", "main", 0)


def spec(*volumes: Volume, mounts: tuple[Mount, ...] = (), work: str = "") -> ContainerSpec:
    return ContainerSpec(KEY, "default", "web", "nginx", working_dir=work, volumes=volumes, mounts=mounts)


def test_volumes_are_links_below_home(tmp_path: Path) -> None:
    folders = Folders(str(tmp_path))
    volumes = (Volume("conf", {"a/b": b"1"}), Volume("data", claim="default_data"), Volume("tmp"))
    mounts = (Mount("conf", "/etc/app"), Mount("data", "/data"), Mount("tmp", "/t", sub_path="x"))
    work = folders.prepare(spec(*volumes, mounts=mounts, work="/srv"), {"image": "nginx"})
    home = folders.home(KEY)
    assert work == home / "srv"
    assert (home / "etc/app/a/b").read_bytes() == b"1"
    (home / "data/kept").write_text("1")
    (home / "t/made").write_text("1")
    assert folders.program(KEY) == {"image": "nginx"}
    folders.prepare(spec(*volumes, mounts=mounts), {"image": "nginx"})  # a second start finds it all there
    assert folders.pods() == ["u-1"]
    folders.remove_pod("u-1")
    assert folders.pods() == []
    assert (tmp_path / ".claims/default_data/kept").exists()


@pytest.mark.parametrize("path", ["../x", "/a/../../x", ".."])
def test_nothing_leads_out(tmp_path: Path, path: str) -> None:
    with pytest.raises(RuntimeFailure, match="leads out"):
        inside(tmp_path, path)
    with pytest.raises(RuntimeFailure, match="leads out"):
        Folders(str(tmp_path)).prepare(spec(Volume("v"), mounts=(Mount("v", path),)), {})


@pytest.mark.parametrize("path", ["a\0b", "/x/\0"])
def test_no_path_has_a_zero_byte(tmp_path: Path, path: str) -> None:
    for wanted in (
        spec(Volume("v"), mounts=(Mount("v", path),)),
        spec(Volume("v"), mounts=(Mount("v", "/x", path),)),
        spec(work=path),
        spec(Volume("v", {path: b""}), mounts=(Mount("v", "/x"),)),
    ):
        with pytest.raises(RuntimeFailure, match="zero byte"):
            Folders(str(tmp_path)).prepare(wanted, {})


@given(st.lists(st.text(alphabet="abc", max_size=5), max_size=20), st.booleans(), st.integers(0, 25))
def test_tail_is_what_splitting_says(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], end: bool, n: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "log"
    text = "\n".join(lines) + ("\n" if end and lines else "")
    path.write_text(text)
    kept = text.splitlines(keepends=True)
    assert text[tail_start(path, n) :] == "".join(kept[len(kept) - min(n, len(kept)) :])
