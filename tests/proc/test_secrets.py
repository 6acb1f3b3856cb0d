"""Secrets of real clusters: no file that the store writes has them, nor a backup; and the life of keys."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.proc.test_store_cli import Operator

pytestmark = pytest.mark.proc

SUBNET = "139"
UP = ("up", "--masters", "1", "--workers", "1", "--subnet", SUBNET)
WORD = "correct-horse-battery-staple"
ENCODED = base64.b64encode(WORD.encode()).decode()


class Keeper(Operator):
    """Secrets, made and read."""

    def make(self, name: str) -> None:
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": {"word": ENCODED}}
        self.run("apply", "-f", self.file("secret.json", json.dumps(secret)))

    def word(self, name: str) -> str:
        return str(json.loads(self.run("get", "secret", name, "-o", "json"))["data"]["word"])

    @property
    def keys(self) -> Path:
        return self.home / "pki" / "encryption.yaml"


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Keeper]:
    shell = Keeper(tmp_path)
    try:
        shell.run(*UP)
        yield shell
    finally:
        if shell.home.exists():
            shell.run("down", "--wipe")


def holding(folder: Path, *words: str) -> list[str]:
    """Files under a folder in which one of the words stands."""
    found = [word.encode() for word in words]
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    assert files
    return [str(path) for path in files if any(word in path.read_bytes() for word in found)]


def test_no_file_has_a_secret_and_a_backup_gives_it_back_with_its_key(shell: Keeper) -> None:
    shell.make("x")
    shell.run("create", "cm", "seen", "--from-literal=a=something-plain")
    assert "keep pki/encryption.yaml too" in shell.run("store", "backup", "saved")
    assert shell.word("x") == ENCODED
    saved = (shell.folder / "saved").read_bytes()
    assert b"something-plain" in saved, "what is not encrypted is found so"
    assert WORD.encode() not in saved
    assert ENCODED.encode() not in saved
    assert holding(shell.home / "data", "something-plain"), "the log of the store has been written"
    (shell.folder / "secret.json").unlink()
    assert holding(shell.home, WORD, ENCODED) == []
    shutil.copy(shell.keys, shell.folder / "kept.yaml")
    shell.run("down", "--wipe")
    said = shell.run("store", "restore", "saved", "--subnet", SUBNET, "--masters", "1")
    assert "warning: 1 values are encrypted with key-" in said
    shell.run("down", "--wipe")
    said = shell.run("store", "restore", "saved", "--subnet", SUBNET, "--masters", "1", "--keys", "kept.yaml")
    assert "warning" not in said
    assert holding(shell.home / "data", "something-plain"), "a snapshot has been written"
    shell.run(*UP)
    assert shell.word("x") == ENCODED
    assert holding(shell.home, WORD, ENCODED) == []


def test_keys_are_rotated_forgotten_and_missed(shell: Keeper) -> None:
    shell.make("x")
    (before,) = json.loads(shell.run("secrets", "keys", "-o", "json"))
    assert (before["first"], before["values"], before["state"]) == (True, 1, "ok")
    old = shell.keys.read_bytes()
    assert "encrypts what is new" in shell.run("secrets", "forget", before["key"], status=1)
    rotated = json.loads(shell.run("secrets", "rotate", "-o", "json"))
    assert (rotated["told"], rotated["silent"], rotated["resealed"]) == (["apiserver-0"], [], 1)
    rows = {row["key"]: (row["first"], row["values"]) for row in json.loads(shell.run("secrets", "keys", "-o", "json"))}
    assert rows == {rotated["key"]: (True, 1), before["key"]: (False, 0)}
    assert "is forgotten" in shell.run("secrets", "forget", before["key"])
    assert "no key" in shell.run("secrets", "forget", before["key"], status=2)
    shell.run("restart", "apiserver-0")
    assert shell.word("x") == ENCODED
    kept = shell.keys.read_bytes()
    shell.keys.write_bytes(old)  # a file from before the rotation
    shell.run("restart", "apiserver-0")
    said = shell.run("get", "secret", "x", status=1)
    assert f"is encrypted with the key '{rotated['key']}', which is not in {shell.keys}" in said
    shell.run("create", "cm", "goes-on", "--from-literal=a=1")
    assert "missing" in shell.run("secrets", "keys", status=1)
    shell.keys.write_bytes(kept)
    shell.run("restart", "apiserver-0")
    assert shell.word("x") == ENCODED
