"""`launch.py store` as an operator uses it, on a cluster of real processes."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.errors import StatusError
from cluster.rpc import Rpc
from cluster.world.proc.world import ProcWorld
from store.client import StoreClient
from tests.proc.test_cli import LAUNCH, Shell

pytestmark = pytest.mark.proc

SUBNET = "137"
UP = ("up", "--workers", "1", "--subnet", SUBNET)


class Operator(Shell):
    """`store` and `secrets` are groups of commands: the cluster's name comes last."""

    def start(self, *words: str, name: str = "ops") -> subprocess.Popen[str]:
        if words[0] not in ("store", "secrets"):
            return super().start(*words, name=name)
        pipe = subprocess.PIPE
        where = () if words[1] == "verify" else ("--name", name)
        command = [sys.executable, LAUNCH, *words, *where]
        return subprocess.Popen(command, cwd=self.folder, text=True, stdin=pipe, stdout=pipe, stderr=pipe)

    def run(self, *words: str, status: int = 0, stdin: str = "", name: str = "ops") -> str:
        return super().run(*words, status=status, stdin=stdin, name=name)

    def data(self, *words: str, status: int = 0) -> Any:
        return json.loads(self.run(*words, "-o", "json", status=status))

    @property
    def home(self) -> Path:
        return self.folder / ".capstan" / "ops"

    def names(self) -> list[str]:
        return sorted(row["name"] for row in self.data("store", "member", "list"))

    def led(self) -> str:
        """Who leads, once somebody does."""
        found = ""

        def known() -> bool:
            nonlocal found
            process = self.start("store", "status", "-o", "json")
            said, _ = process.communicate(timeout=30)
            found = json.loads(said)["leader"]
            return bool(found)

        self.until(known)
        return found


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Operator]:
    shell = Operator(tmp_path)
    try:
        assert "15 processes" in shell.run(*UP)
        yield shell
    finally:
        if shell.home.exists():
            shell.run("down", "--wipe")


async def under_writes(shell: Operator, *commands: tuple[str, ...]) -> list[bytes]:
    """Run these commands one after another while a client writes; every acknowledged key must be there."""
    world = await ProcWorld.connect(shell.home)
    store = StoreClient(Rpc(await world.join("writer", "client")), ("store-0", "store-1", "store-2"), timeout=1.0)
    acked: list[bytes] = []
    working = True

    async def write() -> None:
        number = 0
        while working:
            number += 1
            key = b"w%06d" % number
            try:
                await store.put(key, bytes(200))
                acked.append(key)
            except StatusError as error:
                if error.reason not in ("Timeout", "NoQuorum", "Dropped"):
                    raise
            await asyncio.sleep(0.001)

    writing = asyncio.create_task(write())
    try:
        for words in commands:
            await asyncio.to_thread(shell.run, *words)
        working = False
        await writing
        rows = (await store.range(b"w", b"x", keys_only=True, timeout=10.0)).kvs
        assert set(acked) <= {row.key for row in rows}, "an acknowledged write was lost"
        assert len(acked) > 50
    finally:
        writing.cancel()
        await world.close()
    return acked


def test_members_come_and_go_under_writes_and_the_cluster_remembers(shell: Operator) -> None:
    asyncio.run(
        under_writes(
            shell,
            ("store", "member", "add", "store-3"),
            ("kill", "store-1"),
            ("store", "member", "add", "store-4", "--machine", "master-4"),
            ("store", "member", "replace", "store-1", "store-5"),
            ("kill", "leader:store"),
        )
    )
    dead = next(h["name"] for h in shell.data("status")["hosts"] if h["state"] == "dead")
    shell.led()
    assert f"{dead} is removed" in shell.run("store", "member", "remove", dead)
    left = sorted({"store-0", "store-2", "store-3", "store-4", "store-5"} - {dead})
    assert shell.names() == left
    assert not (shell.home / "data" / dead).exists()
    shell.until(lambda: shell.data("store", "hash")["same"])
    shell.run("down")
    assert "14 processes" not in shell.run("up"), "four members now"
    assert shell.names() == left
    status = shell.data("store", "status")
    assert [row["name"] for row in status["members"]] == left
    assert {row["role"] for row in status["members"]} == {"leader", "follower"}
    shell.run("create", "cm", "written", "--from-literal=a=1")
    assert shell.run("store", "member", "add", dead, "--learner").startswith(f"{dead} on master-")
    roles = {row["name"]: row["role"] for row in shell.data("store", "member", "list")}
    assert roles == {**dict.fromkeys(left, "voter"), dead: "learner"}
    assert {row["name"]: row["role"] for row in shell.data("store", "status")["members"]}[dead] == "learner"
    shell.until(lambda: promoted(shell, dead))
    assert {row["role"] for row in shell.data("store", "member", "list")} == {"voter"}


