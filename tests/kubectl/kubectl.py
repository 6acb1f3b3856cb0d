"""The real kubectl on PATH, pointed at a real cluster, in a folder of its own.

Must not know rows' meaning. Without a kubectl the tests are skipped, unless CAPSTAN_REQUIRE_KUBECTL is set.
"""

from __future__ import annotations

import functools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

import launch
from tests.kubectl.row import Row

LAUNCH = str(Path(launch.__file__).absolute())
PATIENCE = 20.0
"""Seconds that one command may take, and that a row which waits for a controller is repeated."""


def found() -> str:
    """Where kubectl is; the test is skipped, or fails where one is required, when there is none."""
    path = shutil.which("kubectl")
    if path is None:
        why = "no kubectl on PATH (Debian: kubernetes-client)"
        if os.environ.get("CAPSTAN_REQUIRE_KUBECTL"):
            pytest.fail(why)
        pytest.skip(why)
    return path


@functools.cache
def minor_of(path: str) -> int:
    """32 of a kubectl 1.32; of one that runs another one (a dispatcher), its own."""
    done = subprocess.run([path, "version", "--client", "-o", "json"], text=True, capture_output=True, check=True)
    return int(re.sub(r"\D.*", "", json.loads(done.stdout)["clientVersion"]["minor"]))


class Kubectl:
    """`folder`: where a cluster called `name` is up, and where kubectl keeps what it keeps."""

    def __init__(self, path: str, folder: Path, name: str) -> None:
        self.path = path
        self.folder = folder
        self.name = name
        self.home = folder / "home"
        self.home.mkdir(exist_ok=True)
        self.config = folder / ".capstan" / name / "kubeconfig"

    def inside(self, namespace: str) -> Kubectl:
        """The same, with another namespace to begin with, which is made."""
        one = Kubectl(self.path, self.folder, self.name)
        config = yaml.safe_load(self.config.read_text())
        config["contexts"][0]["context"]["namespace"] = namespace
        one.config = self.folder / f"kubeconfig-{namespace}"
        one.config.write_text(yaml.safe_dump(config))
        self.check(Row(f"create namespace {namespace}", (f"namespace/{namespace} created",)))
        return one

    def start(self, *words: str, **env: str) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [self.path, *words], cwd=self.folder, env=self._env(**env), text=True, stdin=pipe, stdout=pipe, stderr=pipe
        )

    def run(self, *words: str, stdin: str = "", **env: str) -> tuple[int, str]:
        """Exit status, and all it printed."""
        process = self.start(*words, **env)
        try:
            out, error = process.communicate(stdin, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            out, error = process.communicate()
            pytest.fail(f"kubectl {shlex.join(words)}: nothing after {PATIENCE} s\n{out}{error}", pytrace=False)
        return process.returncode, out + error

    def check(self, row: Row) -> str:
        """Run a row; what it printed."""
        words = shlex.split(row.command)
        env = {"KUBE_EDITOR": f"sed -i -e {shlex.quote(row.editor)}"} if row.editor else {}
        end = time.monotonic() + PATIENCE
        while True:
            status, text = self.run(*words, stdin=row.stdin, **env)
            wrong = _wrong(row, status, text)
            if not wrong:
                return text
            if not row.until or time.monotonic() > end:
                pytest.fail(
                    f"kubectl {row.command}: {wrong}\nexit status {status}, and it printed:\n{text}", pytrace=False
                )
            time.sleep(0.1)

    def _env(self, **more: str) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        return {**kept, "HOME": str(self.home), "KUBECONFIG": str(self.config), **more}


def _wrong(row: Row, status: int, text: str) -> str:
    if status != row.status:
        return f"exit status {row.status} was expected"
    for pattern in row.shows:
        if not re.search(pattern, text, re.MULTILINE):
            return f"it does not show {pattern!r}"
    if row.hides and re.search(row.hides, text, re.MULTILINE):
        return f"it shows {row.hides!r}"
    return ""


@contextmanager
def running(folder: Path, name: str, subnet: int, *options: str) -> Iterator[Path]:
    """A cluster that is up for as long as it is needed; its own folder."""

    def call(*words: str) -> None:
        done = subprocess.run(
            [sys.executable, LAUNCH, words[0], "--name", name, *words[1:]], cwd=folder, text=True, capture_output=True
        )
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"

    try:
        call("up", "--subnet", str(subnet), *options)
        yield folder / ".capstan" / name
    finally:
        call("down", "--wipe")


@contextmanager
def cluster(folder: Path, name: str, subnet: int, *options: str) -> Iterator[Kubectl]:
    """The same, and the kubectl that is pointed at it."""
    path = found()
    with running(folder, name, subnet, *options):
        yield Kubectl(path, folder, name)
