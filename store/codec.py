"""Between typed values and msgpack-able bodies: raft messages, log commands, requests and answers, stored batches.

Bodies are arrays by position, for speed. Must not know what any of it means. What comes off the bus is checked here,
field by field: StatusError BadRequest for the rest. What comes out of the log was checked before it went in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from cluster.errors import StatusError
from cluster.wire import pack, unpack
from store.mvcc.space import Dump
from store.mvcc.values import (
    Compare,
    Delete,
    DeleteResult,
    Event,
    KeyValue,
    Op,
    Put,
    PutResult,
    Range,
    RangeResult,
    Response,
    TxnResult,
    WatchBatch,
)
from store.raft.messages import (
    Append,
    AppendReply,
    Configuration,
    Entry,
    HardState,
    InstallSnapshot,
    Message,
    PreVote,
    PreVoteReply,
    SnapshotReply,
    TimeoutNow,
    Vote,
    VoteReply,
)

PUT, DELETE, RANGE = 0, 1, 2
TXN, COMPACT = 0, 1


def _bad(what: str) -> StatusError:
    return StatusError("BadRequest", f"malformed: {what}")


def _fields(body: Any, types: tuple[type | tuple[type, ...], ...], what: str) -> list[Any]:
    """The list itself if its items are of exactly these types; ints must not be negative."""
    if type(body) is list and tuple(map(type, body)) == types and not [v for v in body if type(v) is int and v < 0]:
        return body
    if type(body) is not list or len(body) != len(types):
        raise _bad(f"{what} is an array of {len(types)}")
    for at, kinds in enumerate(types):
        value = body[at]
        kind = type(value)
        if (kind is not kinds) if type(kinds) is type else (kind not in kinds):  # type: ignore[operator]
            raise _bad(f"{what}, field {at} is {kind.__name__}")
        if kind is int and value < 0:
            raise _bad(f"{what}, field {at} is negative")
    return body


# ── raft messages ────────────────────────────────────────────────────────────────────────────────────────────


def _entries(first: int, rows: list[Any]) -> tuple[Entry, ...]:
    entries = []
    for index, row in enumerate(rows, first):
        term, kind, data = _fields(row, (int, int, bytes), "an entry")
        entries.append(Entry(term, index, data, kind))
    return tuple(entries)


def _rows(entries: Sequence[Entry]) -> list[tuple[int, int, bytes]]:
    return [(entry.term, entry.kind, entry.data) for entry in entries]


def configuration_body(configuration: Configuration) -> Any:
    return (configuration.voters, configuration.learners, configuration.outgoing)


def configuration_of(body: Any) -> Configuration:
    groups = _fields(body, (list, list, list), "a configuration")
    if not all(type(name) is str for group in groups for name in group):
        raise _bad("a configuration names members")
    return Configuration(*(tuple(group) for group in groups))


def _decode_append(src: str, dst: str, body: Any) -> Append:
    f = _fields(body, (int, int, int, int, int, list), "raft.append")
    return Append(src, dst, f[0], f[1], f[2], _entries(f[1] + 1, f[5]), f[3], f[4])


def _decode_install(src: str, dst: str, body: Any) -> InstallSnapshot:
    f = _fields(body, (int, int, int, list, int, bytes, bool), "raft.snapshot")
    return InstallSnapshot(src, dst, f[0], f[1], f[2], configuration_of(f[3]), f[4], f[5], f[6])


def _plain(cls: Any, *types: type) -> Callable[[str, str, Any], Message]:
    def decode(src: str, dst: str, body: Any) -> Message:
        message: Message = cls(src, dst, *_fields(body, types, cls.__name__))
        return message

    return decode


_Encode = Callable[[Any], Any]
_RAFT: tuple[tuple[type[Message], str, _Encode, Callable[[str, str, Any], Message]], ...] = (
    (
        Append,
        "raft.append",
        lambda m: (m.term, m.prev_index, m.prev_term, m.commit, m.round, _rows(m.entries)),
        _decode_append,
    ),
    (
        AppendReply,
        "raft.append-reply",
        lambda m: (m.term, m.index, m.rejected, m.hint_index, m.hint_term, m.round),
        _plain(AppendReply, int, int, bool, int, int, int),
    ),
    (
        PreVote,
        "raft.prevote",
        lambda m: (m.term, m.last_index, m.last_term),
        _plain(PreVote, int, int, int),
    ),
    (PreVoteReply, "raft.prevote-reply", lambda m: (m.term, m.granted), _plain(PreVoteReply, int, bool)),
    (
        Vote,
        "raft.vote",
        lambda m: (m.term, m.last_index, m.last_term, m.transfer),
        _plain(Vote, int, int, int, bool),
    ),
    (VoteReply, "raft.vote-reply", lambda m: (m.term, m.granted), _plain(VoteReply, int, bool)),
    (
        InstallSnapshot,
        "raft.snapshot",
        lambda m: (m.term, m.index, m.snap_term, configuration_body(m.configuration), m.offset, m.data, m.done),
        _decode_install,
    ),
    (
        SnapshotReply,
        "raft.snapshot-reply",
        lambda m: (m.term, m.index, m.offset, m.done),
        _plain(SnapshotReply, int, int, int, bool),
    ),
    (TimeoutNow, "raft.timeout-now", lambda m: (m.term,), _plain(TimeoutNow, int)),
)
_ENCODERS = {cls: (kind, encode) for cls, kind, encode, _ in _RAFT}
_DECODERS = {kind: decode for _, kind, _, decode in _RAFT}

RAFT_KINDS = tuple(_DECODERS)
"""The bus kinds of all raft messages."""


def message_body(message: Message) -> tuple[str, Any]:
    """(kind on the bus, body)."""
    kind, encode = _ENCODERS[type(message)]
    return kind, encode(message)


def message_of(kind: str, src: str, dst: str, body: Any) -> Message:
    return _DECODERS[kind](src, dst, body)


# ── requests ─────────────────────────────────────────────────────────────────────────────────────────────────

_KEY_OR_NONE = (bytes, type(None))


def range_request(query: Range, revision: int, read: str) -> Any:
    return (query.key, query.end, query.limit, query.keys_only, query.count_only, revision, read)


def range_of(body: Any) -> tuple[Range, int, str]:
    """(query, revision, read mode)."""
    f = _fields(body, (bytes, _KEY_OR_NONE, int, bool, bool, int, str), "store.range")
    return Range(f[0], f[1], f[2], f[3], f[4]), f[5], f[6]


def _op_row(op: Op) -> Any:
    if type(op) is Put:
        return (PUT, op.key, op.value, op.prev)
    if type(op) is Delete:
        return (DELETE, op.key, op.end, op.prev)
    return (RANGE, *op)


def _op_of(row: Any) -> Op:
    code = row[0] if type(row) is list and row else None
    if code == PUT:
        f = _fields(row, (int, bytes, bytes, bool), "a put")
        return Put(f[1], f[2], f[3])
    if code == DELETE:
        f = _fields(row, (int, bytes, _KEY_OR_NONE, bool), "a delete")
        return Delete(f[1], f[2], f[3])
    if code == RANGE:
        f = _fields(row, (int, bytes, _KEY_OR_NONE, int, bool, bool), "a range")
        return Range(*f[1:])
    raise _bad("an operation is a put, a delete or a range")


def txn_request(serial: int, compares: Sequence[Compare], success: Sequence[Op], failure: Sequence[Op]) -> Any:
    return (serial, list(compares), [_op_row(op) for op in success], [_op_row(op) for op in failure])


class Txn(NamedTuple):
    """`serial`: the client's number of this operation, the same in each attempt (Raft thesis 6.3)."""

    serial: int
    compares: list[Compare]
    success: list[Op]
    failure: list[Op]


