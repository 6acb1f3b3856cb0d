"""Keeping a cache up to date: list once, watch from there, watch again where it broke, list again when that is too old.

Must not change anything in the cluster. A cache never goes back in time: every list and watch asks for at least the
revision that was seen last, so a lagging apiserver waits, or is left for the next one. Who has seen nothing yet may
have had an earlier life: the first list is of the newest state, never of whatever an apiserver's cache holds. (Else a
kubelet that restarts starts pods again that were deleted meanwhile: kubernetes/kubernetes#59848.)
"""

from __future__ import annotations

import asyncio

from cluster.client.client import Client
from cluster.errors import StatusError

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds between tries when no apiserver serves."""


class Following:
    """What is told at first by a list, and then by a watch from where that ended."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.revision = 0
        """All up to this revision is in the cache; 0 before the first list."""
        self._synced = asyncio.Event()
        self._relist = True

    @property
    def has_synced(self) -> bool:
        """Whether the first list is in."""
        return self._synced.is_set()

    async def wait_synced(self) -> None:
        await self._synced.wait()

    async def run(self) -> None:
        """For ever. Errors are waited out: with whom it may help, at another apiserver."""
        loop = asyncio.get_running_loop()
        pause = FIRST_PAUSE
        while True:
            started = loop.time()
            try:
                if self._relist:
                    await self._list()
                await self._watch()
            except StatusError as error:
                if error.reason in ("Expired", "Compacted"):
                    self._relist = True
                elif not error.retry and error.reason not in ("Timeout", "InternalError"):
                    raise  # a selector or a kind that does not exist: waiting does not help
            if loop.time() - started > LONGEST_PAUSE:
                pause = FIRST_PAUSE  # it went well for a while
            await asyncio.sleep(pause * self.client.rpc.host.rng.uniform(0.5, 1.0))
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _list(self) -> None:
        raise NotImplementedError

    async def _watch(self) -> None:
        raise NotImplementedError

    def _listed(self, revision: int) -> None:
        self.revision = max(self.revision, revision)
        self._relist = False
        self._synced.set()
