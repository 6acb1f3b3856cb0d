"""A scenario from a file of any format that is read: ours, Chaos Mesh's resources, Chaos Toolkit's experiments
and their journals.

Must not run anything.
"""

from __future__ import annotations

from pathlib import Path

from cluster.errors import UsageError
from cluster.scenario import document, reader
from cluster.scenario.document import Part
from cluster.scenario.model import Scenario
from cluster.scenario.reading import MANIFESTS, Known

SHIPPED = MANIFESTS.parent
"""The folder of the shipped stories."""


def load(path: str | Path, known: Known | None = None) -> Scenario:
    """The scenario in a file, told apart by what is in it. UsageError (a FileError for what is in it) with all that is
    wrong. `known`: as for `reader.read`."""
    file = find(path)
    return parse(_text(file), str(path), file.parent, known)


def parse(text: str, place: str, folder: Path | None = None, known: Known | None = None) -> Scenario:
    parts = document.compose_all(text, place)
    if any(_is_chaos_mesh(part) for part in parts):
        from cluster.scenario import chaosmesh

        return chaosmesh.read(text, place)
    if len(parts) == 1 and _is_experiment(parts[0]):
        from cluster.scenario import toolkitread

        return toolkitread.read(text, place)
    return reader.read(text, place, folder, known)


def _is_chaos_mesh(part: Part) -> bool:
    version = part.fields().get("apiVersion")
    return version is not None and (version.text or "").startswith("chaos-mesh.org/")


def _is_experiment(part: Part) -> bool:
    """Chaos Toolkit's: what it, or the journal of one, cannot do without."""
    known = set(part.fields())
    return "capstan" not in known and ({"title", "method"} <= known or {"chaoslib-version", "experiment"} <= known)


def shipped() -> list[Path]:
    """The files of the shipped stories, by name."""
    return sorted(SHIPPED.glob("*.yaml")) if SHIPPED.is_dir() else []


def find(path: str | Path) -> Path:
    """A file, or the shipped story of that name."""
    file = Path(path)
    if file.is_file():
        return file
    names = {story.stem: story for story in shipped()}
    if str(path) in names:
        return names[str(path)]
    if file.is_dir():
        raise UsageError("a folder, and no scenario", place=str(path), remedy=f"such as {path}/NAME.yaml")
    near = document.suggest(file.stem, names) if names else ""
    remedy = near if near.startswith("did") else "a file, or a name of `launch.py scenario list`"
    raise UsageError("there is no such scenario", place=str(path), remedy=remedy)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"not text: {error.reason} at byte {error.start}", place=str(file)) from None
    except OSError as error:
        raise UsageError(str(error.strerror or error), place=str(file)) from None
