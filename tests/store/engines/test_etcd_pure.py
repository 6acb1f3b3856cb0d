"""etcd's messages as bytes, its errors as ours, and the words that name its members: all without a server."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.config import ClusterSpec, Etcd
from cluster.errors import StatusError, UsageError
from cluster.topology import members, placements
from cluster.world.sim import SimWorld
from store.engines import engine
from store.engines.etcd import leases, messages, protobuf
from store.engines.etcd.endpoints import endpoints
from store.engines.etcd.refusals import Failure, failure_of, status_error, wants_sign_in
from store.mvcc.values import Compare, Delete, DeleteResult, Event, KeyValue, Put, PutResult, Range, RangeResult, Txn

# ── the wire format ──────────────────────────────────────────────────────────────────────────────────────────


@given(st.lists(st.tuples(st.integers(1, 1000), st.integers(0, (1 << 64) - 1) | st.binary(max_size=300))))
def test_fields_come_back(rows: list[tuple[int, int | bytes]]) -> None:
    data = b"".join(protobuf.chosen_field(field, value) for field, value in rows)
    assert protobuf.fields(data) == rows


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_int64(number: int) -> None:
    ((_, value),) = protobuf.fields(protobuf.chosen_field(1, number))
    assert isinstance(value, int)
    assert protobuf.signed(value) == number


@given(st.binary(max_size=60))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    for read in (messages.range_result, messages.txn_result, messages.watch_response, messages.status_of):
        with suppress(StatusError):
            read(data)


def test_known_bytes() -> None:
    """As protoc's own encoder has them (protobuf.dev: Encoding, "150" and "testing")."""
    assert protobuf.number_field(1, 150) == b"\x08\x96\x01"
    assert protobuf.bytes_field(2, b"testing") == b"\x12\x07testing"
    assert protobuf.number_field(1, 0) == protobuf.bytes_field(1, b"") == b""
    assert protobuf.message_field(3, protobuf.number_field(1, 150)) == b"\x1a\x03\x08\x96\x01"
    assert protobuf.fields(b"\x09" + b"\1" * 8 + b"\x0d" + b"\2" * 4) == [(1, b"\1" * 8), (1, b"\2" * 4)]
    for broken in (b"\x0b", b"\x0a\x05ab", b"\x08", b"\x08" + b"\xff" * 11, b"\x0a\xff"):
        with pytest.raises(StatusError):
            protobuf.fields(broken)


# ── messages ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_requests_have_etcds_field_numbers() -> None:
    query = Range(b"a", b"b", 3, True, True, 7, "desc", "mod", 10, 11, 12, 13)
    assert protobuf.fields(messages.range_request(query, serializable=True)) == [
        (1, b"a"),
        (2, b"b"),
        (3, 3),
        (4, 7),
        (5, 2),
        (6, 3),
        (7, 1),
        (8, 1),
        (9, 1),
        (10, 10),
        (11, 11),
        (12, 12),
        (13, 13),
    ]
    inner = Txn([], [Delete(b"d", b"e", True)], [Range(b"r")])
    guards = [Compare(b"k", "version", "=", 0), Compare(b"k", "value", "!=", b"v", b"l")]
    whole = protobuf.fields(messages.txn_request(guards, [Put(b"p", b"v", True, 5, True, True)], [inner]))
    assert [field for field, _ in whole] == [1, 1, 2, 3]
    found = [protobuf.fields(value) for _, value in whole if isinstance(value, bytes)]
    assert found[0] == [(3, b"k"), (4, 0)], "a version of 0 is said all the same"
    assert found[1] == [(1, 3), (2, 3), (3, b"k"), (64, b"l"), (7, b"v")]
    assert found[2] == [(2, b"\x0a\x01p\x12\x01v\x18\x05\x20\x01\x28\x01\x30\x01")]
    assert found[3] == [(4, b"\x12\x0a\x1a\x08\x0a\x01d\x12\x01e\x18\x01\x1a\x05\x0a\x03\x0a\x01r")]


@pytest.mark.parametrize(
    "bad",
    [
        Compare(b"k", "size", "=", 0),
        Compare(b"k", "mod", "~", 0),
        Compare(b"k", "mod", "=", b"0"),
        Compare(b"k", "value", "=", 0),
    ],
)
def test_compares_that_cannot_be_meant(bad: Compare) -> None:
    with pytest.raises(StatusError, match="compare"):
        messages.txn_request([bad], [], [])


def test_what_only_reads() -> None:
    assert not messages.writes([Range(b"a"), Txn([], [Range(b"a")])])
    assert messages.writes([Txn([], [], [Txn([], [Put(b"a", b"")])])])
    assert messages.writes([Delete(b"a")])


