"""Random transactions over few keys, so that they meet."""

from __future__ import annotations

from hypothesis import strategies as st

from store.mvcc.values import FOREVER, Compare, Delete, Op, Put

KEYS = st.sampled_from([b"a", b"a/1", b"a/2", b"b", b"c"])
VALUES = st.sampled_from([b"", b"1", b"2"])
ENDS = st.one_of(st.none(), st.sampled_from([b"a/2", b"b", b"z", FOREVER]))


@st.composite
def compares(draw: st.DrawFn) -> Compare:
    target = draw(st.sampled_from(["value", "version", "create", "mod"]))
    operand: int | bytes = draw(VALUES) if target == "value" else draw(st.integers(0, 12))
    return Compare(draw(KEYS), target, draw(st.sampled_from(["=", "!=", "<", ">"])), operand)


PUTS = st.lists(st.builds(Put, KEYS, VALUES), min_size=1, max_size=3, unique_by=lambda op: op.key)
DELETES = st.lists(st.builds(Delete, KEYS, ENDS), max_size=2)
BRANCHES: st.SearchStrategy[list[Op]] = st.one_of(PUTS, DELETES)
TXNS = st.tuples(st.lists(compares(), max_size=2), BRANCHES, BRANCHES)
COMPACTIONS = st.floats(0, 1)
"""How far up between the compacted and the newest revision."""
STEPS = st.lists(st.one_of(TXNS, TXNS, TXNS, COMPACTIONS), max_size=30)
