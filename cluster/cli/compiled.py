"""The compiled build: the modules that are busy all the time as machine code, in a copy of the packages under
build/compiled; the sources stay what runs everywhere and by default.

Must not write beside the sources, and must not run a build of other sources: `enter` compares their hash first.

    python -m cluster.cli.compiled       make the build (mypyc, which comes with mypy, and a C compiler)
    CAPSTAN_COMPILED=1 launch.py ...     run with it, and so does every process that is started from there
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).absolute().parents[2]
PACKAGES = ("launch.py", "bench", "cluster", "nodes", "store")
SWITCH = "CAPSTAN_COMPILED"
LABEL = "compiled.json"
"""In a build's root: what it was made of, and where that is."""
BUILD = Path("build") / "compiled"
REMEDY = "`make compiled` makes it anew; without CAPSTAN_COMPILED the sources run as they are"

HOT = (
    *("store/raft/*.py", "store/mvcc/*.py"),
    *(f"store/{name}.py" for name in ("codec", "commands", "fields", "leaderships", "machine", "member", "records")),
    *(f"store/{name}.py" for name in ("requests", "roster", "segments", "service", "sessions", "snapshot", "state")),
    *(f"store/{name}.py" for name in ("storage", "streams", "upkeep", "waiting", "wal")),
    *(f"cluster/{name}.py" for name in ("bundle", "errors", "rpc", "stream", "wire")),
    *("cluster/world/host.py", "cluster/world/journal.py", "cluster/world/ruleset.py"),
    *(f"cluster/world/sim/{name}.py" for name in ("disk", "host", "loop", "owner")),
    *(f"cluster/history/{name}.py" for name in ("models", "record", "search")),
)
"""What is compiled: where by byte codes nine tenths of a store's time and of the simulator's go. Left out are modules
that mypyc cannot take (a class of asyncio's as base, a generator that awaits) and those that would not be felt."""


def enter() -> str:
    """If the environment says so, whatever is imported from now on comes from the build. Why not, in one line for who
    asked for it, or "". Must be called before anything else of the project is imported."""
    if not os.environ.get(SWITCH) or (ROOT / LABEL).exists():
        return ""
    build = ROOT / BUILD
    why = refusal(build)
    if why:
        return f"{why}: {build}; {REMEDY}"
    for name in [name for name in sys.modules if name.partition(".")[0] in PACKAGES]:
        del sys.modules[name]  # the way here: this module and the packages above it
    sys.path.insert(0, str(build))
    return ""


def refusal(build: Path) -> str:
    """Why this build must not run, or ""."""
    try:
        label = json.loads((build / LABEL).read_text())
    except FileNotFoundError:
        return "there is no compiled build"
    except ValueError:
        return "the compiled build is damaged"
    if label["python"] != sys.implementation.cache_tag:
        return f"the compiled build is for {label['python']}, and this is {sys.implementation.cache_tag}"
    if label["sources"] != digest(ROOT):
        return "the sources have changed since the compiled build was made"
    return ""


def digest(root: Path) -> str:
    """Of every file of the packages, names and contents: templates and other data too, for a build has copies."""
    found = hashlib.blake2b(digest_size=16)
    for path in _files(root):
        data = path.read_bytes()
        found.update(f"{path.relative_to(root).as_posix()}\0{len(data)}\0".encode())
        found.update(data)
    return found.hexdigest()


def _files(root: Path) -> list[Path]:
    found = [path for name in PACKAGES[1:] for path in (root / name).rglob("*") if path.is_file()]
    return [root / PACKAGES[0], *sorted(path for path in found if path.parent.name != "__pycache__")]


def hot(root: Path) -> list[str]:
    """Paths, relative to `root`, of what is compiled. (An `__init__` is run once.)"""
    paths = [path for pattern in HOT for path in sorted(root.glob(pattern)) if path.name != "__init__.py"]
    return [path.relative_to(root).as_posix() for path in paths]


def make() -> Path:
    """The build of today's sources; what was there before is replaced when all of it is done. CalledProcessError if
    mypyc or the compiler refuses: both have said why."""
    build, fresh = ROOT / BUILD, ROOT / BUILD.with_name("compiling")
    if not refusal(build):
        return build
    shutil.rmtree(fresh, ignore_errors=True)
    sources = digest(ROOT)
    for path in _files(ROOT):
        copy = fresh / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    if digest(fresh) != sources:
        raise RuntimeError("the sources changed while they were copied; try again")
    (fresh / "scenarios").symlink_to(ROOT / "scenarios")  # found by way of the packages' own place
    words = ["-c", "from cluster.cli.compiled import compile_here; compile_here()", str(ROOT)]
    subprocess.run([sys.executable, *words], cwd=fresh, check=True, stdin=subprocess.DEVNULL)
    label = {"sources": sources, "python": sys.implementation.cache_tag, "modules": hot(ROOT)}
    (fresh / LABEL).write_text(json.dumps(label, indent=1))
    shutil.rmtree(build, ignore_errors=True)
    fresh.rename(build)
    return build


def compile_here() -> None:
    """In a process of its own, in the copy: the modules become extensions beside their own sources. Where the C is as
    it was in the build before, so are they: most edits are of other modules."""
    from mypyc.build import mypycify
    from setuptools import setup

    root, here = Path(sys.argv[1]), Path.cwd()
    extensions = mypycify(
        ["--config-file", str(root / "pyproject.toml"), "--cache-dir", str(root / "build" / "mypy"), *hot(here)],
        opt_level="1",  # half the time of 3, and all but the same speed: most of it is in Python's own functions
        debug_level="0",
        multi_file=True,
        group_name="capstan",
        target_dir="c",
    )
    made = _digest_of_c(here / "c")
    before = root / BUILD
    if (before / "c.txt").exists() and (before / "c.txt").read_text() == made:
        for path in before.rglob("*.so"):
            shutil.copyfile(path, here / path.relative_to(before))
    else:
        words = ["--quiet", "build_ext", "--inplace", f"--parallel={os.cpu_count() or 1}"]
        setup(name="capstan-compiled", packages=[], py_modules=[], ext_modules=extensions, script_args=words)
        shutil.rmtree("build")
    shutil.rmtree("c")
    Path("c.txt").write_text(made)


def _digest_of_c(folder: Path) -> str:
    found = hashlib.blake2b(f"{sys.version}".encode(), digest_size=16)
    for path in sorted(folder.rglob("*.[ch]")):
        found.update(path.read_bytes())
    return found.hexdigest()


def main() -> int:
    try:
        print(make())
    except ImportError as error:
        print(f"error: {error}; the build needs mypy: pip install 'capstan[dev]'", file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:
        print(f"error: the compiled build failed (status {error.returncode}), see above", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