def _kv(key: bytes, value: bytes, *numbers: int) -> bytes:
    body = protobuf.bytes_field(1, key) + protobuf.bytes_field(5, value)
    return body + b"".join(protobuf.number_field(field, n) for field, n in zip((2, 3, 4, 6), numbers, strict=True))


HEADER = protobuf.message_field(1, b"\x08\x01\x10\x02\x18\x09\x20\x04")


def test_answers() -> None:
    kv = _kv(b"k", b"v", 5, 6, 2, 77)
    value = KeyValue(b"k", b"v", 5, 6, 2, 77)
    ranged = HEADER + protobuf.message_field(2, kv) + b"\x18\x01\x20\x0b"
    assert messages.range_result(ranged) == RangeResult(9, (value,), 11, True)
    put = protobuf.message_field(2, protobuf.message_field(2, kv))
    gone = protobuf.message_field(3, b"\x10\x01" + protobuf.message_field(3, kv))
    read = protobuf.message_field(1, protobuf.message_field(2, kv) + b"\x20\x01")
    nested = protobuf.message_field(4, b"\x10\x01" + protobuf.message_field(3, read))
    parts = b"".join(protobuf.message_field(3, part) for part in (put, gone, read, nested))
    found = messages.txn_result(HEADER + b"\x10\x01" + parts)
    assert (found.revision, found.succeeded) == (9, True)
    inner = RangeResult(9, (value,), 1, False)
    assert found.responses == (PutResult(value), DeleteResult(1, (value,)), inner, (9, True, (inner,)))
    with pytest.raises(StatusError):
        messages.txn_result(protobuf.message_field(3, protobuf.message_field(9, b"")))


def test_events_and_the_ends_of_watches() -> None:
    before = _kv(b"k", b"v", 5, 6, 2, 0)
    gone = b"\x08\x01" + protobuf.message_field(2, _kv(b"k", b"", 0, 9, 0, 0)) + protobuf.message_field(3, before)
    made = protobuf.message_field(2, before)
    data = HEADER + b"".join(protobuf.message_field(11, event) for event in (made, gone))
    found = messages.watch_response(data)
    old = KeyValue(b"k", b"v", 5, 6, 2)
    assert found.events == (Event(old, None), Event(KeyValue(b"k", b"", 0, 9, 0), old))
    assert [event.deleted for event in found.events] == [False, True]
    ended = messages.watch_response(HEADER + b"\x18\x01\x20\x01\x28\x2a" + protobuf.bytes_field(6, b"why"))
    assert (ended.created, ended.cancelled, ended.compacted, ended.why) == (True, True, 42, "why")


def test_leases_that_are_no_more_have_a_negative_time() -> None:
    data = HEADER + protobuf.number_field(2, 5) + protobuf.number_field(3, -1)
    assert leases.lease_of(data) == (5, -1, 0, ())


# ── errors ───────────────────────────────────────────────────────────────────────────────────────────────────

ROWS = [
    # gRPC code, etcd's text, reason of a write, certain; of a read
    (11, "etcdserver: mvcc: required revision has been compacted", "Compacted", True, "Compacted"),
    (11, "etcdserver: mvcc: required revision is a future revision", "FutureRevision", True, "FutureRevision"),
    (8, "etcdserver: mvcc: database space exceeded", "NoSpace", True, "NoSpace"),
    (8, "etcdserver: too many requests", "TooManyRequests", True, "TooManyRequests"),
    (8, "grpc: received message larger than max (3 vs. 2)", "TooLarge", True, "TooLarge"),
    (3, "etcdserver: request is too large", "TooLarge", True, "TooLarge"),
    (3, "etcdserver: key is not provided", "BadRequest", True, "BadRequest"),
    (3, "etcdserver: authentication failed, invalid user ID or password", "Unauthorized", True, "Unauthorized"),
    (7, "etcdserver: permission denied", "Forbidden", True, "Forbidden"),
    (16, "etcdserver: invalid auth token", "Unauthorized", True, "Unauthorized"),
    (14, "etcdserver: no leader", "NoQuorum", True, "NoQuorum"),
    (14, "etcdserver: leader changed", "Dropped", False, "ServiceUnavailable"),
    (14, "etcdserver: server stopped", "Dropped", False, "ServiceUnavailable"),
    (14, "etcdserver: request timed out", "Timeout", False, "Timeout"),
    (14, "etcdserver: request timed out, possibly due to previous leader failure", "Timeout", False, "Timeout"),
    (14, "the connection was closed", "Dropped", False, "ServiceUnavailable"),
    (4, "no answer within 1 s", "Timeout", False, "Timeout"),
    (2, "context deadline exceeded", "Timeout", False, "Timeout"),
    (2, "raft proposal dropped", "ServiceUnavailable", True, "ServiceUnavailable"),
    (2, "nobody knows what this is", "InternalError", False, "InternalError"),
    (13, "neither this", "InternalError", False, "InternalError"),
    (12, "unknown method", "MethodNotAllowed", True, "MethodNotAllowed"),
]