def test_all_members_are_replaced_and_who_asks_them_follows_also_after_a_restart(shell: Operator) -> None:
    shell.run("create", "deployment", "web", "--image=nginx", "--replicas=1")
    for number in range(3):
        shell.run("store", "member", "replace", f"store-{number}", f"store-{number + 3}")
    assert shell.names() == ["store-3", "store-4", "store-5"]
    # An apiserver that has missed all three replacements asks those who are gone first, and refuses a request or two.
    shell.until(lambda: rolled_out(shell))
    shell.run("kill", "leader:store")
    shell.led()
    for number in range(3):
        shell.run("restart", f"apiserver-{number}")
    shell.until(lambda: scaled(shell, 2))
    shell.until(lambda: rolled_out(shell))


def rolled_out(shell: Operator) -> bool:
    process = shell.start("rollout", "status", "deploy/web", "--timeout=30s")
    process.communicate(timeout=40)
    return process.returncode == 0


def scaled(shell: Operator, replicas: int) -> bool:
    process = shell.start("scale", "deployment", "web", f"--replicas={replicas}")
    process.communicate(timeout=30)
    return process.returncode == 0


def promoted(shell: Operator, name: str) -> bool:
    process = shell.start("store", "member", "promote", name)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 0 or "lags" in error or "heard" in error, error
    return process.returncode == 0


def test_what_cannot_be_is_refused_with_the_numbers_and_the_remedy(shell: Operator) -> None:
    follower = next(r["name"] for r in shell.data("store", "status")["members"] if r["role"] == "follower")
    other = next(n for n in ("store-0", "store-1", "store-2") if n not in (follower, shell.led()))
    shell.run("kill", follower)
    shell.until(
        lambda: "2 voters would be left, 2 of them must answer and 1 does" in refusal(shell, "member", "remove", other)
    )
    assert f"{follower} does not answer" in refusal(shell, "move-leader", follower)
    assert "is a member already" in refusal(shell, "member", "add", other)
    assert "store-9 is no member" in refusal(shell, "member", "remove", "store-9")
    assert "no address for master-300; master-0 to master-248" in shell.run(
        "store", "member", "add", "store-300", status=2
    )
    assert "x>=0" in shell.run("store", "member", "add", "store-3", "--timeout", "-1", status=2)
    assert "'extra' is not a member's name" in shell.run("store", "member", "add", "extra", status=2)
    table = shell.run("store", "status")
    assert f"{follower}   no answer" in table
    assert not shell.data("store", "hash", status=1)["same"]
    assert shell.run("store", "hash", status=1).endswith(f"nothing to compare with of {follower}\n")
    assert shell.names() == ["store-0", "store-1", "store-2"]


def refusal(shell: Operator, *words: str) -> str:
    process = shell.start("store", *words)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 1, f"{words}: {process.returncode} {error}"
    return error


def test_a_lost_disk_is_seen_and_comes_back_by_remove_and_add(shell: Operator) -> None:
    lost = next(n for n in ("store-0", "store-1", "store-2") if n != shell.led())
    shell.run("kill", lost)
    shutil.rmtree(shell.home / "data" / lost)
    shell.run("restart", lost)
    shell.until(lambda: "has come back with another disk" in shell.run("store", "status"))
    assert f"`store member remove {lost}`, then `store member add {lost}`" in shell.run("store", "status")
    shell.run("store", "member", "remove", lost)
    shell.run("store", "member", "add", lost)
    assert {row["role"] for row in shell.data("store", "status")["members"]} == {"leader", "follower"}
    assert shell.data("store", "hash")["same"]


def test_a_damaged_log_stops_its_member_which_says_where_and_what_to_do(shell: Operator) -> None:
    hurt = next(n for n in ("store-0", "store-1", "store-2") if n != shell.led())
    shell.run("kill", hurt)
    with open(shell.home / "data" / hurt / "wal" / "0000000000000001", "r+b") as file:
        file.seek(2000)
        byte = file.read(1)[0]
        file.seek(2000)
        file.write(bytes((byte ^ 1,)))
    shell.run("restart", hurt)
    log = shell.home / "log" / f"{hurt}.log"
    shell.until(lambda: f"{hurt} has ended by itself; see {log}" in shell.run("store", "status"))
    (line,) = log.read_text().splitlines()
    assert line.startswith(f"{hurt} stops: wal/0000000000000001: a record")
    assert "at byte" in line
    assert "`store member remove`, then `add`" in line
    shell.run("store", "member", "remove", hurt)
    shell.run("store", "member", "add", hurt)
    assert shell.data("store", "hash")["same"]


