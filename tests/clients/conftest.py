"""One real cluster for all clients: two masters, so that one may be lost, and one worker."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.clients.place import Place, definition
from tests.kubectl.kubectl import LAUNCH, running

NAME, SUBNET = "clients", 175


@pytest.fixture(scope="package")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("clients")
    with running(folder, NAME, SUBNET, "--masters", "3", "--workers", "1"):
        file = folder / "ponds.json"
        file.write_text(json.dumps(definition()))
        words = [sys.executable, LAUNCH, "apply", "--name", NAME, "-f", str(file)]
        done = subprocess.run(words, cwd=folder, text=True, capture_output=True)
        assert done.returncode == 0, done.stdout + done.stderr
        yield Place(folder, NAME)
