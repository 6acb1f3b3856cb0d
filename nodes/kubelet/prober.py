"""Shell: making the probes of one incarnation of a container, each when it is due. Must not decide what they mean."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from nodes.kubelet.facts import Object
from nodes.kubelet.kit import Kit
from nodes.kubelet.probes import Health, ProbeSpec, Purpose, Track, begin, health, runnable, with_address
from nodes.kubelet.runtime import ContainerKey, Probed


@dataclass(frozen=True, slots=True)
class Target:
    """What is probed. `began`: when it started to run (monotonic)."""

    key: ContainerKey
    container: Object
    ip: str
    began: float


class Prober:
    """`failed(purpose, message)`: one probe failed; `changed()`: `health` is another now."""

    def __init__(
        self,
        kit: Kit,
        target: Target,
        specs: Mapping[Purpose, ProbeSpec],
        failed: Callable[[Purpose, str], None],
        changed: Callable[[], None],
    ) -> None:
        self._kit = kit
        self.target = target
        self._specs = specs
        self._failed = failed
        self._changed = changed
        self._outcomes: dict[Purpose, bool | None] = {}
        self._tasks: dict[Purpose, asyncio.Task[None]] = {}
        self._closed = False

    @property
    def health(self) -> Health:
        return health(self._specs, self._outcomes)

    def prime(self, started: bool, ready: bool) -> None:
        """What an earlier boot of the kubelet had found out, so that a restart does not look like an outage."""
        if started and "startup" in self._specs:
            self._outcomes["startup"] = True
        if ready and "readiness" in self._specs:
            self._outcomes["readiness"] = True

    def go(self) -> None:
        """Start the probes that are to be made now and are not; stop those that are not to be."""
        wanted = () if self._closed else runnable(self._specs, self._outcomes)
        for purpose in wanted:
            if purpose not in self._tasks:
                self._tasks[purpose] = self._kit.spawn(self._series(purpose))
        for purpose in [p for p in self._tasks if p not in wanted]:
            self._tasks.pop(purpose).cancel()

    def close(self) -> None:
        self._closed = True
        self.go()

    async def _series(self, purpose: Purpose) -> None:
        clock = self._kit.host.clock
        track = begin(self._specs[purpose], self.target.began, clock.monotonic())
        while True:
            await asyncio.sleep(max(track.due - clock.monotonic(), 0.0))
            result = await self._probe(track)
            track = track.observe(result.ok, clock.monotonic())
            if not result.ok:
                self._failed(purpose, result.message)
            if track.outcome is not None and self._outcomes.get(purpose) != track.outcome:
                before = self.health
                self._outcomes[purpose] = track.outcome
                if self.health != before:
                    self._changed()
                if purpose == "startup":
                    self._tasks.pop(purpose, None)  # it has said its last word
                    self.go()
                    return

    async def _probe(self, track: Track) -> Probed:
        spec = track.spec
        try:
            action: Mapping[str, Any] = with_address(spec.action, self.target.container, self.target.ip)
        except ValueError as error:
            return Probed(False, str(error))
        try:
            async with asyncio.timeout(spec.timeout):
                return await self._kit.runtime.probe(self.target.key, action, spec.timeout)
        except TimeoutError:
            return Probed(False, f"no answer within {spec.timeout:g} s")
