"""Random transactions over few keys, so that they meet."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from store.mvcc.values import FOREVER, Compare, Delete, Op, Put, Range, Txn

KEYS = st.sampled_from([b"a", b"a/1", b"a/2", b"b", b"c"])
VALUES = st.sampled_from([b"", b"1", b"2", b"three"])
ENDS = st.one_of(st.none(), st.sampled_from([b"a/2", b"b", b"z", FOREVER]))
LEASES = st.sampled_from([0, 0, 0, 1, 2])


@st.composite
def compares(draw: st.DrawFn) -> Compare:
    target = draw(st.sampled_from(["value", "version", "create", "mod", "lease"]))
    operand: int | bytes = draw(VALUES) if target == "value" else draw(st.integers(0, 9))
    end = draw(ENDS) if draw(st.integers(0, 3)) == 0 else None
    return Compare(draw(KEYS), target, draw(st.sampled_from(["=", "!=", "<", ">"])), operand, end)


@st.composite
def puts(draw: st.DrawFn) -> Put:
    keep_value, keep_lease = draw(st.sampled_from([(False, False)] * 4 + [(True, False), (False, True), (True, True)]))
    value = b"" if keep_value else draw(VALUES)
    lease = 0 if keep_lease else draw(LEASES)
    return Put(draw(KEYS), value, draw(st.booleans()), lease, keep_value, keep_lease)


DELETES = st.builds(Delete, KEYS, ENDS, st.booleans())
REVISIONS = st.sampled_from([0, 0, 0, 0, 1, 2, 4, 7])


@st.composite
def ranges(draw: st.DrawFn) -> Range:
    query = Range(draw(KEYS), draw(ENDS), draw(st.integers(0, 3)), draw(st.booleans()), draw(st.booleans()))
    query = query._replace(revision=draw(REVISIONS))
    if draw(st.booleans()):
        return query
    bounds = [draw(st.sampled_from([0, 0, 2, 4, 7])) for _ in range(4)]
    order = draw(st.sampled_from(["", "asc", "desc"]))
    target = draw(st.sampled_from(["key", "version", "create", "mod", "value"]))
    return Range(*query[:6], order, target, *bounds)


PLAIN: st.SearchStrategy[list[Op]] = st.lists(st.one_of(puts(), puts(), DELETES, ranges()), max_size=3)


def _txns(branch: st.SearchStrategy[list[Op]]) -> st.SearchStrategy[Txn]:
    return st.builds(Txn, st.lists(compares(), max_size=2), branch, branch)


NESTED: st.SearchStrategy[list[Op]] = st.lists(st.one_of(puts(), DELETES, _txns(PLAIN)), max_size=3)
DEEP: st.SearchStrategy[list[Op]] = st.lists(st.one_of(puts(), ranges(), _txns(NESTED)), max_size=2)
BRANCHES = st.one_of(PLAIN, PLAIN, PLAIN, NESTED, DEEP)
TXNS = st.tuples(st.just("txn"), st.lists(compares(), max_size=2), BRANCHES, BRANCHES)
SIMPLE: st.SearchStrategy[list[Op]] = st.lists(
    st.one_of(st.builds(Put, KEYS, VALUES), st.builds(Put, KEYS, VALUES), st.builds(Delete, KEYS, ENDS)),
    min_size=1,
    max_size=1,
)
WRITES: st.SearchStrategy[tuple[Any, ...]] = st.tuples(st.just("txn"), st.just([]), SIMPLE, st.just([]))
"""Most random transactions are refused or write little; these make the history that the others meet."""
COMPACTIONS = st.tuples(st.just("compact"), st.floats(0, 1))
"""How far up between the compacted and the newest revision."""
GRANTS = st.tuples(st.just("grant"), st.sampled_from([1, 2]), st.integers(1, 60))
REVOKES = st.tuples(st.just("revoke"), st.sampled_from([1, 2]))
SCRUBS = st.tuples(st.just("scrub"), st.integers(1, 3))
STEPS = st.lists(st.one_of(WRITES, WRITES, WRITES, TXNS, TXNS, COMPACTIONS, GRANTS, REVOKES, SCRUBS), max_size=30)
