"""One apiserver with its store of three, as OS processes, and nothing else of the cluster; for `bench api`.

Must not measure.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from cluster.cli.certs import ADMIN, PKI, make_identities
from cluster.cli.lifecycle import folders, proc_config
from cluster.config import ClusterSpec
from cluster.topology import API_PORT, placements
from cluster.world.proc.launch import down, launch
from cluster.world.proc.world import ProcWorld

SERVER = "apiserver-0"
SUBNET = 152


class ApiServer:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._world: ProcWorld | None = None
        self.place: dict[str, Any] = {}
        """Where it listens and with which files one comes in, as `api_load` takes it."""

    async def start(self) -> None:
        down(self._folder, wipe=True)
        spec = ClusterSpec(masters=3, workers=1, subnet=SUBNET)
        world = self._world = launch(self._folder, proc_config(spec))
        make_identities(self._folder, spec)
        placed = [
            p for p in placements(spec, folders(self._folder, world)) if p.component == "store" or p.name == SERVER
        ]
        await asyncio.gather(*(world.start(p.name, p.machine, p.spec) for p in placed))
        (door,) = (p.spec.config["https"] for p in placed if p.name == SERVER)
        pki = self._folder / PKI
        files = {"ca": pki / "ca.crt", "cert": pki / f"{ADMIN}.crt", "key": pki / f"{ADMIN}.key"}
        self.place = {"host": door["address"], "port": API_PORT, **{name: str(file) for name, file in files.items()}}

    async def pid(self) -> int:
        assert self._world is not None, "not started"
        return int((await self._world.status())["hosts"][SERVER]["pid"])

    async def stop(self) -> None:
        if self._world is not None:
            await self._world.close()
            self._world = None
        down(self._folder, wipe=True)
