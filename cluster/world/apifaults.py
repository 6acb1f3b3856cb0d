"""What the API faults in force do to one request, to the watch cache and to one event of a watch.

Pure. Must not know what an apiserver is made of: it asks here and acts on the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from random import Random

from cluster.world.faults import ApiFault
from cluster.world.host import HARMLESS, ApiHarm
from cluster.world.ruleset import RuleSet

VERBS = {
    "table": "get",
    "get-scale": "get",
    "update-scale": "update",
    "update-status": "update",
    "update-finalize": "update",
    "patch-status": "patch",
    "renew": "update",
    "bind": "create",
    "evict": "create",
    "delete-collection": "delete",
    "purge": "delete",
}
"""The bus's verbs as Kubernetes counts them (its audit log's verbs)."""


@dataclass(slots=True)
class ApiRules:
    """`cluster.world.host.ApiFaults` for one host. `now` gives the world's time."""

    rules: RuleSet
    host: str
    machine: str
    now: Callable[[], float]
    dice: Random

    def request(self, user: str, verb: str, kind: str) -> ApiHarm:
        """Of one request by the host `user`; counted as evidence. `verb` as the bus has it, `kind` of the object."""
        if not self.rules.rules:
            return HARMLESS
        seconds, code = 0.0, 0
        for rule in self._mine("slow", "overloaded", "error"):
            if _matches(rule, user, verb, kind) and self._strikes(rule, user, verb):
                if rule.way == "slow":
                    seconds += rule.seconds
                else:
                    code = code or (429 if rule.way == "overloaded" else rule.code)
        return ApiHarm(seconds, code, code in (500, 504) and self.dice.random() < 0.5)

    def stale(self) -> bool:
        """Does the watch cache stand still?"""
        return bool(self.rules.rules) and any(True for _ in self._mine("stale"))

    def shown(self, user: str, verb: str, kind: str, behind: bool) -> None:
        """A cache that stands still was read; `behind`: there is something newer. Evidence, no more."""
        for rule in self._mine("stale"):
            self.rules.count(rule.id, user, verb, behind)

    def misses(self, user: str, kind: str) -> bool:
        """Is this event to be left out of this watch?"""
        if not self.rules.rules:
            return False
        hits = [self._strikes(r, user, "watch") for r in self._mine("missed") if _matches(r, user, "watch", kind)]
        return any(hits)

    def _strikes(self, rule: ApiFault, user: str, verb: str) -> bool:
        hit = self.dice.random() < rule.probability
        self.rules.count(rule.id, user, VERBS.get(verb, verb), hit)
        return hit

    def _mine(self, *ways: str) -> Sequence[ApiFault]:
        now = self.now()
        return [
            rule
            for rule in self.rules.rules
            if isinstance(rule, ApiFault) and rule.way in ways and rule.concerns(self.host, self.machine, now)
        ]


def _matches(rule: ApiFault, user: str, verb: str, kind: str) -> bool:
    return (
        user not in rule.spares
        and (not rule.verbs or any(fnmatchcase(word, p) for p in rule.verbs for word in (verb, VERBS.get(verb, verb))))
        and (not rule.kinds or any(fnmatchcase(kind.lower(), p.lower()) for p in rule.kinds))
        and (not rule.users or any(fnmatchcase(user, p) for p in rule.users))
    )
