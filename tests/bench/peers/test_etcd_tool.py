"""etcd's load tool: what it is told, and what is read from what it prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.peers import etcd_tool
from bench.samples import Cell
from bench.store_loaders import LoadError

PRINTED = """
INFO: [core]Channel Connectivity change to READY

Summary:
  Total:	0.4687 secs.
  Slowest:	0.0231 secs.
  Requests/sec:	8533.7116

Latency distribution:
  50% in 0.0068 secs.
  95% in 0.0128 secs.
  99% in 0.0176 secs.
  99.9% in 0.0220 secs.
"""


def test_its_figures() -> None:
    assert etcd_tool.figures(PRINTED) == pytest.approx((8533.7116, 6.8, 17.6))


@pytest.mark.parametrize("text", ["", "dial tcp: refused", PRINTED + "\nError distribution:\n  [3]\tetcdserver: busy"])
def test_errors_are_no_figures(text: str) -> None:
    with pytest.raises(LoadError, match="etcd's tool said"):
        etcd_tool.figures(text)


def test_what_it_is_told() -> None:
    words = etcd_tool.words(Cell("puts", 256), "127.0.0.1:1", 500)
    assert words[:6] == ["--endpoints", "127.0.0.1:1", "--conns", "16", "--clients", "256"]
    assert words[6] == "put"
    assert words[-2:] == ["--total", "500"]
    for kind, letter in (("gets", "l"), ("serializable", "s")):
        words = etcd_tool.words(Cell(kind, 1), "127.0.0.1:1", 500)
        assert words[2:8] == ["--conns", "1", "--clients", "1", "range", "/bench/000000000"]
        assert words[8:10] == ["--consistency", letter]


def test_the_variable_names_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(etcd_tool.VARIABLE, raising=False)
    assert etcd_tool.tool() is None
    monkeypatch.setenv(etcd_tool.VARIABLE, str(tmp_path / "none"))
    with pytest.raises(LoadError, match="is no program"):
        etcd_tool.tool()
    program = tmp_path / "benchmark"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv(etcd_tool.VARIABLE, str(program))
    assert etcd_tool.tool() == str(program)
