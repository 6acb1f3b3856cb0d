"""`launch.py cap` on stores of its own: what it prints, what it writes, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cluster.cli.main import main
from cluster.history.record import from_text


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_with_no_cluster_and_no_option_the_engines_are_compared(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cap", "--seconds", "4"]) == 0
    said = capsys.readouterr().out
    assert "raft     eventual   raftos" in said
    assert "raft chose consistency" in said
    assert "eventual chose availability" in said
    assert "raftos chose neither" in said
    assert "FAILED" not in said
    folder = here / ".capstan" / "cap"
    assert sorted(p.name for p in folder.iterdir()) == [
        "cap.html",
        "cap.json",
        "history-eventual.jsonl",
        "history-raft.jsonl",
        "history-raftos.jsonl",
    ]
    assert from_text((folder / "history-raft.jsonl").read_text())


def test_the_data_are_the_same_for_the_same_seed(capsys: pytest.CaptureFixture[str]) -> None:
    told = []
    for seed in ("4", "4", "5"):
        assert main(["cap", "--engines", "raft", "--seconds", "2", "--seed", seed, "--out", "x", "-o", "json"]) == 0
        data = json.loads(capsys.readouterr().out)
        assert data["engines"][0]["problems"] == []
        assert {row["what"] for row in data["engines"][0]["latency"]} >= {"write", "lease read"}
        told.append(data["engines"])
    assert told[0] == told[1]
    assert told[0] != told[2]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--engines", "raft,paxos"], "--engines: engine 'paxos' is unknown"),
        (["--engines", "etcd"], "--engines: engine 'etcd' is not ours to start"),
        (["--engines", "raft,raft"], "--engines: each engine once"),
        (["--engines", " , "], "--engines: each engine once, and at least one"),
        (["--engines", "raft", "--seconds", "0"], "--seconds: a partition of 0 s"),
        (["--engines", "raft", "--distance", "-1"], "--distance: -1 ms between the sides"),
        (["--name", "x", "--engines", "raft"], "--engines beside --name"),
        (["--name", "x", "--out", "y"], "--out beside --name"),
        (["--world", "moon"], "'moon' is not one of"),
        (["-o", "yaml"], "unknown output format 'yaml'"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(
    words: list[str], told: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cap", *words]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1
    assert list(here.iterdir()) == []


def test_a_cluster_that_is_named_must_be_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cap", "--name", "nowhere"]) == 2
    assert "there is no cluster 'nowhere' here" in capsys.readouterr().err