@pytest.mark.parametrize(("code", "text", "reason", "definite", "read"), ROWS)
def test_reasons(code: int, text: str, reason: str, definite: bool, read: str) -> None:
    error = status_error(Failure(code, text), "etcd-0", write=True)
    assert (error.reason, error.definite) == (reason, definite)
    error = status_error(Failure(code, text), "etcd-0", write=False)
    assert (error.reason, error.definite) == (read, True), "what only reads has no effect"
    error = status_error(Failure(code, text, acted=False), "etcd-0", write=True)
    assert error.definite
    assert error.reason not in ("Dropped", "Timeout")
    assert "etcd-0" in error.message


def test_remedies_are_named() -> None:
    assert "etcdctl alarm disarm" in str(status_error(Failure(8, ROWS[2][1]), "etcd-0", write=True))
    assert "--etcd-user" in str(status_error(Failure(3, "etcdserver: user name is empty"), "etcd-0", write=False))
    assert "grant-permission" in str(status_error(Failure(7, "etcdserver: permission denied"), "etcd-0", write=True))
    assert wants_sign_in(Failure(16, "etcdserver: invalid auth token"))
    assert not wants_sign_in(Failure(7, "etcdserver: permission denied"))


def test_trailers() -> None:
    assert failure_of({b":status": b"200", b"grpc-status": b"0"}) is None
    found = failure_of({b"grpc-status": b"7", b"grpc-message": b"a%20b%25"})
    assert found is not None
    assert (found.code, found.message) == (7, "a b%")
    found = failure_of({b":status": b"502"})
    assert found is not None
    assert (found.code, "502" in found.message) == (14, True)


# ── where the members are ────────────────────────────────────────────────────────────────────────────────────


def test_endpoints() -> None:
    found = endpoints(["http://127.0.0.1:1", "master-1=http://[::1]/", "http://etcd.local:2379"])
    assert [(e.name, e.machine, e.host, e.port) for e in found] == [
        ("etcd-0", "", "127.0.0.1", 1),
        ("etcd-1", "master-1", "::1", 2379),
        ("etcd-2", "", "etcd.local", 2379),
    ]
    assert found[1].url == "http://[::1]:2379"


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("127.0.0.1:2379",),
        ("ftp://here",),
        ("http://",),
        ("http://here:port",),
        ("=http://here",),
        ("http://here/path",),
        ("http://user@here",),
        ("http://here", "master-0=http://here:2379/"),
        ("http://here", "https://there"),
    ],
)
def test_endpoints_that_cannot_be_meant(words: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="--etcd"):
        endpoints(words)


def test_a_cluster_on_etcd_has_no_store_processes() -> None:
    spec = ClusterSpec(engine="etcd", etcd=Etcd(("http://a", "master-0=http://b", "http://c")))
    placed = placements(spec)
    assert not [p.name for p in placed if p.component == "store"]
    assert members(spec) == ("etcd-0", "etcd-1", "etcd-2")
    servers = [p.spec.config for p in placed if p.component == "apiserver"]
    assert [config["prefer"] for config in servers] == ["etcd-1", "etcd-1", "etcd-2"], (
        "master-0 has a member of its own"
    )
    assert {config["store"] for config in servers} == {members(spec)}


@pytest.mark.parametrize(
    "options",
    [
        {"engine": "etcd"},
        {"engine": "raft", "etcd": Etcd(("http://a",))},
    ],
)
def test_specs_that_cannot_be(options: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="etcd"):
        ClusterSpec(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options", [{"endpoints": ()}, {"cert": "c"}, {"key": "k"}, {"user": "anna"}, {"password_file": "f"}]
)
def test_flags_that_belong_together(options: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        Etcd(**{"endpoints": ("http://a",), **options})  # type: ignore[arg-type]


def test_simulated_time_has_no_real_etcd() -> None:
    from tests.store.engines.replicas import seat  # any seat in the simulator

    with SimWorld(1) as world:

        async def main() -> None:
            rpc = (await seat(world, "seat", ("store-0",)))._rpc
            with pytest.raises(UsageError, match="simulated time"):
                engine("etcd", Etcd(("http://127.0.0.1:2379",))).client(rpc, (), None)
            with pytest.raises(UsageError, match="--etcd"):
                engine("etcd").client(rpc, (), None)

        world.run(main())