def test_care_of_the_key_space(shell: Operator) -> None:
    before = shell.led()
    after = shell.data("store", "move-leader")["leader"]
    assert after != before
    assert shell.run("store", "move-leader", before) == f"{before} leads\n"
    newest = shell.data("store", "hash")["members"][0]["revision"]
    assert shell.data("store", "compact", "--keep", "1")["compacted"] >= newest - 1
    assert "(Compacted)" in shell.run("store", "compact", "2", status=1)
    past = shell.run("store", "hash", "--revision", "2", status=1)
    assert "(Compacted)" in past
    assert past.endswith("nothing to compare with of store-0, store-1, store-2\n"), "not: they differ"
    assert "say two things" in shell.run("store", "compact", "5", "--keep", "1", status=2)
    lease = shell.data("store", "lease", "grant", "100")
    assert lease["ttl"] == 100
    assert [row["id"] for row in shell.data("store", "lease", "list")] == [lease["id"]]
    assert "has 100 s again" in shell.run("store", "lease", "keepalive", str(lease["id"]))
    assert "0 keys deleted" in shell.run("store", "lease", "revoke", str(lease["id"]))
    assert shell.run("store", "lease") == "no leases\n"
    assert "(NotFound)" in shell.run("store", "lease", "revoke", str(lease["id"]), status=1)
    used = shell.data("store", "quota")["size"]
    assert shell.data("store", "quota", str(used + 500_000))["quota"] == used + 500_000
    assert {row["quota"] for row in shell.data("store", "status")["members"]} == {used + 500_000}
    assert shell.run("store", "quota", "0").endswith(", no limit\n")
    assert shell.data("store", "alarm", "clear") == {"alarms": []}
    assert "which lease?" in shell.run("store", "lease", "revoke", status=2)
    assert "engine raft has none to name" in shell.run("store", "conflicts", status=2)


def test_a_backup_under_load_and_a_new_cluster_from_it(shell: Operator) -> None:
    shell.run("create", "deployment", "web", "--image=nginx", "--replicas=2")
    shell.run("rollout", "status", "deploy/web", "--timeout=30s")
    asyncio.run(under_writes(shell, ("store", "backup", "first"), ("store", "backup", "second", "-o", "json")))
    whole = shell.data("store", "verify", "second")
    assert whole["keys"] > shell.data("store", "verify", "first")["keys"]
    assert whole["bytes"] == (shell.folder / "second").stat().st_size
    old = shell.data("store", "hash")["members"][0]["revision"]
    assert "there is a file already" in shell.run("store", "backup", "second", status=1)
    assert "is up already" in shell.run("store", "restore", "second", status=1)
    shell.run("down")
    assert "there is data already" in shell.run("store", "restore", "second", status=1)
    shell.run("down", "--wipe")
    damaged = bytearray((shell.folder / "second").read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (shell.folder / "damaged").write_bytes(damaged)
    assert "at byte" in shell.run("store", "verify", "damaged", status=1)
    assert "take another backup, or another copy" in shell.run("store", "restore", "damaged", status=1)
    assert not shell.home.exists(), "nothing was written"
    restored = shell.data("store", "restore", "second", "--subnet", SUBNET)
    assert restored["revision"] == whole["revision"] + 1_000_000_000 > old
    assert "cluster 'ops' has 3" in shell.run("up", "--masters", "5", status=2)
    shell.run(*UP)
    asyncio.run(look_around(shell, whole["keys"], old))
    shell.run("rollout", "status", "deploy/web", "--timeout=30s")
    shell.run("scale", "deployment", "web", "--replicas=3")
    shell.run("rollout", "status", "deploy/web", "--timeout=30s")
    assert shell.data("store", "hash")["same"]
    assert [name for name in os.listdir(shell.folder) if name.endswith(".part")] == []


async def look_around(shell: Operator, keys: int, old: int) -> None:
    world = await ProcWorld.connect(shell.home)
    try:
        store = StoreClient(Rpc(await world.join("writer", "client")), ("store-0", "store-1", "store-2"), timeout=5.0)
        assert (await store.put(b"w-new", b"")).revision > old, "a client of the old cluster's name is a new one here"
        assert (await store.range(b"\0", b"\0", count_only=True)).count >= keys
        async with store.watch(b"w", revision=old) as batches:
            with pytest.raises(StatusError, match="compacted"):
                await anext(batches)
    finally:
        await world.close()


def test_another_engine_says_what_it_cannot(tmp_path: Path) -> None:
    shell = Operator(tmp_path)
    shell.run("up", "--workers", "0", "--masters", "1", "--store", "eventual", "--subnet", "138")
    try:
        assert shell.data("store", "status")["members"][0]["role"] == "replica"
        assert shell.data("store", "hash")["same"]
        for words in (("member", "list"), ("move-leader",), ("backup", "b")):
            assert "not possible with engine eventual" in shell.run("store", *words, status=2)
        assert "has neither leases nor alarms" in shell.run("store", "lease", status=2)
        assert [path.name for path in tmp_path.iterdir()] == [".capstan"], "nor is half a backup left"
        assert shell.data("store", "conflicts")["members"][0] == {
            "member": "store-0", "answers": True, "met": 0, "refused": 0, "hints": 0
        }  # fmt: skip
        assert "only the newest" in shell.run("store", "hash", "--revision", "3", status=2)
    finally:
        shell.run("down", "--wipe")
