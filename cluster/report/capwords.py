"""The CAP experiment in sentences: what an engine chose while it was cut, and what it chooses when nothing is wrong.

Pure; every word follows from what was measured, none from the engine's name.
"""

from __future__ import annotations

from typing import NamedTuple

from cluster.report.caplatency import LatencyRow
from cluster.report.capreport import KINDS, SIDES, CapReport

G = {"minority": "G1", "majority": "G2"}
"""The two servers of Gilbert and Lynch."""
ALMOST_ALL = 0.95


class Choice(NamedTuple):
    """`cut`: "C" or "A", or "" for neither; `otherwise`: "C" or "L", or "" when it cannot be said."""

    cut: str
    otherwise: str

    @property
    def name(self) -> str:
        """As Abadi writes it: PC/EC, PA/EL; a question mark for what is neither."""
        return f"P{self.cut or '?'}/E{self.otherwise or '?'}"


def choice(report: CapReport) -> Choice:
    return Choice(_when_cut(report), _otherwise(report))


def _when_cut(report: CapReport) -> str:
    rows = [report.row(side, kind) for side in SIDES for kind in KINDS]
    if not all(row.tried for row in rows):
        return ""
    if all(row.answered >= ALMOST_ALL * row.tried or row.answered >= row.tried - 1 for row in rows):
        return "A"
    strict = [report.row("minority", kind) for kind in KINDS[:2]]
    goes_on = report.row("majority", "write")
    if report.linearizable == "ok" and not any(row.answered for row in strict):
        return "C" if 2 * goes_on.answered >= goes_on.tried else ""
    return ""


def _otherwise(report: CapReport) -> str:
    """Latency, if writes do not wait for the other side; consistency, if they do on both sides and no read that
    claims to be linearizable was stale."""
    writes = [latency_of(report, side, "write") for side in SIDES]
    reads = [latency_of(report, side, "linearizable read") for side in SIDES]
    found = [row.p50 for row in writes if row is not None and row.p50 is not None]
    if not report.distance or len(found) < len(SIDES):
        return ""
    if all(p50 < report.distance for p50 in found):
        return "L"
    honest = not any(row is None or row.stale for row in reads)
    return "C" if honest and all(p50 >= report.distance for p50 in found) else ""


def latency_of(report: CapReport, side: str, what: str) -> LatencyRow | None:
    return next((row for row in report.latency if (row.side, row.what) == (side, what)), None)


def when_cut(report: CapReport) -> list[str]:
    """What it chose, sentence by sentence; the first is the shortest that is true."""
    chosen = _when_cut(report)
    told = {
        "C": f"{report.engine} chose consistency: G1, cut off, refused what it could not know.",
        "A": f"{report.engine} chose availability: both sides answered, each in its own way.",
        "": f"{report.engine} chose neither.",
    }[chosen]
    return [told, *(sentence for sentence in (_on_g1(report), _on_g2(report), what_is_left(report)) if sentence)]


def _on_g1(report: CapReport) -> str:
    write, read, old = (report.row("minority", kind) for kind in KINDS)
    if not (write.tried and read.tried):
        return "Nobody asked on G1."
    told = f"On G1 {write.answered} of {write.tried} writes and {read.answered} of {read.tried} linearizable reads "
    return told + f"were answered; {old.stale} of {old.answered} serializable answers were stale."


def _on_g2(report: CapReport) -> str:
    write = report.row("majority", "write")
    told = f"On G2 {write.answered} of {write.tried} writes were acknowledged"
    if report.new_leader_seconds is not None:
        return f"{told}; {report.new_leader} led {report.new_leader_seconds:.2f} s after the cut."
    return f"{told}; no new leader came while the cut lasted." if _when_cut(report) != "A" else f"{told}."


def what_is_left(report: CapReport) -> str:
    """After healing."""
    if not report.finals:
        return "After healing nobody answered: what is left is not known."
    healed = "the replicas did not become equal"
    if report.heal_seconds is not None:
        healed = f"the replicas were equal {report.heal_seconds:.2f} s later"
    told = f"After healing {healed}, and {report.survivor} is left"
    if not report.lost:
        return f"{told}; no acknowledged write was lost."
    sides = [G[s] for s in SIDES if report.row(s, "write").lost]
    named = sum(conflict["writes"] for conflict in report.conflicts)
    known = f"the store names {named} of them" if report.conflicts else "the store names none"
    return f"{told}; {len(report.lost)} acknowledged writes of {' and '.join(sides)} were lost, {known}."


def consistency(report: CapReport) -> str:
    """One word for the table: was the history of writes and linearizable reads linearizable?"""
    return {"ok": "yes", "illegal": "no"}.get(report.linearizable, "unknown")


def otherwise(report: CapReport) -> str:
    """What it chooses without a partition."""
    write = {side: latency_of(report, side, "write") for side in SIDES}
    old = latency_of(report, "majority", "serializable read")
    near, far = write["minority"], write["majority"]
    if near is None or far is None or near.p50 is None or far.p50 is None:
        return f"{report.engine}: without a partition no write was answered on one of the sides."
    told = {
        "C": f"{report.engine} waits for the other side",
        "L": f"{report.engine} does not wait for the other side",
        "": _mixed(report, near.p50, far.p50),
    }[_otherwise(report)]
    times = f"a write takes {milliseconds(near.p50)} on G1 and {milliseconds(far.p50)} on G2 in the median"
    stale = "" if old is None or not old.answered else _stale(old)
    return f"{told}: {times}{stale}."


def _mixed(report: CapReport, near: float, far: float) -> str:
    """Neither of the two, and why."""
    if not report.distance:
        return f"{report.engine}, with no distance between the sides"
    if min(near, far) < report.distance:
        return f"{report.engine} waits for the other side on one side only"
    return f"{report.engine} waits for the other side when it writes, but has linearizable reads that are stale"


def _stale(row: LatencyRow) -> str:
    share = 100 * row.stale / row.answered
    return f"; {share:.0f} % of the serializable reads on G2 were older than what G1 had acknowledged"


def milliseconds(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    value = 1000 * seconds
    return f"{value:.1f} ms" if value >= 0.1 else "< 0.1 ms"


def what_times_are(world: str, distance: float) -> str:
    """What the latencies are made of, which differs between the worlds."""
    apart = f"The two sides are {1000 * distance:g} ms apart, one way."
    if world == "sim":
        return (
            f"{apart} Times are virtual: 0.2 to 1 ms for any other message between machines, 0.1 to 0.5 ms for a sync "
            "of the disk, nothing for computing, and nothing between a client and the member on its side."
        )
    return (
        f"{apart} Times are real, on this machine: processes, sockets, the disk's syncs, and whatever else runs here."
    )
