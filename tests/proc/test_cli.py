"""The command line as a person uses it: every command as a process of its own, on a small cluster that is up."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import launch

pytestmark = pytest.mark.proc

LAUNCH = str(Path(launch.__file__).absolute())
SUBNET = "134"
POD = """
apiVersion: v1
kind: Pod
metadata: {name: %s, labels: {role: test}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: main
    image: busybox
    command: [sh, -c, "%s"]
"""


class Shell:
    """A folder in which `launch.py` is called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(self, *words: str, name: str = "cli") -> subprocess.Popen[str]:
        command = [sys.executable, LAUNCH, words[0], "--name", name, *words[1:]]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=self.folder, text=True, stdin=pipe, stdout=pipe, stderr=pipe)

    def run(self, *words: str, status: int = 0, stdin: str = "", name: str = "cli") -> str:
        """What it printed; its exit status must be `status`, and what failed says so in lines without a traceback."""
        process = self.start(*words, name=name)
        out, error = process.communicate(stdin, timeout=30)
        assert process.returncode == status, f"{words}: {process.returncode}\n{out}\n{error}"
        assert "Traceback" not in error
        return out + error

    def file(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text)
        return name

    def until(self, holds: Callable[[], bool], within: float = 15.0) -> None:
        end = time.monotonic() + within
        while not holds():
            assert time.monotonic() < end, f"not within {within} s"
            time.sleep(0.1)

    def running(self, pod: str) -> None:
        """Wait until the pod runs."""
        self.until(lambda: "Running" in self.run("get", "pod", pod, "--no-headers"))


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    shell = Shell(tmp_path_factory.mktemp("cli"))
    try:
        said = shell.run("up", "--masters", "1", "--workers", "2", "--subnet", SUBNET)
        assert "9 processes" in said
        assert "all nodes Ready" in said
        yield shell
    finally:
        shell.run("down", "--wipe")
    assert not (shell.folder / ".capstan" / "cli").exists()


def test_a_deployment_from_apply_to_delete(shell: Shell) -> None:
    text = shell.run("create", "deployment", "web", "--image=nginx", "--replicas=2", "--dry-run=client", "-o", "yaml")
    file = shell.file("web.yaml", text)
    assert shell.run("apply", "-f", file) == "deployment.apps/web created\n"
    assert shell.run("apply", "-f", file) == "deployment.apps/web unchanged\n"
    assert shell.run("apply", "-f", "-", stdin=text.replace("replicas: 2", "replicas: 3")) == (
        "deployment.apps/web configured\n"
    )
    assert 'deployment "web" successfully rolled out' in shell.run("rollout", "status", "deploy/web", "--timeout=20s")
    assert len(shell.run("get", "pods", "-l", "app=web", "-o", "name").splitlines()) == 3
    table = shell.run("get", "deploy,pods", "-o", "wide", "--show-labels")
    assert "deployment.apps/web" in table
    assert table.count("app=web,pod-template-hash=") == 3  # the LABELS of the pods
    whole = json.loads(shell.run("get", "deploy", "web", "-o", "json"))
    assert (whole["kind"], whole["spec"]["replicas"]) == ("Deployment", 3)
    described = shell.run("describe", "deployment", "web")
    assert "3 desired | 3 updated | 3 total | 3 available" in described
    assert "ScalingReplicaSet" in described
    assert shell.run("scale", "deploy/web", "--replicas=1") == "deployment.apps/web scaled\n"
    assert shell.run("rollout", "restart", "deploy/web") == "deployment.apps/web restarted\n"
    shell.run("rollout", "status", "deploy/web", "--timeout=20s")
    assert [line.split()[0] for line in shell.run("rollout", "history", "deploy/web").splitlines()[2:]] == ["1", "2"]
    assert shell.run("rollout", "pause", "deploy/web") == "deployment.apps/web paused\n"
    assert "already paused" in shell.run("rollout", "pause", "deploy/web", status=1)
    assert shell.run("rollout", "resume", "deploy/web") == "deployment.apps/web resumed\n"
    assert shell.run("rollout", "undo", "deploy/web") == "deployment.apps/web rolled back\n"
    assert shell.run("label", "deploy", "web", "tier=front") == "deployment.apps/web labeled\n"
    assert "already has a value" in shell.run("label", "deploy", "web", "tier=back", status=1)
    assert shell.run("label", "deploy", "web", "tier-") == "deployment.apps/web unlabeled\n"
    assert shell.run("delete", "-f", file) == 'deployment.apps "web" deleted\n'
    assert "not found" in shell.run("get", "deploy", "web", status=1)


