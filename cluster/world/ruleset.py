"""The rules in force, the verdict on one message, and what each rule has hit and let through: the evidence of a fault.

Pure: no clock and no dice of its own. Must not know what carries the messages.

Rules compose in install order: a message starts as one delivery at once; each rule that matches maps the
deliveries to new ones; no delivery left means dropped, and the rule that took the last one is named.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from cluster.world.faults import DELIVER, Deliveries, KillAfter, Link, LinkState, Partition, Rule

Count = tuple[str, str, int, int]
"""Source, destination, hit, passed: of one rule on one link (of a disk fault: host and file's folder; of an API fault:
user and verb)."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`rule`: id of the rule that took or changed the message; "" if none did. `kill`: id of the rule by which the
    sender is killed once it is sent."""

    deliveries: Deliveries
    rule: str
    kill: str = ""


PASS = Verdict(DELIVER, "")


@dataclass(slots=True)
class RuleSet:
    """With the per-link work done once: the fast path of a link without rules is one look. What a rule has counted
    stays when it is healed."""

    rules: list[Rule] = field(default_factory=list)
    _states: dict[str, dict[tuple[str, str], LinkState]] = field(default_factory=dict)
    """rule id: (source, destination): what it remembers."""
    _links: dict[Link, list[tuple[Rule, LinkState]]] = field(default_factory=dict)

    # ── which are in force ───────────────────────────────────────────────────────────────────────────────────

    def install(self, rule: Rule) -> None:
        self.rules = [r for r in self.rules if r.id != rule.id] + [rule]
        self._states.setdefault(rule.id, {})
        self._links.clear()

    def heal(self, rule_id: str | None = None) -> list[Rule]:
        """Remove one rule or all; those removed."""
        gone = [r for r in self.rules if rule_id is None or r.id == rule_id]
        self.rules = [r for r in self.rules if r not in gone]
        self._links.clear()
        return gone

    def expire(self, now: float) -> list[Rule]:
        """Remove what has ended by `now`; those removed."""
        gone = [r for r in self.rules if r.expires and r.expires <= now]
        if gone:
            self.rules = [r for r in self.rules if r not in gone]
            self._links.clear()
        return gone

    # ── evidence ─────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def evidence(self) -> dict[str, list[int]]:
        """{rule id: [hit, passed]} over all links."""
        return {
            id: [sum(s.hit for s in states.values()), sum(s.passed for s in states.values())]
            for id, states in self._states.items()
        }

    def counts(self) -> dict[str, list[Count]]:
        """Per rule its links, those that nothing came through left out."""
        return {
            id: [(src, dst, s.hit, s.passed) for (src, dst), s in states.items() if s.hit or s.passed]
            for id, states in self._states.items()
        }

    def count(self, rule_id: str, src: str, dst: str, hit: bool) -> None:
        """Of a rule that is about no message: whoever asked it counts."""
        state = self._state(rule_id, src, dst)
        if hit:
            state.hit += 1
        else:
            state.passed += 1

    def _state(self, rule_id: str, src: str, dst: str) -> LinkState:
        states = self._states.setdefault(rule_id, {})
        found = states.get((src, dst))
        if found is None:
            found = states[src, dst] = LinkState()
        return found

    # ── one message ──────────────────────────────────────────────────────────────────────────────────────────

    def _on(self, link: Link) -> list[tuple[Rule, LinkState]]:
        found = self._links.get(link)
        if found is None:
            # A host's messages are counted over all its links by the rule that kills it.
            found = self._links[link] = [
                (rule, self._state(rule.id, link.src, "" if isinstance(rule, KillAfter) else link.dst))
                for rule in self.rules
                if rule.matches_link(link)
            ]
        return found

    def verdict(self, link: Link, kind: str, size: int, now: float, dice: Random) -> Verdict:
        """What happens to a message of `size` bytes sent at `now`; `dice` are drawn only by rules that match."""
        if not self.rules:
            return PASS
        deliveries, touched, kill = DELIVER, "", ""
        for rule, state in self._on(link):
            if (rule.expires and rule.expires <= now) or not rule.matches_kind(kind):
                continue
            if isinstance(rule, KillAfter):
                state.seen += 1
                kill = rule.id if state.seen == rule.n else kill
                state.hit, state.passed = state.hit + (state.seen == rule.n), state.passed + (state.seen != rule.n)
                continue
            if not deliveries:
                continue
            state.seen += 1
            before, deliveries = deliveries, rule.apply(deliveries, size, state, now, dice)
            if deliveries != before:
                state.hit += 1
                touched = rule.id
            else:
                state.passed += 1
        return Verdict(deliveries, touched, kill)

    def cut(self, link: Link, kind: str, now: float, *, count: bool = False) -> str:
        """Id of the partition that forbids this delivery, or "": what a receiver asks about what was in flight (and
        counts), and what a proxy asks about its streams."""
        if not self.rules:
            return ""
        for rule, state in self._on(link):
            if isinstance(rule, Partition) and rule.matches_kind(kind) and not 0 < rule.expires <= now:
                state.hit += count
                return rule.id
        return ""
