"""The audit log of one apiserver: events as lines of JSON in a file of its disk, off the requests' way.

Shell. Must not know what is worth a line: that is the policy's. What is written is handed to the disk twice a second;
a crash may lose the last lines, and a disk that fails ends the log of this boot, which the journal says.
"""

from __future__ import annotations

import asyncio
from typing import Any

import orjson

from cluster.api.meta import timestamp
from cluster.apiserver import audit
from cluster.apiserver.audit import Policy, Record, Rule
from cluster.world.host import Host

FILE = "audit.log"
FLUSH = 0.5
"""Seconds."""
MOST_WAITING = 64 << 20
"""Bytes that may wait for a slow disk; what is more is left out, and counted."""


REMEMBERED = 4096
"""Sorts of requests whose rule is known."""


class AuditLog:
    """`size`: bytes of a file before the next is begun; `backups`: how many older ones are kept."""

    def __init__(self, host: Host, policy: Policy, size: int = 32 << 20, backups: int = 4) -> None:
        self._host = host
        self._policy = policy
        self._size, self._backups = size, backups
        self._waiting: list[bytes] = []
        self._bytes = 0
        self._lost = 0
        self._count = 0
        self._failed = False
        self._plain = not any(rule.namespaces or any(each[2] for each in rule.resources) for rule in policy.rules)
        """Objects' names and namespaces do not matter: what holds for one request holds for all like it."""
        self._rules: dict[tuple[Any, ...], Rule | None] = {}
        self._prefix = "-".join(f"{host.rng.getrandbits(4 * n):0{n}x}" for n in (8, 4, 4, 4))

    def id(self) -> str:
        """As a UUID is written, and as unique: drawn once, then counted."""
        self._count += 1
        return f"{self._prefix}-{self._count:012x}"

    def begin(self, record: Record) -> Rule | None:
        """The rule that says what is written of the request; None: nothing is."""
        rule = self._rule(record)
        if rule is not None:
            self.stage(record, rule, audit.RECEIVED)
        return rule

    def _rule(self, record: Record) -> Rule | None:
        if not (self._plain and record.resource):
            return self._policy.rule_for(record)
        who = record.who
        key = (who.name, who.groups, record.verb, record.group, record.resource, record.subresource)
        if key not in self._rules:
            if len(self._rules) >= REMEMBERED:
                self._rules.clear()
            self._rules[key] = self._policy.rule_for(record)
        return self._rules[key]

    def stage(self, record: Record, rule: Rule, stage: str) -> None:
        if not self._policy.wants(rule, stage) or self._failed:
            return
        line = orjson.dumps(audit.event(record, rule, stage, self._host.clock.now()), default=str) + b"\n"
        if self._bytes + len(line) > MOST_WAITING:
            self._lost += 1
            return
        self._bytes += len(line)
        self._waiting.append(line)

    async def run(self) -> None:
        """For ever."""
        written = self._host.disk.size(FILE) if FILE in self._host.disk.names(FILE) else 0
        try:
            while not self._failed:
                await asyncio.sleep(FLUSH)
                written = await self._flush(written)
        finally:
            if self._waiting and not self._failed:
                self._host.disk.append(FILE, b"".join(self._waiting))
                self._host.disk.try_sync(FILE)

    async def _flush(self, written: int) -> int:
        """`written`: bytes in the file, before and after."""
        if self._waiting:
            data = b"".join(self._waiting)
            self._waiting.clear()
            self._bytes = 0
            try:
                if written and written + len(data) > self._size:
                    await self._rotate()
                    written = 0
                self._host.disk.append(FILE, data)
                await self._host.disk.sync(FILE)
            except OSError as error:
                self._failed = True
                self._host.note("audit", {"event": "ended", "error": str(error)})
            written += len(data)
            if self._lost:
                self._host.note("audit", {"event": "lost", "count": self._lost})
                self._lost = 0
        return written

    async def _rotate(self) -> None:
        disk, stem = self._host.disk, f"audit-{timestamp(self._host.clock.now())}"
        stem = stem.replace(":", "-")
        taken = disk.names(stem)
        await disk.rename(FILE, f"{stem}.{len(taken):03d}.log")
        older = [name for name in disk.names("audit-") if name.endswith(".log")]
        for name in older[: max(0, len(older) - self._backups)]:
            await disk.remove(name)
