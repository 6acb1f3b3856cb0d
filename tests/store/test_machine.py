"""The state machine: every operation at most once, the same state on every member, dumps that lose nothing."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.errors import StatusError
from cluster.wire import pack, unpack
from store import commands, requests, state
from store.commands import ALARM, CODES, COMPACT, GRANT, NOSPACE, REVOKE
from store.machine import PAGE, Machine
from store.mvcc.rows import DELETE, IGNORE_VALUE, PREV, PUT, TXN
from store.mvcc.values import (
    FOREVER,
    Compare,
    Delete,
    DeleteResult,
    KeyValue,
    Op,
    Put,
    PutResult,
    Range,
    RangeResult,
    TxnResult,
)
from store.mvcc.watchers import Watcher
from store.sessions import CLIENTS, WINDOW
from tests.store.mvcc.strategies import TXNS


def operation(kind: str, body: Any, src: str = "client") -> list[Any]:
    """As the leader makes it of a request."""
    code, check = CODES[kind]
    received = unpack(pack(body))
    check(received)
    return [code, src, *received[1:]]


def put(serial: int, value: bytes = b"1", key: bytes = b"k", lease: int = 0) -> list[Any]:
    return operation("store.put", requests.put_request(serial, key, value, lease))


def reason(result: Any) -> Any:
    return result.reason if isinstance(result, StatusError) else result


def plain(results: list[Any]) -> Any:
    """As it would arrive at a client."""
    return unpack(pack([r.to_body() if isinstance(r, StatusError) else r for r in results]))


OPERATIONS = st.lists(
    st.tuples(
        st.integers(1, 15),
        st.one_of(
            st.tuples(st.just("txn"), TXNS),
            st.tuples(st.just("grant"), st.sampled_from([0, 1, 2])),
            st.tuples(st.just("revoke"), st.sampled_from([1, 2, 3])),
            st.tuples(st.just("compact"), st.integers(1, 12)),
            st.tuples(st.just("alarm"), st.sampled_from(["raise", "clear", "list"])),
        ),
    ),
    max_size=25,
)


def operation_of(serial: int, what: tuple[str, Any]) -> list[Any]:
    kind, args = what
    if kind == "txn":
        return [TXN, "client", *unpack(pack(requests.txn_request(serial, *args[1:])))[1:]]
    if kind == "grant":
        return [GRANT, "client", serial, args, 10]
    if kind == "revoke":
        return [REVOKE, "client", serial, args]
    if kind == "compact":
        return [COMPACT, "client", serial, args]
    return [ALARM, "client", serial, args, NOSPACE]


@settings(max_examples=120, deadline=None)
@given(OPERATIONS, st.integers(0, 25), st.integers(1, 4))
def test_two_members_agree_also_when_one_starts_from_a_snapshot(steps: list[Any], cut: int, batch: int) -> None:
    one, other = Machine(quota_bytes=60), Machine(quota_bytes=60)
    ops = [operation_of(serial, what) for serial, what in steps if not refused(serial, what)]
    for at in range(0, len(ops), batch):
        if at <= cut < at + batch:
            fresh = Machine()
            fresh.load(other.dump())
            other = fresh
        results = one.apply(ops[at : at + batch])
        assert plain(results) == plain([other.apply([op])[0] for op in ops[at : at + batch]])
        while other.scrub(1):
            pass
    assert b"".join(one.dump()) == b"".join(other.dump())
    assert one.digest() == other.digest()


def refused(serial: int, what: tuple[str, Any]) -> bool:
    if what[0] != "txn":
        return False
    try:
        commands.check_txn(unpack(pack(requests.txn_request(serial, *what[1][1:]))))
    except StatusError:
        return True
    return False


# ── once ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_operation_happens_once() -> None:
    machine = Machine()
    assert machine.apply([put(5, b"first")]) == [2]
    (again,) = machine.apply([put(5, b"again")])
    assert isinstance(again, StatusError)
    assert (again.reason, again.definite) == ("Dropped", False)
    kv = machine.space.get(b"k")
    assert kv is not None
    assert (kv.value, kv.version) == (b"first", 1)
    assert machine.apply([put(4, b"earlier number"), put(4)])[0] == 3
    assert machine.space.revision == 3


def test_what_was_refused_has_happened_too() -> None:
    machine = Machine()
    assert reason(machine.apply([put(1, lease=9)])[0]) == "NotFound"
    machine.apply([[GRANT, "client", 2, 9, 10]])
    assert reason(machine.apply([put(1, lease=9)])[0]) == "Dropped"


def test_the_stores_own_operations_are_not_numbered() -> None:
    machine = Machine()
    machine.apply([put(1), put(2), put(3)])
    assert machine.apply([commands.own_compact(2), commands.own_compact(3)]) == [[], []]
    assert machine.space.compacted == 3


def test_numbers_long_past_count_as_over_and_memory_is_bounded() -> None:
    machine = Machine()
    for serial in range(1, 5 * WINDOW, 2):
        machine.apply([put(serial)])
    revision = machine.space.revision
    assert reason(machine.apply([put(2)])[0]) == "Dropped"
    assert machine.space.revision == revision
    machine.apply([put(5 * WINDOW - 4)])
    assert machine.space.revision == revision + 1
    assert len(machine._sessions.of("client").seen) < 2 * WINDOW


def test_so_many_clients_are_remembered() -> None:
    machine = Machine()
    for number in range(CLIENTS + 3):
        machine.apply([[PUT, f"client-{number}", 1, b"k", b"", 0, 0]])
    assert reason(machine.apply([[PUT, f"client-{CLIENTS}", 1, b"k", b"", 0, 0]])[0]) == "Dropped"
    assert machine.apply([[PUT, "client-0", 1, b"k", b"", 0, 0]]) == [machine.space.revision]


# ── what is answered ─────────────────────────────────────────────────────────────────────────────────────────


def answer(machine: Machine, kind: str, body: Any) -> Any:
    return plain(machine.apply([operation(kind, body)]))[0]


def test_answers_survive_the_wire() -> None:
    machine = Machine()
    first = KeyValue(b"a", b"1", 2, 2, 1)
    assert requests.put_result(answer(machine, "store.put", requests.put_request(1, b"a", b"1"))) == TxnResult(
        2, True, (PutResult(None),)
    )
    body = answer(machine, "store.put", requests.put_request(2, b"a", b"2", 0, PREV))
    assert requests.put_result(body) == TxnResult(3, True, (PutResult(first),))
    body = answer(machine, "store.put", requests.put_request(3, b"b", b"", 0, PREV))
    assert requests.put_result(body) == TxnResult(4, True, (PutResult(None),))
    ops: list[Op] = [Put(b"c", b"", True), Range(b"a", b"z", 1), Delete(b"x", b"z", True)]
    result = requests.txn_result(
        answer(machine, "store.txn", requests.txn_request(4, [Compare(b"a", "mod", "=", 3)], ops, ()))
    )
    second = KeyValue(b"a", b"2", 2, 3, 2)
    assert result == TxnResult(5, True, (PutResult(None), RangeResult(5, (second,), 3, True), DeleteResult(0, ())))
    gone = requests.delete_result(answer(machine, "store.delete", requests.delete_request(5, b"a", b"b", True)))
    assert gone == TxnResult(6, True, (DeleteResult(1, (second,)),))
    request = unpack(pack(requests.range_request(Range(b"a", FOREVER), 3, "serializable")))
    commands.check_range(request)
    assert requests.range_result(plain([machine.range(request)])[0]) == RangeResult(6, (second,), 1, False)


def test_leases_by_operation() -> None:
    machine = Machine()
    assert answer(machine, "store.lease.grant", [0, 1, 0, 10]) == [1, 10]
    machine.apply([put(2, lease=1), put(3, key=b"l", lease=1)])
    assert list(machine.leases.get(1).keys) == [b"k", b"l"]
    assert answer(machine, "store.lease.revoke", [0, 4, 1]) == [4, 2]
    assert answer(machine, "store.lease.revoke", [0, 5, 1])["reason"] == "NotFound"
    assert machine.leases.take_changes() == [(1, 0)]
    assert machine.apply([commands.own_revoke(7)])[0].reason == "NotFound"


def test_a_put_that_keeps_its_value_by_operation() -> None:
    machine = Machine()
    machine.apply([put(1, b"v")])
    request = requests.put_request(2, b"k", b"", 0, PREV | IGNORE_VALUE)
    assert requests.put_result(answer(machine, "store.put", request)).responses == (
        PutResult(KeyValue(b"k", b"v", 2, 2, 1)),
    )
    assert machine.space.get(b"k") == KeyValue(b"k", b"v", 2, 3, 2)
    missing = requests.put_request(3, b"x", b"", 0, IGNORE_VALUE)
    assert answer(machine, "store.put", missing)["reason"] == "NotFound"


# ── updates ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_update_is_the_transaction_that_it_stands_for() -> None:
    """A plain put guarded by the key's mod_revision, else a plain read of it, or nothing: the same answers, states and
    refusals as of the transaction that says so."""
    rng = Random(7)
    short, long = Machine(quota_bytes=600), Machine(quota_bytes=600)
    for machine in (short, long):
        machine.apply([operation("store.lease.grant", [0, 1, 5, 100])])
    for serial in range(2, 400):
        key = rng.choice([b"a", b"b", b"c"])
        known = short.space.get(key)
        mod = rng.choice([0, known.mod_revision if known else 0, rng.randrange(9)])
        put = Put(key, rng.randbytes(rng.randrange(9)), lease=rng.choice([0, 0, 0, 5, 6]))
        compares, failure = [Compare(key, "mod", "=", mod)], rng.choice([[], [Range(key)]])
        update = requests.update_request(serial, compares, [put], failure)
        assert update is not None
        txn = requests.txn_request(serial, compares, [put], failure)
        (got,) = plain(short.apply([operation("store.update", update)]))
        (due,) = plain(long.apply([operation("store.txn", txn)]))
        if type(due) is dict:
            assert got == due
        else:
            assert requests.update_result(got, bool(failure)) == requests.txn_result(due)
        wanted = requests.txn_of("store.update", update)
        assert tuple(wanted) == (serial, compares, [put], failure)
        if rng.random() < 0.1:
            gone = operation("store.delete", requests.delete_request(1000 + serial, key, None, False))
            assert plain(short.apply([gone])) == plain(long.apply([gone]))
    assert short.digest() == long.digest()
    assert short.alarms == long.alarms == [NOSPACE]


@pytest.mark.parametrize(
    ("compares", "success", "failure"),
    [
        ((), (Put(b"k", b""),), ()),
        ((Compare(b"k", "mod", "=", 1),) * 2, (Put(b"k", b""),), ()),
        ((Compare(b"k", "version", "=", 1),), (Put(b"k", b""),), ()),
        ((Compare(b"k", "mod", ">", 1),), (Put(b"k", b""),), ()),
        ((Compare(b"k", "mod", "=", 1, b"z"),), (Put(b"k", b""),), ()),
        ((Compare(b"k", "mod", "=", 1),), (Put(b"other", b""),), ()),
        ((Compare(b"k", "mod", "=", 1),), (Put(b"k", b"", prev=True),), ()),
        ((Compare(b"k", "mod", "=", 1),), (Put(b"k", b"", ignore_value=True),), ()),
        ((Compare(b"k", "mod", "=", 1),), (Put(b"k", b"", lease=1, ignore_lease=True),), ()),
        ((Compare(b"k", "mod", "=", 1),), (Delete(b"k"),), ()),
        ((Compare(b"k", "mod", "=", 1),), (Put(b"k", b""), Put(b"l", b"")), ()),
        ((Compare(b"k", "mod", "=", 1),), (Put(b"k", b""),), (Range(b"other"),)),
        ((Compare(b"k", "mod", "=", 1),), (Put(b"k", b""),), (Range(b"k", b"z"),)),
        ((Compare(b"k", "mod", "=", 1),), (Put(b"k", b""),), (Range(b"k", revision=3),)),
        ((Compare(b"k", "mod", "=", 1),), (Put(b"k", b""),), (Put(b"k", b""),)),
        ((Compare(b"k", "mod", "=", 1),), (Put(b"k", b""),), (Range(b"k"), Range(b"k"))),
    ],
)
def test_what_has_no_short_form(compares: Any, success: Any, failure: Any) -> None:
    assert requests.update_request(1, compares, success, failure) is None


# ── quota ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_over_the_quota_an_alarm_refuses_what_adds_and_lets_through_what_frees() -> None:
    """etcd: NOSPACE alarm; the member only accepts reads and deletes."""
    machine = Machine(quota_bytes=100)
    machine.leases.grant(7, 10)
    assert machine.apply([put(1, b"x" * 60, lease=7)]) == [2]
    (refusal,) = machine.apply([put(2, b"x" * 40)])
    assert (refusal.reason, refusal.code, refusal.definite, refusal.retry) == ("NoSpace", 507, True, False)
    assert machine.alarms == [NOSPACE]
    guarded = [[b"k", "version", ">", 0, None]]
    small = [[PUT, b"s", b"", 0, 0]]
    results = machine.apply(
        [
            put(3, b""),
            [TXN, "client", 4, guarded, small, []],
            [GRANT, "client", 5, 0, 10],
            [TXN, "client", 6, guarded, [[DELETE, b"z", None, False]], small],
            [DELETE, "client", 7, b"k", None, False],
            [COMPACT, "client", 8, 3],
            [REVOKE, "client", 9, 7],
            [ALARM, "client", 10, "list", NOSPACE],
        ]
    )
    assert [reason(r) for r in results] == [
        "NoSpace",
        "NoSpace",
        "NoSpace",
        (2, True, [(DELETE, 0, ())]),
        (3, 1, ()),
        [],
        (3, 0),
        [NOSPACE],
    ]
    assert reason(machine.apply([put(11)])[0]) == "NoSpace"
    assert machine.apply([[ALARM, "client", 12, "clear", NOSPACE], put(13)]) == [[], 4]


def test_the_alarm_comes_back_and_cannot_be_cleared_over_the_quota() -> None:
    machine = Machine(quota_bytes=50)
    machine.apply([put(1, b"x" * 40), put(2, b"x" * 40)])
    assert machine.apply([[ALARM, "client", 3, "clear", NOSPACE]]) == [[]]
    assert reason(machine.apply([put(4, b"x" * 40)])[0]) == "NoSpace"
    assert machine.alarms == [NOSPACE]
    machine.apply([operation("store.quota", [0, 15, 20])])
    assert reason(machine.apply([[ALARM, "client", 5, "clear", NOSPACE]])[0]) == "NoSpace"
    machine.apply([operation("store.quota", [0, 16, 200])])
    assert machine.apply([[ALARM, "client", 6, "clear", NOSPACE], put(7)]) == [[], 3]


def test_quota_and_alarms_are_in_the_snapshot() -> None:
    machine = Machine(quota_bytes=50)
    machine.apply([put(1, b"x" * 60)])
    other = Machine(quota_bytes=1)
    other.load(machine.dump())
    assert (other.quota, other.alarms) == (50, [NOSPACE])
    assert reason(other.apply([put(2, b"")])[0]) == "NoSpace"


# ── watchers, digests ────────────────────────────────────────────────────────────────────────────────────────


def test_compaction_owes_watchers_what_it_takes_away() -> None:
    machine = Machine()
    machine.watchers.add(Watcher(1, b"k", None, 2))
    machine.collect()
    machine.apply([put(1), put(2), [COMPACT, "client", 3, 3]])
    while machine.scrub(10):
        pass
    batches = [batch for collected in machine.collect() for _, batch in collected.batches]
    assert [kv[3] for batch in batches for kv, _ in batch.events] == [2, 3]
    assert reason(machine.apply([[COMPACT, "client", 4, 3]])[0]) == "Compacted"


def test_a_restored_backup_cancels_every_old_watch() -> None:
    machine, restored = Machine(), Machine()
    machine.apply([put(1), put(2)])
    restored.load(machine.dump())
    restored.bump(1_000_000)
    for id, since in enumerate((2, 3, 4, 1_000_002)):
        restored.watchers.add(Watcher(id, b"k", None, since))
    (collected,) = restored.collect()[-1:]
    assert collected.cancelled == [(id, 1_000_003) for id in range(4)]
    assert restored.apply([put(9)]) == [1_000_004]


def test_a_digest_in_steps_is_of_its_revision_while_writes_go_on() -> None:
    machine = Machine()
    machine.apply([put(n + 1, b"v", b"%04d" % n) for n in range(3 * PAGE)])
    revision = machine.space.revision
    expected = machine.digest()
    assert machine.digest(revision) == expected
    steps = machine.digest_steps(revision)
    told = []
    for serial, step in enumerate(steps, 10_000):
        told.append(step)
        machine.apply([put(serial, b"new", b"%04d" % (serial * 7 % (3 * PAGE)))])
    assert told == [None, None, None, expected]
    assert machine.digest() != expected
    assert machine.digest(revision) == expected


def test_a_digest_ends_when_a_compaction_overtakes_it() -> None:
    machine = Machine()
    machine.apply([put(n + 1, b"v", b"%04d" % n) for n in range(2 * PAGE)])
    steps = machine.digest_steps(machine.space.revision)
    assert next(steps) is None
    machine.apply([put(9999), commands.own_compact(machine.space.revision)])
    machine.apply([commands.own_compact(machine.space.revision)])
    with pytest.raises(StatusError) as caught:
        list(steps)
    assert caught.value.reason == "Compacted"


# ── parts of a dump ──────────────────────────────────────────────────────────────────────────────────────────


def full(seed: int) -> Machine:
    machine, rng = Machine(), Random(seed)
    machine.apply([[GRANT, "client", 1, 5, 30]])
    for serial in range(2, 600):
        machine.apply([put(serial, rng.randbytes(2000), b"%d" % rng.randrange(300), 5 * (serial % 9 == 0))])
    machine.apply([commands.own_compact(250)])
    return machine


def test_parts_are_small_and_made_while_they_are_read(seed: int) -> None:
    machine = full(seed)
    before = b"".join(machine.dump())
    parts = machine.dump()
    machine.apply([put(1000, b"later"), commands.own_compact(500)])
    while machine.scrub(100):
        pass
    found = list(parts)
    assert b"".join(found) == before
    assert len(found) > 4
    assert max(map(len, found)) <= 256 << 10


def test_a_loaded_machine_goes_on_as_the_other(seed: int) -> None:
    machine, other = full(seed), Machine()
    other.load(machine.dump())
    assert reason(other.apply([put(300)])[0]) == reason(machine.apply([put(300)])[0]) == "Dropped"
    assert (other.space.size, other.digest(300)) == (machine.space.size, machine.digest(300))
    assert machine.apply([[REVOKE, "client", 2000, 5]]) == other.apply([[REVOKE, "client", 2000, 5]])
    assert b"".join(other.dump()) == b"".join(machine.dump())


def spoilt(parts: list[bytes]) -> list[tuple[str, list[bytes]]]:
    head, rows = unpack(parts[0]), unpack(parts[1])
    return [
        ("ends in its middle", parts[:-1]),
        ("ends in its middle", []),
        ("does not begin", parts[1:]),
        ("does not begin", [pack(["hello"]), *parts[1:]]),
        ("format 99", [pack([*head[:2], 99, *head[3:]]), *parts[1:]]),
        ("rows and has", [parts[0], *parts[2:]]),
        ("rows and has", [parts[0], parts[-3], *parts[1:-3], *parts[-2:]]),
        ("makes no sense", [parts[0], b"\xc1", *parts[2:]]),
        ("makes no sense", [pack(head[:5]), *parts[1:]]),
        ("makes no sense", [parts[0], pack([rows[0], [7]]), *parts[2:]]),
    ]


def test_only_what_a_dump_has_written_is_loaded() -> None:
    parts = list(full(1).dump())
    machine = Machine()
    machine.apply([put(1)])
    before = b"".join(machine.dump())
    for words, wrong in spoilt(parts):
        with pytest.raises(ValueError, match=words):
            machine.load(iter(wrong))
        assert b"".join(machine.dump()) == before
    machine.load(parts)
    assert len(parts) > 3
    assert list(machine.dump()) == parts
    assert state.FORMAT == unpack(parts[0])[2]


def test_prev_is_a_flag_of_the_hot_path() -> None:
    machine = Machine()
    machine.apply([put(1)])
    assert machine.apply([[PUT, "client", 2, b"k", b"2", 0, PREV]]) == [(3, (b"k", b"1", 2, 2, 1, 0))]
