"""Ships what must hold everywhere (rules, addresses, skew) to every process, and waits until they have said so.

Must not start or end processes. The messages are in `network.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cluster.errors import UsageError
from cluster.world.faults import from_data, to_data
from cluster.world.proc.chronicle import Chronicle
from cluster.world.proc.control import Message
from cluster.world.proc.network import VersionPage, WorldTime
from cluster.world.proc.osprocess import is_stopped
from cluster.world.proc.registry import Member, Registry
from cluster.world.ruleset import Count, RuleSet

ACK = 2.0
"""Seconds to wait for acknowledgements. Who is silent obeys anyway (see `network.py`); it is named in the answer."""


class Directives:
    """One counter, `version`, over all of them."""

    def __init__(self, registry: Registry, page: VersionPage, chronicle: Chronicle) -> None:
        self.version = 0
        self._registry = registry
        self._page = page
        self._chronicle = chronicle
        self._evidence: dict[str, dict[str, list[Count]]] = {}
        """Per rule, and boot of a host ("name.boot"): what it hit and let through there."""

    async def direct(self, message: Message) -> list[str]:
        """Ship it to every process and seat; names of those that run and did not acknowledge in time."""
        return await self.acknowledged(self.ship(message))

    def ship(self, message: Message) -> int:
        """Without waiting; its version. The page first: nobody acts on an older one from here on."""
        self.version += 1
        self._chronicle.lamport += 1
        self._page.raise_to(self.version)
        message = {**message, "version": self.version, "lamport": self._chronicle.lamport}
        for member in self._registry.members():
            member.protocol.send(message)
        return self.version

    async def acknowledged(self, version: int) -> list[str]:
        running = [
            member
            for member in self._registry.members()
            if member.record.state == "running" and not is_stopped(member.record.pid)
        ]
        waiting = {member.acknowledged(version): member.record for member in running}
        if not waiting:
            return []
        _, late = await asyncio.wait(waiting, timeout=ACK)
        return sorted(waiting[future].name for future in late if not is_stopped(waiting[future].pid))

    def heard(self, member: Member, message: Message) -> None:
        """An acknowledgement."""
        record = member.record
        self._chronicle.lamport = max(self._chronicle.lamport, message["lamport"])
        for rule, rows in message["evidence"].items():
            self._evidence.setdefault(rule, {})[f"{record.name}.{record.boot}"] = rows
        record.unheard = message.get("unheard", {})
        member.heard(message["version"])

    def evidence(self, rule_id: str) -> Message:
        """{hit, passed}: over all boots of all hosts, as last reported."""
        rows = self.counts().get(rule_id, [])
        return {"hit": sum(row[2] for row in rows), "passed": sum(row[3] for row in rows)}

    def counts(self) -> dict[str, list[Count]]:
        """Per rule its links, over all boots of all hosts."""
        found: dict[str, list[Count]] = {}
        for rule, boots in self._evidence.items():
            links: dict[tuple[str, str], list[int]] = {}
            for src, dst, hit, passed in (row for rows in boots.values() for row in rows):
                pair = links.setdefault((src, dst), [0, 0])
                pair[0], pair[1] = pair[0] + hit, pair[1] + passed
            found[rule] = [(src, dst, hit, passed) for (src, dst), (hit, passed) in links.items()]
        return found


class FaultDesk:
    """The rules and skews in force."""

    def __init__(self, directives: Directives, chronicle: Chronicle, time: WorldTime, *, drifting: bool) -> None:
        self.rules = RuleSet()
        self.skews: dict[str, tuple[float, float, float]] = {}
        """machine -> offset, rate, world time from which the rate counts."""
        self.drifts: dict[str, float] = {}
        """machine -> rate of what its processes measure with."""
        self._drifting = drifting
        self._directives = directives
        self._chronicle = chronicle
        self._time = time
        self._number = 0

    async def fault(self, rules: list[Mapping[str, Any]], lasting: float) -> Message:
        """Install rules; {ids, silent}: on return every process that runs obeys, and has said so unless in `silent`.
        `lasting` seconds (0: for good) unless a rule says itself when it expires."""
        built = []
        for data in rules:
            rule = from_data(data)
            if not rule.id:
                self._number += 1
                rule = replace(rule, id=f"f{self._number}")
            if lasting > 0 and not rule.expires:
                rule = replace(rule, expires=self._time() + lasting)
            built.append(rule)
        for rule in built:
            self.rules.install(rule)
            self._chronicle.tell("fault", {"rule": to_data(rule)})
            if rule.expires:
                asyncio.get_running_loop().call_later(max(0.0, rule.expires - self._time()), self._expire)
        return {"ids": [rule.id for rule in built], "silent": await self._directives.direct(self._message())}

    async def heal(self, rule_id: str | None) -> Message:
        """{healed: ids, silent: names}."""
        gone = self.rules.heal(rule_id)
        for rule in gone:
            self._chronicle.tell("heal", {"rule": rule.id})
        silent = await self._directives.direct(self._message()) if gone else []
        return {"healed": [rule.id for rule in gone], "silent": silent}

    async def skew(self, machine: str, offset: float, rate: float) -> None:
        skew = self.skews[machine] = (offset, rate, self._time())
        self._chronicle.tell("skew", {"machine": machine, "offset": offset, "rate": rate})
        await self._directives.direct({"op": "skew", "machine": machine, "skew": list(skew)})

    async def drift(self, machine: str, rate: float) -> None:
        """UsageError in a tree whose processes cannot."""
        if not self._drifting:
            remedy = "run it in a cluster of its own, or with --world sim"
            raise UsageError("the loops of these processes cannot be bent", place="clockDrift", remedy=remedy)
        if not 0.01 <= rate <= 100:
            raise UsageError(f"a rate of {rate:g} is not possible", place="clockDrift", remedy="0.01 to 100")
        self.drifts[machine] = rate
        self._chronicle.tell("drift", {"machine": machine, "rate": rate})
        await self._directives.direct({"op": "drift", "machine": machine, "rate": rate})

    def skew_of(self, machine: str) -> list[float]:
        return list(self.skews.get(machine, (0.0, 1.0, 0.0)))

    def data(self) -> list[Message]:
        return [to_data(rule) for rule in self.rules.rules]

    def _expire(self) -> None:
        gone = self.rules.expire(self._time())
        for rule in gone:
            self._chronicle.tell("expire", {"rule": rule.id})
        if gone:
            self._directives.ship(self._message())

    def _message(self) -> Message:
        return {"op": "rules", "rules": self.data()}