def txn_of(body: Any) -> Txn:
    serial, compares, success, failure = _fields(body, (int, list, list, list), "store.txn")
    guards = [Compare(*_fields(row, (bytes, str, str, (bytes, int)), "a compare")) for row in compares]
    return Txn(serial, guards, [_op_of(row) for row in success], [_op_of(row) for row in failure])


class WatchRequest(NamedTuple):
    key: bytes
    end: bytes | None
    revision: int
    prev: bool
    progress: bool


def watch_of(body: Any) -> WatchRequest:
    return WatchRequest(*_fields(body, (bytes, _KEY_OR_NONE, int, bool, bool), "store.watch"))


def compact_of(body: Any) -> tuple[int, int]:
    """(serial, revision)."""
    f = _fields(body, (int, int), "store.compact")
    return f[0], f[1]


def revision_of(body: Any) -> int:
    revision: int = _fields(body, (int,), "a request")[0]
    return revision


# ── log commands ─────────────────────────────────────────────────────────────────────────────────────────────


class Command(NamedTuple):
    """What a log entry says. `src` and `serial` name the operation, so that it happens once; src "" is the store."""

    code: int
    src: str
    serial: int
    args: Any


def txn_command(src: str, body: Any) -> bytes:
    """`body` is a request that `txn_of` has accepted."""
    return pack((TXN, src, body[0], body[1:]))


