"""What must hold for all that clients saw, judged when a story is over.

Pure. Must not run anything. The witness knows the one order of all events, with a revision for each; so a history is
linearizable if every answer fits the state at its revision, and no revision is behind one that was answered before the
request began. The registers' history is searched by cluster/history as well, which knows nothing of revisions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cluster.history import linearize
from cluster.history.record import NEVER, Operation
from store.mvcc.rows import KeyRow
from tests.store.proof.clients import REGISTERS, Call, Notebook
from tests.store.proof.plan import Plan
from tests.store.proof.witness import Violation, Witness

STEPS = 100_000
"""Of the search, per register: enough for nearly every story; what is not decided is counted."""


def judge(plan: Plan, book: Notebook, witness: Witness) -> None:
    """Raises the first `Violation`."""
    for call in book.calls:
        if call.outcome == "ok":
            _fits(call, witness)
        elif call.outcome == "fail":
            _had_no_effect(call, witness)
    _real_time(book.calls)
    _never_back(book.calls)
    for tenancy in book.leases:
        for revision, row in _ends(tenancy.key, tenancy.id, witness):
            _not_early(plan, tenancy.promises, (tenancy.id, row[0], witness.times[revision]), tenancy.revoked)
        if tenancy.put_at and witness.at(tenancy.key, witness.revision) is not None:
            raise Violation("lease ends", f"{tenancy.key!r} is still there, and nobody keeps lease {tenancy.id} alive")
    verdict = linearize.check(_registers(book.calls), budget=linearize.Budget(steps=STEPS))
    if verdict.outcome == "illegal":
        raise Violation("linearizable registers", verdict.message)
    witness.counts[f"register histories {verdict.outcome}"] += 1


# ── one answer and the state at its revision ─────────────────────────────────────────────────────────────────


def _fits(call: Call, witness: Witness) -> None:
    if call.revision > call.seen:
        raise Violation(
            "only what is committed is answered", f"{_said(call)}: revision {call.revision} was not applied"
        )
    if call.what == "read":
        _read_fits(call, witness)
    elif call.happened:
        events = witness.events.get(call.revision)
        made = [(kv[0], kv[1] if kv[4] else None) for kv, _ in events or ()]
        for write in call.writes:
            if events is not None and write not in made:
                raise Violation("acknowledged is never lost", f"{_said(call)}: revision {call.revision} is {made}")
    elif call.what == "cas" and witness.complete:
        row = witness.at(call.key, call.revision)
        if row is not None and row[1] == call.expected:
            raise Violation("answers fit the state", f"{_said(call)} did not swap, but the value was {call.expected!r}")
    elif call.what == "delete" and witness.complete and witness.at(call.key, call.revision) is not None:
        raise Violation("answers fit the state", f"{_said(call)} found nothing, but the key was there")


def _read_fits(call: Call, witness: Witness) -> None:
    if not witness.complete:
        return
    keys = REGISTERS if call.end is not None else (call.key,)
    due = [row for key in keys if (row := witness.at(key, call.revision)) is not None]
    if list(call.found) != due:
        raise Violation("answers fit the state", f"{_said(call)} gave {call.found} at {call.revision}, that is {due}")


def _had_no_effect(call: Call, witness: Witness) -> None:
    for key, value in call.writes:
        if value is not None and (key, value) in witness.values:
            at = witness.values[key, value]
            raise Violation(
                "refused is never visible", f"{_said(call)} was refused ({call.error}), and happened at {at}"
            )


def _said(call: Call) -> str:
    what = f"{call.mode} {call.what}".strip()
    wrote = f" of {[value for _, value in call.writes]}" if call.writes else ""
    return f"the {what}{wrote} by {call.client} on {call.key!r} ({call.start:.3f} to {call.finish:.3f})"


# ── answers and time ─────────────────────────────────────────────────────────────────────────────────────────


def _real_time(calls: Iterable[Call]) -> None:
    """What was answered before a request began is in its answer."""
    mine = [call for call in calls if call.outcome == "ok" and call.mode != "serializable"]
    ended = sorted(mine, key=lambda call: call.finish)
    newest: Call | None = None
    place = 0
    for call in sorted(mine, key=lambda call: call.start):
        while place < len(ended) and ended[place].finish < call.start:
            if newest is None or ended[place].revision > newest.revision:
                newest = ended[place]
            place += 1
        if newest is not None and newest.revision > call.revision:
            text = f"{_said(call)} was answered at revision {call.revision}, though {_said(newest)} had been, at"
            check = f"{call.mode} reads are not stale" if call.what == "read" else "linearizable"
            raise Violation(check, f"{text} {newest.revision}")


def _never_back(calls: Iterable[Call]) -> None:
    """One boot of a member serves no older state than it has served."""
    served: dict[tuple[str, int], list[Call]] = {}
    for call in calls:
        if call.outcome == "ok" and call.mode == "serializable" and call.boot:
            before = served.setdefault((call.member, call.boot), [])
            for other in before:
                if other.finish < call.start and other.revision > call.revision:
                    text = f"{call.member} served revision {call.revision} to {_said(call)}, after {other.revision}"
                    raise Violation("a member's state never goes back", text)
            before.append(call)


# ── leases ───────────────────────────────────────────────────────────────────────────────────────────────────


def _ends(key: bytes, id: int, witness: Witness) -> Iterator[tuple[int, KeyRow]]:
    """Where the key was deleted."""
    for row in witness.by_key.get(key, ()):
        if not row[4]:
            yield row[3], row


def _not_early(plan: Plan, promises: Iterable[tuple[float, int]], end: tuple[int, bytes, float], revoked: bool) -> None:
    """A promise counts from when it was asked for, on the leader's clock, which may be fast."""
    id, key, when = end
    for asked, seconds in promises:
        due = asked + seconds / plan.fastest
        if asked < when < due - 1e-6 and not revoked:
            text = f"{key!r} went at {when:.3f}, but lease {id} was to last until {due:.3f} (asked at {asked:.3f})"
            raise Violation("no lease ends early", text)


# ── for cluster/history ──────────────────────────────────────────────────────────────────────────────────────


def _registers(calls: Iterable[Call]) -> Iterator[Operation]:
    for number, call in enumerate(calls):
        if call.mode == "serializable" or call.end is not None or call.outcome == "fail":
            continue
        if call.what == "delete" and not call.happened:
            continue
        end = call.finish if call.outcome == "ok" else NEVER
        head = (call.client, number)
        if call.what == "read":
            found = call.found[0][1] if call.found else None
            yield Operation(*head, "read", _name(call.key), None, call.start, end, call.outcome, found, call.mode)
        elif call.what == "cas":
            pair = (call.expected, call.writes[0][1])
            result = call.happened if call.outcome == "ok" else None
            yield Operation(*head, "cas", _name(call.key), pair, call.start, end, call.outcome, result)
        else:
            for key, value in call.writes:
                if key in REGISTERS:
                    yield Operation(*head, "write", _name(key), value, call.start, end, call.outcome)


def _name(key: bytes) -> str:
    return key.decode()
