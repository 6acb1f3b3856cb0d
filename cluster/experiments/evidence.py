"""Whether each strike hit anything: from what its rules counted, and from what the journal says of its targets.

Pure: values in, values out. Must not ask anybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from cluster.experiments.strikes.deed import Deed
from cluster.history.run import LinkCount, Moment, Proof, Strike
from cluster.world.journal import DELIVER, DROP, Record
from cluster.world.ruleset import Count

ENDS = ("crash", "exited", "poweroff")
"""Events of a host's end (in the proc world the supervisor's word; a host that kills itself says so too)."""
SLACK = 0.01
"""Seconds that a signal may take to be written down, or to be obeyed."""
UNDELIVERED = ("host is down", "queue is full")
"""Reasons of a drop that tell that the receiver was not there."""


def prove(
    strikes: Sequence[Strike],
    deeds: Mapping[int, Deed],
    evidence: Mapping[str, Sequence[Count]],
    records: Sequence[Record],
) -> list[Strike]:
    """The strikes with their links and proof. `records` in the run's own time."""
    notes = [r for r in records if r[4] in (*ENDS, "pause", "boot")]
    drops = [r for r in records if r[4] == DROP and r[8] in UNDELIVERED]
    silent = [r for r in records if r[4] == DELIVER] if any(d.proves == "stops" for d in deeds.values()) else []
    found = []
    for number, strike in enumerate(strikes):
        deed = deeds.get(number)
        if deed is None or strike.error:
            found.append(strike)
            continue
        links = [*strike.links, *_rules(deed, evidence)]
        if deed.proves in ("ends", "stops"):
            links += _missed(strike, drops)
            event = ENDS if deed.proves == "ends" else ("pause",)
            struck = _hosts(strike, notes, event)
            if deed.proves == "stops":
                stopped = {r[2]: r[0] for r in notes if r[4] == "pause" and r[2] in struck and _during(strike, r[0])}
                links += _answers(strike, stopped, silent)
            proof: Proof = "confirmed" if struck else "nothing to hit"
        elif deed.proves == "boots":
            proof = "confirmed" if _hosts(strike, notes, ("boot",)) else "not confirmed"
        else:
            proof = _verdict(links)
        found.append(replace(strike, links=tuple(links), proof=proof))
    return found


def unexpected_ends(strikes: Sequence[Strike], records: Iterable[Record]) -> list[Moment]:
    """Hosts that ended by themselves, though nothing was done to their disks: that must not be."""
    struck = {name for s in strikes if s.action in ("disk", "loseUnsynced") for name in s.targets}
    return [
        Moment(r[0], f"{r[2]} ended by itself: {r[5].get('error') or 'it returned'}", "", "violated")
        for r in records
        if r[4] == "exit" and r[2] not in struck
    ]


def _rules(deed: Deed, evidence: Mapping[str, Sequence[Count]]) -> list[LinkCount]:
    """Rules that say the same of one link are one line."""
    counts: dict[tuple[str, str], list[int]] = {}
    for rule in deed.rules:
        for src, dst, hit, passed in evidence.get(rule, ()):
            pair = counts.setdefault((src, dst), [0, 0])
            pair[0], pair[1] = pair[0] + hit, pair[1] + passed
    return [LinkCount(src, dst, hit, passed) for (src, dst), (hit, passed) in counts.items()]


def _verdict(links: Iterable[LinkCount]) -> Proof:
    links = list(links)
    if any(link.hit for link in links):
        return "confirmed"
    return "not confirmed" if any(link.passed for link in links) else "nothing to hit"


def _during(strike: Strike, time: float) -> bool:
    return strike.since <= time and (strike.until is None or time <= strike.until)


def _hosts(strike: Strike, notes: Iterable[Record], events: Sequence[str]) -> list[str]:
    """Those of its targets to whom it happened while it lasted."""
    return list(
        dict.fromkeys(r[2] for r in notes if r[4] in events and r[2] in strike.targets and _during(strike, r[0]))
    )


def _missed(strike: Strike, drops: Iterable[Record]) -> list[LinkCount]:
    """Messages that found nobody. A drop stands in the journal of the receiver, or of the sender who gave up."""
    counts: dict[tuple[str, str], int] = {}
    for record in drops:
        host, peer = record[2], record[6]
        src, dst = (peer, host) if host in strike.targets else (host, peer)
        if dst in strike.targets and _during(strike, record[0]):
            counts[src, dst] = counts.get((src, dst), 0) + 1
    return [LinkCount(src, dst, hit, 0) for (src, dst), hit in counts.items()]


def _answers(strike: Strike, stopped: Mapping[str, float], delivered: Iterable[Record]) -> list[LinkCount]:
    """Of those who stood still: what was delivered to them meanwhile, which should be nothing."""
    counts = dict.fromkeys(stopped, 0)
    for record in delivered:
        if record[2] in counts and stopped[record[2]] + SLACK < record[0] and _during(strike, record[0] + SLACK):
            counts[record[2]] += 1
    return [LinkCount(host, "standing still", 1, passed) for host, passed in counts.items()]
