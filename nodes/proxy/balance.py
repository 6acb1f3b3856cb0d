"""Which endpoint gets a new connection: at random or in turn, or the one that the client had before.

Must not know sockets. Dice and times (seconds, monotonic) are the caller's.
"""

from __future__ import annotations

from collections import OrderedDict
from random import Random

from cluster.errors import UsageError
from nodes.proxy.table import Endpoint, Key, Rule

MODES = ("random", "round-robin")
REMEMBERED = 65_536
"""Clients whose endpoint is remembered, over all rules; the one that was not seen for longest is forgotten first."""


class Balancer:
    def __init__(self, mode: str, dice: Random) -> None:
        if mode not in MODES:
            raise UsageError(f"unknown mode {mode!r}", place="proxy", remedy=f"one of {', '.join(MODES)}")
        self._mode = mode
        self._dice = dice
        self._last: dict[Key, Endpoint] = {}
        self._clients: OrderedDict[tuple[Key, str], tuple[Endpoint, float]] = OrderedDict()

    def pick(self, rule: Rule, client_ip: str, now: float) -> Endpoint | None:
        """None if the rule has no endpoint. With affinity the client's last endpoint, while it is there and the
        client was not away for longer than the rule's time (each connection starts it anew)."""
        if not rule.endpoints:
            return None
        if not rule.affinity_seconds:
            return self._choose(rule)
        seat = (rule.key, client_ip)
        endpoint, seen = self._clients.get(seat, (None, 0.0))
        if endpoint not in rule.endpoints or now - seen > rule.affinity_seconds:
            endpoint = self._choose(rule)
        assert endpoint is not None
        self._clients[seat] = (endpoint, now)
        self._clients.move_to_end(seat)
        if len(self._clients) > REMEMBERED:
            self._clients.popitem(last=False)
        return endpoint

    def forget(self, key: Key) -> None:
        """The rule is gone."""
        self._last.pop(key, None)
        for seat in [seat for seat in self._clients if seat[0] == key]:
            del self._clients[seat]

    def _choose(self, rule: Rule) -> Endpoint:
        if self._mode == "random":
            return self._dice.choice(rule.endpoints)
        # In turn by address and not by position, so that endpoints that come and go do not upset the turn.
        last = self._last.get(rule.key)
        following = next((e for e in rule.endpoints if last is None or e > last), rule.endpoints[0])
        self._last[rule.key] = following
        return following