def compact_command(src: str, serial: int, revision: int) -> bytes:
    return pack((COMPACT, src, serial, revision))


def command_of(data: bytes) -> Command:
    return Command(*unpack(data))


def txn_args(args: Any) -> tuple[list[Compare], list[Op], list[Op]]:
    """compares, success, failure of a TXN command."""
    compares, success, failure = args
    return (
        [Compare(*row) for row in compares] if compares else compares,
        [_trusted_op(row) for row in success],
        [_trusted_op(row) for row in failure] if failure else failure,
    )


def plain_put(args: Any) -> tuple[bytes, bytes] | None:
    """(key, value) if the TXN command is just that, as most are."""
    compares, success, _ = args
    if compares or len(success) != 1:
        return None
    row = success[0]
    return (row[1], row[2]) if row[0] == PUT and not row[3] else None


def put_answer(revision: int) -> Any:
    """What `txn_answer` gives for a plain put."""
    return (revision, True, [(PUT, None)])


def _trusted_op(row: Any) -> Op:
    code = row[0]
    if code == PUT:
        return Put(row[1], row[2], row[3])
    if code == DELETE:
        return Delete(row[1], row[2], row[3])
    return Range(*row[1:])


# ── answers ──────────────────────────────────────────────────────────────────────────────────────────────────


def _kvs(rows: Any) -> tuple[KeyValue, ...]:
    return tuple([KeyValue(*row) for row in rows])


def range_answer(result: RangeResult) -> Any:
    return (result.revision, result.kvs, result.count, result.more)


def range_result(body: Any) -> RangeResult:
    return RangeResult(body[0], _kvs(body[1]), body[2], body[3])


def txn_answer(result: TxnResult) -> Any:
    return (result.revision, result.succeeded, [_response_row(response) for response in result.responses])


def _response_row(response: Response) -> Any:
    if isinstance(response, PutResult):
        return (PUT, response.prev)
    if isinstance(response, DeleteResult):
        return (DELETE, response.deleted, response.prev)
    return (RANGE, *range_answer(response))


def _response_of(row: Any) -> Response:
    if row[0] == PUT:
        return PutResult(None if row[1] is None else KeyValue(*row[1]))
    if row[0] == DELETE:
        return DeleteResult(row[1], _kvs(row[2]))
    return range_result(row[1:])


def txn_result(body: Any) -> TxnResult:
    return TxnResult(body[0], body[1], tuple([_response_of(row) for row in body[2]]))


def watch_batch(body: Any) -> WatchBatch:
    revision, rows = body
    events = [Event(KeyValue(*kv), None if prev is None else KeyValue(*prev)) for kv, prev in rows]
    return WatchBatch(revision, tuple(events))


# ── what is stored ───────────────────────────────────────────────────────────────────────────────────────────


def batch_payload(hard: HardState | None, entries: Sequence[Entry]) -> bytes:
    """One write-ahead record: the hard state and the entries of one `Ready`, all or nothing."""
    state = None if hard is None else (hard.term, hard.vote, hard.commit)
    return pack((state, entries[0].index if entries else 0, _rows(entries)))


def batch_of(payload: bytes) -> tuple[HardState | None, list[Entry]]:
    state, first, rows = unpack(payload)
    entries = [Entry(row[0], index, row[2], row[1]) for index, row in enumerate(rows, first)]
    return (None if state is None else HardState(*state)), entries


def mark_payload(index: int, term: int) -> bytes:
    """A snapshot from the leader replaced the whole log."""
    return pack((index, term))


def mark_of(payload: bytes) -> tuple[int, int]:
    index, term = unpack(payload)
    return index, term


Sessions = list[tuple[str, int, list[int]]]
"""(client, every serial up to this one is over, those above it that have happened)."""


def state_bytes(dump: Dump, sessions: Sessions) -> bytes:
    return pack((dump.revision, dump.compacted, dump.base, dump.events, sessions))


def state_of(data: bytes) -> tuple[Dump, Sessions]:
    """WireError if these are not such bytes (the checksum around them has held, so that is a bug of ours)."""
    revision, compacted, base, events, sessions = unpack(data)
    return Dump(revision, compacted, list(_kvs(base)), list(_kvs(events))), [tuple(row) for row in sessions]


def snapshot_meta_bytes(index: int, term: int, configuration: Configuration) -> bytes:
    return pack((index, term, configuration_body(configuration)))


def snapshot_meta_of(data: bytes) -> tuple[int, int, Configuration]:
    index, term, configuration = unpack(data)
    return index, term, configuration_of(configuration)
