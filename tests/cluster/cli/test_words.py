"""What is typed: durations, targets, generators, manifests; each mistake is named with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.cli.generators import generate
from cluster.cli.main import main
from cluster.cli.manifests import load, parse_text
from cluster.cli.output import reference, render_table, to_yaml
from cluster.cli.resources import targets
from cluster.cli.run import replaying
from cluster.cli.units import duration, probability
from cluster.errors import UsageError


@pytest.mark.parametrize(("text", "seconds"), [("250ms", 0.25), ("10s", 10), ("1m30s", 90), ("5", 5), ("0.5s", 0.5)])
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "10 s", "abc", "5x", "-1s", "s"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(UsageError, match="duration"):
        duration(text)


def test_probabilities() -> None:
    assert (probability("30%"), probability("0.3"), probability("1")) == (0.3, 0.3, 1.0)
    for text in ("150%", "x", "-0.1"):
        with pytest.raises(UsageError):
            probability(text)


def shown(*words: str) -> list[tuple[str, str]]:
    return [(t.kind.kind, t.name) for t in targets(words)]


def test_kubectls_grammar_of_targets() -> None:
    assert shown("pods") == [("Pod", "")]
    assert shown("po", "a", "b") == [("Pod", "a"), ("Pod", "b")]
    assert shown("deploy,svc") == [("Deployment", ""), ("Service", "")]
    assert shown("pod/a", "svc/b") == [("Pod", "a"), ("Service", "b")]
    assert ("DaemonSet", "") in shown("all")


@pytest.mark.parametrize(
    ("words", "message"),
    [((), "kind is missing"), (("podz",), "podz"), (("pod/a", "b"), "mixed"), (("pod/",), "mixed")],
)
def test_wrong_targets(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        targets(words)


def test_generators_make_objects() -> None:
    made = generate(("deployment", "web"), image="repo/nginx:1", replicas=2, literals=())
    assert made["spec"]["template"]["spec"]["containers"] == [{"name": "nginx", "image": "repo/nginx:1"}]
    data = generate(("configmap", "c"), image="", replicas=1, literals=("a=b=c",))["data"]
    assert data == {"a": "b=c"}
    with pytest.raises(UsageError, match="--image is missing"):
        generate(("deployment", "web"), image="", replicas=1, literals=())
    with pytest.raises(UsageError, match="not KEY=VALUE"):
        generate(("configmap", "c"), image="", replicas=1, literals=("a",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: Pod\n  bad: [", "f.yaml:2"),
        ("kind: Pod\napiVersion: v1\nkind: Pod", "stands here twice"),
        ("- 1\n- 2", "mapping"),
        ("kind: Podd\napiVersion: v1\nmetadata: {name: x}", "did you mean 'Pod'"),
        ("kind: Pod\napiVersion: v2\nmetadata: {name: x}", 'version "v2"'),
        ("kind: Pod\napiVersion: v1\nmetadata: {}", "metadata.name: Required value"),
        ("apiVersion: v1", "no kind is given"),
    ],
)
def test_broken_manifests_name_file_and_line(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_text(text, "f.yaml")
    assert message in str(caught.value)
    assert "f.yaml" in str(caught.value)


def test_all_documents_of_a_file_are_read(tmp_path: Path) -> None:
    file = tmp_path / "two.yaml"
    one = "apiVersion: v1\nkind: Namespace\nmetadata: {name: %s}\n"
    file.write_text(one % "a" + "---\n" + one % "b")
    assert [o["metadata"]["name"] for o in load([str(file)])] == ["a", "b"]
    assert [o["metadata"]["name"] for o in load([str(tmp_path)])] == ["a", "b"]
    with pytest.raises(UsageError, match="no such file"):
        load([str(tmp_path / "none.yaml")])


def test_tables_and_references() -> None:
    assert render_table(["A", "BB"], [["1", "2"], ["333", "4"]]) == "A     BB\n1     2\n333   4"
    assert reference({"kind": "Deployment", "metadata": {"name": "web"}}) == "deployment.apps/web"
    assert to_yaml({"b": "x\ny\n", "a": "1"}) == 'a: "1"\nb: |\n  x\n  y\n'


def test_the_command_that_tells_a_story_again() -> None:
    assert replaying("a b.yaml", "sim", 3, schedule="pct:2") == (
        "launch.py run 'a b.yaml' --world sim --seed 3 --schedule pct:2"
    )
    assert replaying("zone-lost", "proc", 0, on="dev") == "launch.py run zone-lost --world proc --seed 0 --on dev"


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["gett"], 2, "did you mean 'get'"),
        (["get"], 2, "a kind is missing"),
        (["get", "podz"], 1, "there is no cluster 'dev' here"),
        (["get", "pods", "-o", "xml"], 2, "wide, yaml, json or name"),
        (["scale", "deploy", "x"], 2, "--replicas"),
        (["get", "pods", "--name", "no-such"], 1, "there is no cluster 'no-such' here"),
        (["get", "pods", "--name", "../x"], 2, "not a cluster's name"),
        (["down", "--name", "no-such"], 1, "there is no cluster"),
        (["run", "leader-paused", "--on", "no-such"], 2, "there is no cluster 'no-such' here"),
        (["run", "leader-paused", "--keep", "x"], 2, "--keep: is of a campaign"),
        (["run", "leader-paused", "--jobs", "2"], 2, "--jobs: is of a campaign"),
        (["run", "leader-paused", "-o", "yaml"], 2, "unknown output format 'yaml'"),
        (["up", "--store", "paxos"], 2, "unknown store engine 'paxos'"),
        (["up", "--profile", "slow"], 2, "unknown profile 'slow'"),
        (["bench", "nothing"], 2, "no benchmark 'nothing'"),
        (["store", "verify", "/"], 1, "/: this is no file; name a file that `store backup` has made"),
        (["store", "verify", "none"], 1, "none: cannot be read"),
        (["store", "backup", "x"], 1, "there is no cluster 'dev' here"),
        (["store", "restore", "x", "--masters", "0"], 2, "0 is not in the range x>=1"),
        (["store", "restore", "x", "--bump", str(1 << 64)], 2, "is not in the range 1<=x<="),
        (["store", "status", "-o", "yaml"], 2, "-o: unknown output format 'yaml'; json"),
        (["store", "compact", str(1 << 63)], 2, "is not in the range 1<=x<=9223372036854775807"),
        (["store", "lease", "grant", str(1 << 64)], 2, "is not in the range 1<=x<="),
        (["store", "quota", str(1 << 64)], 2, "is not in the range 0<=x<="),
        (["apply"], 2, "what to apply is missing"),
    ],
)
def test_mistakes_are_one_line_without_a_traceback(
    words: list[str], status: int, message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(words) == status
    error = capsys.readouterr().err
    assert message in error
    assert len(error.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == [], "nothing half done"
