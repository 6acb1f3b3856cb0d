"""A whole cluster on a real etcd: the command line as a person uses it, a workload, and a leader that dies."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.proc.etcd_servers import EtcdServers, free_ports, servers
from tests.proc.test_cli import Shell

pytestmark = pytest.mark.proc

SUBNET = "136"


@pytest.fixture(scope="module")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdServers]:
    with servers(tmp_path_factory.mktemp("etcd")) as found:
        yield found


@pytest.fixture(scope="module")
def shell(etcd: EtcdServers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    shell = Shell(tmp_path_factory.mktemp("cluster"))
    words = ",".join(f"master-{i}={url}" for i, url in enumerate(etcd.urls))
    try:
        said = shell.run("up", "--store", "etcd", "--etcd", words, "--subnet", SUBNET)
        assert "16 processes" in said, "no store members of ours"
        yield shell
    finally:
        said = shell.run("down", "--wipe")
    assert "etcdctl del" in said


def leader_of(shell: Shell) -> int:
    """The member that leads, as `status` says it."""
    found = ""

    def known() -> bool:
        nonlocal found
        found = json.loads(shell.run("status", "-o", "json"))["leader"]
        return bool(found)

    shell.until(known)
    return int(found.removeprefix("etcd-"))


def ready(shell: Shell, count: int) -> bool:
    found = json.loads(shell.run("get", "deployment", "web", "-o", "json"))
    return int(found.get("status", {}).get("readyReplicas") or 0) == count


def scale(shell: Shell, count: int) -> None:
    """Again, if it is said that a change may or may not have been carried out: nothing is lost by it."""

    def done() -> bool:
        process = shell.start("scale", "deployment", "web", f"--replicas={count}")
        _, error = process.communicate(timeout=30)
        assert process.returncode == 0 or "may or may not" in error, error
        return process.returncode == 0

    shell.until(done)


def pods(shell: Shell) -> list[str]:
    return re.findall(r"^web-\S+", shell.run("get", "pods", "--no-headers"), re.MULTILINE)


def test_the_default_workload_and_the_death_of_etcds_leader(shell: Shell, etcd: EtcdServers) -> None:
    shell.run("create", "deployment", "web", "--image=nginx", "--replicas=3")
    shell.until(lambda: ready(shell, 3), within=30)
    leader = leader_of(shell)
    etcd.crash(leader)
    scale(shell, 5)
    shell.until(lambda: ready(shell, 5), within=30)
    assert leader_of(shell) != leader
    etcd.start(leader)
    etcd.wait_healthy()
    scale(shell, 1)
    shell.until(lambda: len(pods(shell)) == 1, within=30)
    shell.run("delete", "deployment", "web")
    shell.until(lambda: not pods(shell), within=30)
    assert "etcd-" in shell.run("status")


def test_what_is_not_ours_is_not_ours_to_kill(shell: Shell, etcd: EtcdServers) -> None:
    for role in ("leader:store", "follower:store"):
        said = shell.run("kill", role, status=1)
        assert "a real etcd's process" in said
        assert "127.0.0.1" in said


def test_resource_versions_are_etcds_revisions(shell: Shell, etcd: EtcdServers) -> None:
    shell.run("create", "deployment", "revised", "--image=nginx", "--replicas=0")
    found = json.loads(shell.run("get", "deployment", "revised", "-o", "json"))
    revision = int(etcd.post("kv/range", {"key": "AA=="})["header"]["revision"])
    assert 0 < int(found["metadata"]["resourceVersion"]) <= revision
    shell.run("delete", "deployment", "revised")


def test_cap_cuts_the_clusters_ways_to_etcd_only(shell: Shell, etcd: EtcdServers) -> None:
    report = json.loads(shell.run("cap", "-o", "json"))
    assert report["problems"] == []
    assert report["linearizable"] == "ok"
    assert report["leader"].startswith("etcd-")
    assert "went on together" in shell.run("cap", "--seconds", "1")


def test_a_partition_cuts_an_apiserver_from_etcd(shell: Shell, etcd: EtcdServers) -> None:
    shell.run("partition", "master-0 | master-1,master-2", "--for", "4s")
    shell.run("create", "deployment", "cut", "--image=nginx", "--replicas=1")
    shell.run("heal")
    shell.until(lambda: "cut" in shell.run("get", "deployments", "--no-headers"))
    shell.run("delete", "deployment", "cut")


def test_up_refuses_what_cannot_be_before_anything_is_started(shell: Shell, etcd: EtcdServers) -> None:
    for words, saying in (
        (("--store", "etcd"), "--etcd"),
        (("--etcd", etcd.urls[0]), "--store etcd"),
        (("--store", "etcd", "--etcd", "ftp://here"), "client URL"),
        (("--store", "etcd", "--etcd", f"{etcd.urls[0]},{etcd.urls[0]}"), "twice"),
        (("--store", "etcd", "--etcd", "https://127.0.0.1:1", "--etcd-cacert", "none.pem"), "none.pem"),
        (("--store", "etcd", "--etcd", etcd.urls[0], "--etcd-user", "anna"), "--etcd-password-file"),
        (("--store", "etcd", "--etcd", etcd.urls[0], "--etcd-cert", "c.pem"), "--etcd-key"),
    ):
        assert saying in shell.run("up", *words, status=2, name="refused"), words


def test_up_looks_at_etcd_first(shell: Shell, etcd: EtcdServers) -> None:
    said = shell.run("up", "--store", "etcd", "--etcd", etcd.urls[0], status=1, name="second")
    assert "objects of another cluster" in said
    (port,) = free_ports(1)
    said = shell.run("up", "--store", "etcd", "--etcd", f"http://127.0.0.1:{port}", status=1, name="second")
    assert "is it up" in said
    assert not (shell.folder / ".capstan" / "second").exists()


def test_down_and_up_again_on_the_same_etcd(shell: Shell, etcd: EtcdServers) -> None:
    shell.run("create", "deployment", "kept", "--image=nginx", "--replicas=1")
    shell.run("down")
    said = shell.run("up")
    assert "16 processes" in said, "the URLs are as they were"
    assert "kept" in shell.run("get", "deployments", "--no-headers")
    shell.run("delete", "deployment", "kept")


def test_certificates_and_passwords_on_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "etcd").mkdir()
    (tmp_path / "password").write_text("sesame\n")
    shell = Shell(tmp_path)
    with servers(tmp_path / "etcd", 1, tls=True) as one:
        one.enable_passwords("sesame", anna="simsalabim")
        config = one.config
        words = ["--store", "etcd", "--etcd", one.urls[0], "--etcd-cacert", config.cacert]
        words += ["--etcd-cert", config.cert, "--etcd-key", config.key, "--masters", "1", "--workers", "1"]
        assert "permission denied" in shell.run("up", *words, status=1, name="safe")
        words += ["--etcd-user", "root", "--etcd-password-file", "password", "--subnet", "138"]
        try:
            assert "all nodes Ready" in shell.run("up", *words, name="safe")
            assert "worker-0" in shell.run("get", "nodes", name="safe")
            assert "real etcd" in shell.run("kill", "leader:store", status=1, name="safe")
        finally:
            shell.run("down", "--wipe", name="safe")
