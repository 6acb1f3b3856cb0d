"""The compiled build says what the sources say: a seed has one digest in both, and the store's suites pass on it.

Skipped where there is no build of today's sources: `make compiled` makes one, and runs this with
CAPSTAN_REQUIRE_COMPILER set. All tests do not, for the compiler takes as long as a tenth of them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.cli.compiled import BUILD, SWITCH, make, refusal

pytestmark = [pytest.mark.proc, pytest.mark.timeout(1200)]  # on a busy machine a compiler takes minutes
ROOT = Path(__file__).resolve().parents[2]
SUITES = (
    *(f"tests/store/raft/test_{name}.py" for name in ("log", "node", "lease", "snapshots", "disks")),
    *("tests/store/mvcc", "tests/store/test_machine.py", "tests/store/test_storage.py"),
    *("tests/store/test_member_sim.py", "tests/sim/test_world.py"),
)


@pytest.fixture(scope="module", autouse=True)
def build() -> Path:
    if not os.environ.get("CAPSTAN_REQUIRE_COMPILER") and (why := refusal(ROOT / BUILD)):
        pytest.skip(f"{why}: `make compiled`")
    return make()


def run(words: list[str], *, compiled: bool) -> str:
    environment = {name: value for name, value in os.environ.items() if name != SWITCH}
    environment |= {SWITCH: "1"} if compiled else {}
    command = [sys.executable, *words]
    done = subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return done.stdout


def test_the_build_is_what_runs(build: Path) -> None:
    words = ["-c", "import tests, store.raft.node as node; print(node.__file__)"]
    found = Path(run(words, compiled=True).strip())
    assert found.is_relative_to(build)
    assert found.suffix == ".so"
    assert run(words, compiled=False).strip() == str(ROOT / "store" / "raft" / "node.py")


@pytest.mark.parametrize("number", ["0", "7"])
def test_a_seed_has_one_digest_in_both_builds(number: str) -> None:
    words = ["-m", "tests.sim.rehearsal", number, "digest"]
    assert run(words, compiled=True) == run(words, compiled=False)


def test_the_suites_of_the_store_pass_on_it() -> None:
    run(["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *SUITES], compiled=True)
