"""The process runtime's files: ROOT/<pod uid>/<container>/<attempt>/{spec,log,home/}, ROOT/<pod uid>/.volumes/<name>.

Must not start anything. Real by nature: files.

A container sees its own folder `home` as HOME and working directory, and not as its root: there is no chroot. A volume
mounted at /etc/app is a symbolic link HOME/etc/app; a program that opens the absolute /etc/app sees the machine's. A
read-only mount is not enforced. ConfigMaps and Secrets are written when a container starts, and not refreshed while
it runs.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path, PurePosixPath
from typing import Any

from cluster.wire import WireError, pack, unpack
from nodes.kubelet.runtime import ContainerKey, ContainerSpec, RuntimeFailure, Volume

VOLUMES = ".volumes"
CLAIMS = ".claims"


class Folders:
    def __init__(self, root: str) -> None:
        self.root = Path(root)

    def of(self, key: ContainerKey) -> Path:
        return self.root / key.pod / key.name / str(key.attempt)

    def home(self, key: ContainerKey) -> Path:
        return self.of(key) / "home"

    def log(self, key: ContainerKey) -> Path:
        return self.of(key) / "log"

    def prepare(self, spec: ContainerSpec, program: dict[str, Any]) -> Path:
        """Make the folders and mounts of a container that is about to start; its working directory. `program`: what
        a later boot needs to know of it. RuntimeFailure CreateContainerError for what cannot be laid out."""
        home = self.home(spec.key)
        try:
            home.mkdir(parents=True, exist_ok=True)
            for volume in spec.volumes:
                self._volume(spec.key.pod, volume)
            claims = {volume.name: volume.claim for volume in spec.volumes}
            for mount in spec.mounts:
                source = self._place(spec.key.pod, mount.volume, claims.get(mount.volume, ""))
                if mount.sub_path:
                    source = inside(source, mount.sub_path)
                    if not source.exists():
                        source.mkdir(parents=True)
                target = inside(home, mount.path)
                target.parent.mkdir(parents=True, exist_ok=True)
                if not target.is_symlink():
                    target.symlink_to(source)
            work = inside(home, spec.working_dir) if spec.working_dir else home
            work.mkdir(parents=True, exist_ok=True)
            (self.of(spec.key) / "spec").write_bytes(pack(program))
        except OSError as error:
            raise RuntimeFailure("CreateContainerError", f"{error.strerror}: {error.filename}") from error
        return work

    def program(self, key: ContainerKey) -> dict[str, Any]:
        """What `prepare` was given; {} if that is lost."""
        try:
            data = unpack((self.of(key) / "spec").read_bytes())
        except (OSError, WireError):
            return {}
        return data if isinstance(data, dict) else {}

    def first_attached(self, key: ContainerKey) -> bool:
        """Whether nobody has asked this before."""
        try:
            (self.of(key) / "attached").touch(exist_ok=False)
        except OSError:
            return False
        return True

    def remove(self, key: ContainerKey) -> None:
        shutil.rmtree(self.of(key), ignore_errors=True)

    def remove_pod(self, pod: str) -> None:
        """Symbolic links go as links: what a claim holds stays."""
        shutil.rmtree(self.root / pod, ignore_errors=True)

    def pods(self) -> list[str]:
        """Uids of the pods that have a folder, sorted."""
        try:
            return sorted(e.name for e in os.scandir(self.root) if e.is_dir() and not e.name.startswith("."))
        except FileNotFoundError:
            return []

    def _place(self, pod: str, volume: str, claim: str) -> Path:
        return self.root / CLAIMS / claim if claim else self.root / pod / VOLUMES / volume

    def _volume(self, pod: str, volume: Volume) -> None:
        place = self._place(pod, volume.name, volume.claim)
        place.mkdir(parents=True, exist_ok=True)
        for path, content in (volume.files or {}).items():
            file = inside(place, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            fresh = file.with_name(f".{file.name}.new")
            fresh.write_bytes(content)
            fresh.chmod(volume.mode & 0o777 | 0o200)
            fresh.replace(file)


def inside(folder: Path, path: str) -> Path:
    """`path` (absolute or not) below `folder`. RuntimeFailure for one that leads out of it, or is none."""
    if "\0" in path:
        raise RuntimeFailure("CreateContainerConfigError", f"path {path!r} has a zero byte in it, which no file has")
    parts = [part for part in PurePosixPath(path).parts if part not in ("/", "//")]
    if ".." in parts:
        raise RuntimeFailure("CreateContainerConfigError", f"path {path!r} leads out of the container's folder")
    return folder.joinpath(*parts)
