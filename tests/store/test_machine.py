"""The state machine: every operation at most once, the same state on every member, dumps that lose nothing."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.errors import StatusError
from cluster.wire import pack, unpack
from store import codec
from store.machine import WINDOW, Machine
from store.mvcc.values import Compare, Delete, Op, Put, Range, RangeResult, TxnResult
from store.mvcc.watchers import Watcher
from tests.store.mvcc.strategies import TXNS


def command(serial: int, compares: Sequence[Compare], success: Sequence[Op], failure: Sequence[Op] = ()) -> bytes:
    body = unpack(pack(codec.txn_request(serial, compares, success, failure)))
    codec.txn_of(body)
    return codec.txn_command("client", body)


def put(serial: int, value: bytes = b"1") -> bytes:
    return command(serial, (), (Put(b"k", value),))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 15), TXNS), max_size=25), st.integers(0, 25))
def test_two_members_agree_also_when_one_starts_from_a_snapshot(steps: list, cut: int) -> None:  # type: ignore[type-arg]
    one, other = Machine(), Machine()
    for at, (serial, txn) in enumerate(steps):
        if at == cut:
            fresh = Machine()
            fresh.load(other.dump())
            other = fresh
        data = command(serial, *txn)
        first, second = one.apply(data), other.apply(data)
        if isinstance(first, StatusError):
            assert isinstance(second, StatusError)
            assert first.to_body() == second.to_body()
        else:
            assert first == second
    assert one.dump() == other.dump()
    assert one.digest() == other.digest()


def test_an_operation_happens_once() -> None:
    machine = Machine()
    machine.apply(put(5, b"first"))
    again = machine.apply(put(5, b"again"))
    assert isinstance(again, StatusError)
    assert (again.reason, again.definite) == ("Dropped", False)
    kv = machine.space.get(b"k")
    assert kv is not None
    assert (kv.value, kv.version) == (b"first", 1)
    machine.apply(put(4, b"earlier number"))
    assert machine.space.revision == 3


def test_numbers_long_past_count_as_over_and_memory_is_bounded() -> None:
    machine = Machine()
    for serial in range(1, 5 * WINDOW, 2):
        machine.apply(put(serial))
    revision = machine.space.revision
    assert isinstance(machine.apply(put(2)), StatusError)
    assert machine.space.revision == revision
    machine.apply(put(5 * WINDOW - 4))
    assert machine.space.revision == revision + 1
    assert len(machine._sessions["client"].seen) < 2 * WINDOW


def test_compaction_owes_watchers_what_it_takes_away() -> None:
    machine = Machine()
    machine.watchers.add(Watcher(1, b"k", None, 2))
    machine.collect()
    machine.apply(put(1))
    machine.apply(put(2))
    machine.apply(codec.compact_command("client", 3, 3))
    batches = [batch for collected in machine.collect() for _, batch in collected.batches]
    assert [event.kv.mod_revision for batch in batches for event in batch.events] == [2, 3]
    refused = machine.apply(codec.compact_command("client", 4, 3))
    assert isinstance(refused, StatusError)
    assert refused.reason == "Compacted"


@settings(max_examples=100)
@given(TXNS)
def test_transactions_survive_the_wire(txn: tuple[list[Compare], list[Op], list[Op]]) -> None:
    body = unpack(pack(codec.txn_request(7, *txn)))
    assert tuple(codec.txn_of(body)) == (7, *txn)
    data = codec.command_of(codec.txn_command("me", body))
    assert (data.code, data.src, data.serial) == (codec.TXN, "me", 7)
    assert codec.txn_args(data.args) == txn


def test_answers_survive_the_wire() -> None:
    machine = Machine()
    ops: list[Op] = [Put(b"a", b"1", True), Range(b"a", b"z"), Delete(b"x", b"z", True)]
    machine.apply(command(1, (), ops))
    result = codec.txn_result(unpack(pack(machine.apply(command(2, (), ops)))))
    assert isinstance(result, TxnResult)
    assert isinstance(result.responses[1], RangeResult)
    assert result.responses[1].kvs[0].version == 2
    assert result.responses[0].prev.value == b"1"  # type: ignore[union-attr]