def test_logs_and_exec(shell: Shell) -> None:
    shell.run(
        "apply", "-f", "-", stdin=POD % ("talker", "for i in 1 2 3 4; do echo tick $i; sleep 0.4; done; sleep 99")
    )
    shell.running("talker")
    follower = shell.start("logs", "-f", "talker")
    assert shell.run("exec", "talker", "--", "sh", "-c", "echo out") == "out\n"
    failed = shell.run("exec", "talker", "--", "sh", "-c", "echo err >&2; exit 3", status=3)
    assert failed == "err\ncommand terminated with exit code 3\n"
    shell.until(lambda: "tick 4" in shell.run("logs", "talker"))
    assert shell.run("logs", "talker", "--tail=1") == "tick 4\n"
    assert "has no container 'x'" in shell.run("logs", "talker", "-c", "x", status=2)
    shell.run("delete", "pod", "talker")  # the log ends with its container, and the follower with it
    out, error = follower.communicate(timeout=10)
    assert (follower.returncode, out) == (0, "tick 1\ntick 2\ntick 3\ntick 4\n"), error


def test_a_watch_shows_changes_until_interrupted(shell: Shell) -> None:
    shell.run("create", "cm", "watched", "--from-literal=a=1")
    watch = shell.start("get", "cm", "watched", "-w", "--no-headers", "--show-labels")
    assert watch.stdout is not None
    assert watch.stdout.readline().split()[-1] == "<none>"
    shell.run("label", "cm", "watched", "k=v")
    assert watch.stdout.readline().split()[-1] == "k=v"
    os.kill(watch.pid, signal.SIGINT)
    _, error = watch.communicate(timeout=10)
    assert (watch.returncode, error.strip()) == (130, "")


