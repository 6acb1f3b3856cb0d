"""Which build may run: only one of today's sources."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from cluster.cli import compiled


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of two files, with a build of them, as far as its label."""
    (tmp_path / "store").mkdir()
    (tmp_path / "launch.py").write_text("")
    (tmp_path / "store" / "node.py").write_text("x = 1\n")
    monkeypatch.setattr(compiled, "ROOT", tmp_path)
    build = tmp_path / compiled.BUILD
    build.mkdir(parents=True)
    label = {"sources": compiled.digest(tmp_path), "python": sys.implementation.cache_tag}
    (build / compiled.LABEL).write_text(json.dumps(label))
    return tmp_path


def enter(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv(compiled.SWITCH, "1")
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", {"sys": sys})
    return compiled.enter()


def test_without_the_switch_nothing_changes(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(compiled.SWITCH, raising=False)
    before = list(sys.path)
    assert compiled.enter() == ""
    assert sys.path == before


def test_a_build_of_these_sources_comes_first(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert enter(monkeypatch) == ""
    assert sys.path[0] == str(root / compiled.BUILD)


@pytest.mark.parametrize("edit", ["change", "add", "remove"])
def test_a_build_of_other_sources_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch, edit: str) -> None:
    if edit == "change":
        (root / "store" / "node.py").write_text("x = 2\n")
    elif edit == "add":
        (root / "store" / "more.py").write_text("")
    else:
        (root / "store" / "node.py").unlink()
    assert enter(monkeypatch).startswith("the sources have changed since the compiled build was made: ")


def test_byte_code_is_no_source(root: Path) -> None:
    (root / "store" / "__pycache__").mkdir()
    (root / "store" / "__pycache__" / "node.cpython-311.pyc").write_bytes(b"x")
    assert compiled.refusal(root / compiled.BUILD) == ""


def test_no_build_and_a_damaged_one_say_what_to_do(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    label = root / compiled.BUILD / compiled.LABEL
    label.write_text("{")
    assert "the compiled build is damaged" in enter(monkeypatch)
    label.unlink()
    assert enter(monkeypatch) == f"there is no compiled build: {label.parent}; {compiled.REMEDY}"


def test_a_build_of_another_interpreter_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    label = root / compiled.BUILD / compiled.LABEL
    label.write_text(json.dumps({"sources": compiled.digest(root), "python": "cpython-399"}))
    assert "is for cpython-399" in enter(monkeypatch)


def test_what_is_compiled_is_there() -> None:
    for pattern in compiled.HOT:
        assert list(compiled.ROOT.glob(pattern)), f"{pattern} names nothing"
