"""`check`, from the words on the command line to the exit status."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cluster.cli.main import main
from cluster.experiments import folder
from cluster.history.formats import dump, load
from cluster.history.record import Operation
from tests.cluster.history.runs import op, read, write
from tests.cluster.report.runs import store_run

GOOD = [write(1, 0, 1), read(1, 2, 3)]
BAD = [write(1, 0, 1), read(7, 2, 3)]


def saved(folder: Path, history: list[Operation], format: str = "jsonl") -> str:
    path = folder / f"history.{format}"
    path.write_bytes(dump(history, format))
    return str(path)


@pytest.mark.parametrize("format", ["jsonl", "edn", "msgpack"])
def test_a_history_is_judged_in_every_format(tmp_path: Path, format: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", saved(tmp_path, GOOD, format)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "holds: linearizable: 2 operations on one key fit one order"
    assert main(["check", saved(tmp_path, BAD, format)]) == 1
    assert 'read of "x" that returned 7' in capsys.readouterr().out


def test_a_history_without_answers_is_unknown(tmp_path: Path) -> None:
    assert main(["check", saved(tmp_path, [write(1, 0, 1, outcome="unknown")])]) == 2


def test_what_to_hold_it_against_follows_from_its_operations(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = (("append", "l", 1), ("r", "l", (1,)))
    txn = op("txn", (("append", "l", 1), ("r", "l", None)), 0, 1, steps, key="")
    locks = [op("acquire", "a", 0, 1, True, key="m"), op("acquire", "b", 2, 3, True, key="m", process=1)]
    assert main(["check", saved(tmp_path, [txn])]) == 0
    assert "list-append: 1 transactions fit strict-serializable" in capsys.readouterr().out
    assert main(["check", saved(tmp_path, [txn]), "--model", "snapshot-isolation"]) == 0
    assert "fit snapshot-isolation" in capsys.readouterr().out
    assert main(["check", saved(tmp_path, locks)]) == 1
    assert "a believed that it held" in capsys.readouterr().out


def test_a_check_by_name_with_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = saved(tmp_path, GOOD)
    assert main(["check", path, "--check", "latency:atMost=2s,percentile=50"]) == 0
    assert main(["check", path, "--check", "latency:atMost=500ms", "--check", "lost-writes", "-o", "json"]) == 1
    data = json.loads(capsys.readouterr().out.split("\n", 2)[2])
    assert [check["said"] for check in data["checks"]] == ["violated", "ok"]


def test_a_history_is_converted(tmp_path: Path) -> None:
    path, target = saved(tmp_path, BAD), str(tmp_path / "out.edn")
    assert main(["check", path, "--to", "edn", "-o", target]) == 0
    assert main(["check", target]) == 1


def test_a_torn_history_can_be_saved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "torn"
    path.write_bytes(dump(BAD, "msgpack")[:-3])
    assert main(["check", str(path)]) == 2
    assert "record 2: cut off at byte" in capsys.readouterr().err
    assert main(["check", str(path), "--salvage"]) == 0
    assert "what is before it:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("file", "check", "said"),
    [
        (folder.HISTORY, "linearizable", "of [0-9]+ operations"),
        (folder.JOURNAL, "one-leader-per-term", "of [0-9]+ records"),
    ],
)
def test_a_run_whose_files_were_cut_off_never_holds(
    file: str, check: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.write(store_run(), None, tmp_path)
    assert main(["check", str(tmp_path), "--check", check]) == 0
    part = tmp_path / file
    part.write_bytes(part.read_bytes()[:-5])
    capsys.readouterr()
    assert main(["check", str(tmp_path), "--check", check]) == 2
    out = capsys.readouterr().out.splitlines()
    assert re.match(f"cut off: {file} holds [0-9]+ {said}", out[0])
    assert out[1].startswith(f"ok        {check}: ")
    assert re.match(f"unknown: .*{file} holds", out[-1])


def test_the_operations_of_a_run_are_written_in_another_format(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = store_run()
    place, target = tmp_path / "run", tmp_path / "out.edn"
    folder.write(run, None, place)
    assert main(["check", str(place), "--to", "edn", "-o", str(target)]) == 0
    assert len(load(target.read_bytes(), "out").history) == len(run.operations)
    (place / folder.HISTORY).write_bytes((place / folder.HISTORY).read_bytes()[:-5])
    assert main(["check", str(place), "--to", "edn", "-o", str(target)]) == 2
    assert "--salvage" in capsys.readouterr().err
    assert main(["check", str(place), "--to", "edn", "-o", str(target), "--salvage"]) == 0


def test_a_run_of_another_tools_file_is_judged_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    mesh = {
        "apiVersion": "chaos-mesh.org/v1alpha1",
        "kind": "NetworkChaos",
        "metadata": {"name": "late"},
        "spec": {
            "action": "delay",
            "mode": "all",
            "selector": {"labelSelectors": {"component": "etcd"}},
            "delay": {"latency": "5ms"},
            "duration": "1s",
        },
    }
    (tmp_path / "mesh.yaml").write_text(json.dumps(mesh))
    assert main(["run", "mesh.yaml", "--world", "sim", "--no-report", "--out", "run"]) == 0
    capsys.readouterr()
    assert main(["check", "run"]) == 0
    assert "faults-hit: the only strike hit something" in capsys.readouterr().out


def test_a_run_without_its_scenario_is_judged_by_checks_that_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.write(store_run(), None, tmp_path)
    (tmp_path / folder.SCENARIO).unlink()
    assert main(["check", str(tmp_path)]) == 2
    assert f"{tmp_path / folder.SCENARIO}: it is missing" in capsys.readouterr().err
    assert main(["check", str(tmp_path), "--check", "linearizable"]) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "which history?"),
        (["nowhere"], "nowhere: no such file or folder"),
        (["FILE", "--check", "linear"], "no check 'linear'"),
        (["FILE", "--check", "latency:atMost"], "'atMost' is no option"),
        (["FILE", "--check", "latency:atmost=1"], "no option 'atmost'; did you mean 'atMost'?"),
        (["FILE", "--to", "edn"], "--to: where to?"),
        (["FILE", "--format", "edn"], "FILE:1: "),
        (["FILE", "-o", "xml"], "unknown output format 'xml'"),
        (["FOLDER", "--model", "lock"], "a folder has its own format and checks"),
        (["FOLDER"], "run.json"),
    ],
)
def test_bad_words_are_one_line_and_status_2(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = saved(tmp_path, GOOD)
    real = [{"FILE": path, "FOLDER": str(tmp_path)}.get(word, word) for word in words]
    assert main(["check", *real]) == 2
    error = capsys.readouterr().err.strip()
    assert said.replace("FILE", path) in error
    assert "\n" not in error
    assert error.startswith("error: ")


def test_the_checks_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--list"]) == 0
    out = capsys.readouterr().out
    assert "one-running-pod-per-identity\n    No two pods of one name run" in out
    assert "atMost: duration: its bound" in out