DEFINED = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: kites.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: kites, kind: Kite, shortNames: [ki]}
  versions:
  - name: v1
    served: true
    storage: true
    additionalPrinterColumns: [{name: Length, type: integer, jsonPath: .spec.length}]
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
---
{apiVersion: example.com/v1, kind: Kite, metadata: {name: red}, spec: {length: 7}}
"""


def test_a_kind_of_ones_own_and_real_figures(shell: Shell) -> None:
    file = shell.file("kites.yaml", DEFINED)
    assert shell.run("apply", "-f", file).endswith("kite.example.com/red created\n")
    assert shell.run("get", "ki").splitlines()[1].split() == ["red", "7"]
    assert 'kite.example.com "red" deleted\n' in shell.run("delete", "-f", file)
    assert "resource type 'ki'" in shell.run("get", "ki", status=2)
    name, cpu, _, memory, _ = shell.run("top", "node", "worker-0", "--no-headers").split()
    assert (name, cpu[-1:], int(memory.removesuffix("Mi")) > 0) == ("worker-0", "m", True)


def test_each_object_of_a_file_has_its_own_fate(shell: Shell) -> None:
    good = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\n"
    bad = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndat: {a: b}\n"
    file = shell.file("three.yaml", "---\n".join([good % "a", bad, good % "c"]))
    said = set(shell.run("apply", "-f", file, status=1).splitlines())
    assert {"configmap/a created", "configmap/c created"} < said
    (wrong,) = said - {"configmap/a created", "configmap/c created"}
    assert 'error when applying "three.yaml:8"' in wrong
    assert 'dat: unknown field, did you mean "data"?' in wrong


@pytest.mark.parametrize(
    ("text", "status", "message"),
    [
        ("a: b: c\n", 2, "bad.yaml:1:5: not YAML"),
        ("apiVersion: v1\nkind: Foo\nmetadata: {name: a}\n", 2, "bad.yaml:2: kind: no kind 'Foo' is known"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: 5}\n", 2, "bad.yaml:3: metadata.name: Invalid value: 5"),
        (
            "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: 5}\n",
            1,
            "spec.containers: Invalid value",
        ),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a}]}\n", 1, "containers[0].image"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspce: {}\n", 1, 'unknown field, did you mean "spec"?'),
    ],
)
def test_a_bad_manifest_is_one_line_with_its_place(shell: Shell, text: str, status: int, message: str) -> None:
    shell.file("bad.yaml", text)
    said = shell.run("apply", "-f", "bad.yaml", status=status)
    assert message in said
    assert "bad.yaml" in said
    assert len(said.splitlines()) == 1


def test_processes_are_killed_paused_and_brought_back(shell: Shell) -> None:
    assert shell.run("kill", "leader:scheduler") == "scheduler-0 killed\n"
    assert "scheduler-0 is dead" in shell.run("kill", "scheduler-0", status=1)
    assert shell.run("restart", "scheduler-0") == "scheduler-0 restarted\n"
    assert shell.run("pause", "proxy-1") == "proxy-1 paused\n"
    assert [h["state"] for h in json.loads(shell.run("status", "-o", "json"))["hosts"] if h["name"] == "proxy-1"] == [
        "stopped"
    ]
    assert shell.run("resume", "proxy-1") == "proxy-1 resumed\n"
    assert shell.run("poweroff", "worker-1") == "worker-1 is off (kubelet-1, proxy-1)\n"
    shell.until(lambda: "NotReady" in shell.run("get", "node", "worker-1"))
    assert shell.run("poweron", "worker-1") == "worker-1 is on (kubelet-1, proxy-1)\n"
    shell.until(lambda: "NotReady" not in shell.run("get", "node", "worker-1"))
    assert "no machine or host 'store-9'" in shell.run("kill", "worker-1", "store-9", status=2)
    assert "NotReady" not in shell.run("get", "nodes"), "nothing half done"


def test_faults_come_and_go(shell: Shell) -> None:
    assert "partition master-0 | worker-0,worker-1" in shell.run("partition", "master-0 | worker-0,worker-1")
    shell.run("isolate", "worker-1", "--for", "30s")
    shell.run("delay", "100ms", "--from", "master-0", "--jitter", "20ms", "--distribution", "normal")
    shell.run("loss", "30%", "--from", "worker-1", "--kind", "lease.renew")
    faults = json.loads(shell.run("faults", "-o", "json"))
    assert [f["type"] for f in faults] == ["partition", "partition", "delay", "loss"]
    shell.run("heal", faults[0]["id"])
    assert len(shell.run("faults").splitlines()) == 4
    assert "no fault 'f99'" in shell.run("heal", "f99", status=1)
    shell.run("heal")
    assert shell.run("faults") == "No faults in force.\n"
    for words in (["delay", "soon"], ["loss", "200%"], ["partition", "master-0"], ["partition", "master-0 | nobody"]):
        shell.run(*words, status=2)


def test_a_worker_joins_and_leaves(shell: Shell) -> None:
    assert shell.run("node", "add") == "worker-2 joined\n"
    assert "worker-2   Ready" in shell.run("get", "nodes")
    assert shell.run("node", "remove", "worker-2") == "worker-2 left\n"
    assert "worker-2" not in shell.run("get", "nodes")


def test_up_and_down_where_they_cannot_be(shell: Shell) -> None:
    assert "is up already" in shell.run("up", status=1)
    assert "is in use" in shell.run("up", "--masters", "1", "--subnet", SUBNET, status=1, name="other")
    assert not (shell.folder / ".capstan" / "other").exists(), "nothing half done"
    assert "there is no cluster 'other'" in shell.run("down", status=1, name="other")
    assert "there is no cluster 'other'" in shell.run("get", "pods", status=1, name="other")


def test_what_was_stored_is_there_after_down_and_up(shell: Shell) -> None:
    name, folder = "again", shell.folder / ".capstan" / "again"
    up = ["up", "--masters", "1", "--workers", "1", "--subnet", "135"]
    shell.run(*up, name=name)
    try:
        shell.run("create", "cm", "kept", "--from-literal=a=1", name=name)
        shell.run("down", name=name)
        assert "is down already" in shell.run("down", status=1, name=name)
        assert "no cluster is up" in shell.run("get", "cm", status=1, name=name)
        assert "--masters: cluster 'again' has 1" in shell.run("up", "--masters", "3", status=2, name=name)
        version = (folder / "VERSION").read_text()
        (folder / "VERSION").write_text("capstan 0\n")
        assert "the data folder is of 'capstan 0'" in shell.run("up", status=1, name=name)
        (folder / "VERSION").write_text(version)
        assert "1 masters, 1 workers" in shell.run("up", name=name)
        assert "kept" in shell.run("get", "cm", name=name)
    finally:
        shell.run("down", "--wipe", name=name)


def test_keys_of_the_bus(shell: Shell) -> None:
    """Made by `up`, also for a cluster from before there were any; who has none is named; without them if one likes."""
    name, keys = "keys", shell.folder / ".capstan" / "keys" / "pki" / "bus"

    def ready() -> bool:
        rows = shell.run("get", "nodes", "--no-headers", name=name).splitlines()
        return bool(rows) and all(row.split()[1] == "Ready" for row in rows)

    shell.run("up", "--masters", "1", "--workers", "1", "--subnet", "132", name=name)
    try:
        hosts = {host["name"]: host for host in json.loads(shell.run("status", "-o", "json", name=name))["hosts"]}
        assert {path.stem for path in keys.iterdir()} == {"admin", *hosts}
        assert {path.stat().st_mode & 0o777 for path in keys.iterdir()} == {0o600}
        with socket.create_connection((hosts["store-0"]["ip"], hosts["store-0"]["port"])) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
            shell.until(lambda: "not heard at store-0: " in shell.run("status", name=name))
        assert shell.run("node", "add", name=name) == "worker-1 joined\n"
        assert (keys / "kubelet-1.key").exists()
        shell.run("down", name=name)
        shutil.rmtree(keys)
        shell.run("up", name=name)
        assert {path.stem for path in keys.iterdir()} == {"admin", *hosts}
        shell.run("down", name=name)
        shutil.rmtree(keys)
        shell.run("up", "--no-bus-curve", name=name)
        assert ready()
        shell.run("down", name=name)
        shell.run("up", name=name)  # as it was
        assert ready()
        assert not keys.exists()
    finally:
        shell.run("down", "--wipe", name=name)
