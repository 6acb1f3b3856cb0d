"""The folder of a host's disk: names to paths, and names made durable.

Must not open files or know what is in them.
"""

from __future__ import annotations

import os
from pathlib import Path

ASIDE = ".aside"
"""Folder of half-written replacements; emptied at boot."""


class Folder:
    def __init__(self, top: Path) -> None:
        self._top = top
        self._durable: set[Path] = set()
        """Folders whose own entry is durable already."""
        aside = top / ASIDE
        if aside.is_dir():
            for path in aside.iterdir():
                path.unlink()

    def names(self, prefix: str) -> list[str]:
        """Sorted names of the files that start with `prefix`."""
        found = []
        for folder, folders, files in os.walk(self._top):
            if ASIDE in folders:
                folders.remove(ASIDE)
            base = Path(folder).relative_to(self._top)
            found += [str(base / file) for file in files]
        return sorted(name for name in found if name.startswith(prefix))

    def path_of(self, name: str) -> Path:
        """ValueError for a name that would leave the folder."""
        parts = name.split("/")
        if not name or "\0" in name or any(part in ("", ".", "..", ASIDE) for part in parts):
            raise ValueError(f"{name!r} is not a file's name")
        return self._top.joinpath(*parts)

    def aside_of(self, name: str) -> Path:
        """Where a replacement of `name` is written."""
        return self._top / ASIDE / name.replace("/", "%")

    def sync(self, folder: Path) -> None:
        """Make the names in `folder` durable, and those of new folders above it, the disk's own included."""
        top = self._top.parent
        first = True
        while first or folder not in self._durable:
            first = False
            fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
            self._durable.add(folder)
            if folder == top:
                return
            folder = folder.parent
