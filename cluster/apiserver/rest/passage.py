"""One request's way through the second door: its seat, and its lines in the audit log.

Shell. Must not know what is asked: handlers say it. Fairness says who may sit down, the policy what is written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from cluster.apiserver import audit
from cluster.apiserver.audit import Record, Rule
from cluster.apiserver.auditlog import AuditLog
from cluster.apiserver.auth.rules import Attributes, Who
from cluster.apiserver.fairness import Fairness, Ticket, too_many
from cluster.world.host import Host

LONGEST_WAIT = 15.0
"""Seconds that a request waits for a seat (Kubernetes: a quarter of its time)."""
DECISION = "authorization.k8s.io/decision"


class Turnstile:
    """Of one door. `log` None: nothing is written."""

    def __init__(self, host: Host, fairness: Fairness, log: AuditLog | None) -> None:
        self.host = host
        self.fairness = fairness
        self.log = log

    def begin(self, method: str, uri: str, headers: Mapping[str, str], source: str) -> Passage:
        return Passage(self, method, uri, (headers.get("user-agent", ""), source))


class Passage:
    """One request. `leave` is called once, whatever becomes of it."""

    def __init__(self, turnstile: Turnstile, method: str, uri: str, client: tuple[str, str]) -> None:
        self._turnstile = turnstile
        self._ticket: Ticket | None = None
        self._asked = (method.lower(), uri, client, turnstile.host.clock.now())
        self._rule: Rule | None = None
        self._own: Who | None = None
        self.record: Record | None = None
        self.id = turnstile.log.id() if turnstile.log is not None else ""

    # ── the audit log ────────────────────────────────────────────────────────────────────────────────────────

    def authenticated(self, who: Who) -> None:
        """Before anybody else is impersonated."""
        self._own = who

    def named(self, who: Who, asked: Attributes, version: str = "") -> None:
        """What is asked, and for whom."""
        log = self._turnstile.log
        if log is None or self.record is not None:
            return
        _, uri, (agent, source), now = self._asked
        own = self._own if self._own is not None else who
        place = (asked.group, version, asked.resource, asked.subresource, asked.namespace, asked.name)
        record = Record(self.id, uri, asked.verb, own, now, *place)
        record.impersonated = who if who is not own else None
        record.agent, record.source = agent, source
        self._rule = log.begin(record)
        self.record = record if self._rule is not None else None

    def allowed(self) -> None:
        if self.record is not None:
            self.record.annotations[DECISION] = "allow"

    def sent(self, body: Any) -> None:
        """The object that came with it. Its name is known from there when the URL does not say it."""
        record = self.record
        if record is None or self._rule is None:
            return
        meta = body.get("metadata") if type(body) is dict else None
        if not record.name and record.verb == "create" and type(meta) is dict:
            record.name = str(meta.get("name") or "")
        if self._rule.level in audit.WANTED_BY:
            record.sent = body

    def answered(self, obj: Any) -> None:
        if self.record is not None and self._rule is not None and self._rule.level == "RequestResponse":
            self.record.answered = obj

    def refused(self, who: Who, status: Mapping[str, Any]) -> None:
        """An error, also of what could not be named."""
        log = self._turnstile.log
        if log is not None and self.record is None and self._rule is None and self._own is None:
            method, uri, _, _ = self._asked
            self.named(who, Attributes(method, path=uri.partition("?")[0]))
        if self.record is None:
            return
        self.record.status = {name: status[name] for name in ("status", "message", "reason") if name in status}
        if status.get("reason") == "Forbidden" and DECISION not in self.record.annotations:
            self.record.annotations[DECISION] = "forbid"

    def complete(self, code: int) -> None:
        if self.record is not None and self._rule is not None and self._turnstile.log is not None:
            self.record.code = code
            self._turnstile.log.stage(self.record, self._rule, audit.COMPLETE)

    def flowing(self, run: Callable[..., Awaitable[None]], who: Who, *, watch: bool) -> Callable[..., Awaitable[None]]:
        """The same flow, which is counted as a watch while it runs. TooManyRequests."""
        fairness = self._turnstile.fairness
        counts = watch and fairness.watch(who)

        async def counted(*args: Any) -> None:
            log = self._turnstile.log
            if self.record is not None and self._rule is not None and log is not None:
                self.record.code = 200
                log.stage(self.record, self._rule, audit.STARTED)
            try:
                await run(*args)
            finally:
                if counts:
                    fairness.unwatch(who)
                self.complete(200)

        return counted

    # ── seats ────────────────────────────────────────────────────────────────────────────────────────────────

    async def sit(self, who: Who, width: int) -> None:
        """Until it may be served; TooManyRequests when it may not, or not in time."""
        turn = asyncio.Event()
        self._ticket = self._turnstile.fairness.arrive(who, width, turn.set)
        if self._ticket is None or self._ticket.running:
            return
        try:
            async with asyncio.timeout(LONGEST_WAIT):
                await turn.wait()
        except TimeoutError:
            raise too_many() from None

    def leave(self) -> None:
        if self._ticket is not None:
            ticket, self._ticket = self._ticket, None
            self._turnstile.fairness.leave(ticket)
