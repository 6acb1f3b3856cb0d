"""Histories in files: what is written comes back, Jepsen's are read, and what makes no sense is named."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.errors import UsageError
from cluster.history import edn, packed
from cluster.history.edn import Keyword
from cluster.history.formats import WRITABLE, detect, dump, load
from cluster.history.jepsen import from_edn, from_log, to_log
from cluster.history.linearize import check
from cluster.history.record import NEVER, Operation, Recorder

LOSSLESS = [format for format in WRITABLE if format != "log"]


def recorded() -> tuple[Operation, ...]:
    """One of everything, on two keys, with an operation of unknown outcome and one that is still open."""
    book = Recorder()

    def done(client: str, kind: str, key: str, value: object, at: float, result: object = None) -> None:
        number = book.invoke(client, kind, key, value, at, mode="linearizable", site="a")  # type: ignore[arg-type]
        book.ok(number, at + 0.5, result, revision=int(at) + 1)

    done("a", "write", "x", 'quo"ted\n', 1.0)
    done("b", "cas", "x", (0, 1), 2.0, False)
    book.failed(book.invoke("a", "write", "y", 3, 3.0), 3.25, definite=True, error="Conflict")
    book.failed(book.invoke("a", "write", "y", 3, 4.0), 4.25, definite=False, error="Timeout")
    done("a", "read", "y", None, 5.0, 3)
    done("b", "txn", "", (("r", "x", None), ("append", "y", 4)), 6.0, (("r", "x", (1, 2)), ("append", "y", 4)))
    done("b", "delete", "x", None, 7.0, True)
    done("b", "acquire", "l", ("b", 2.0), 8.0, True)
    done("b", "grant", "g", 3, 9.0, 77)
    book.invoke("b", "read", "y", None, 10.0)
    return book.history()


@pytest.mark.parametrize("format", LOSSLESS)
def test_what_is_written_comes_back(format: str) -> None:
    data = dump(recorded(), format)
    assert detect(data, "h") == format
    assert load(data, "h").history == recorded()


@pytest.mark.parametrize("format", LOSSLESS)
def test_a_history_of_one_key_keeps_its_name(format: str) -> None:
    history = tuple(o for o in recorded() if o.key == "y")
    assert load(dump(history, format), "h").history == history


JEPSEN = """\
{:type :invoke, :f :write, :value [0 1], :process 0, :time 1000000000, :index 0}
{:type :info, :f :start-partition, :value :majority, :process :nemesis, :time 1500000000, :index 1}
{:type :invoke, :f :read, :value [0 nil], :process 1, :time 2000000000, :index 2}
{:type :info, :f :write, :value [0 1], :process 0, :time 3000000000, :error :timeout, :index 3}
{:type :ok, :f :read, :value [0 1], :process 1, :time 4000000000, :index 4}
{:type :invoke, :f :cas, :value [0 [1 2]], :process 1, :time 5000000000, :index 5}
{:type :fail, :f :cas, :value [0 [1 2]], :process 1, :time 6000000000, :index 6}
"""


def test_a_keyed_history_of_jepsen_is_read() -> None:
    history = from_edn(JEPSEN)
    assert [(o.kind, o.key, o.value, o.outcome, o.result) for o in history] == [
        ("write", "0", 1, "unknown", None),
        ("read", "0", None, "ok", 1),
        ("cas", "0", (1, 2), "fail", None),
    ]
    assert [(o.start, o.end) for o in history] == [(1.0, NEVER), (2.0, 4.0), (5.0, 6.0)]
    assert history[0].error == "timeout"
    assert check(history).outcome == "ok"


def test_a_plain_history_in_one_vector_with_tags_is_read() -> None:
    text = (
        "[#jepsen.history.Op{:type :invoke :f :cas :value [1 2] :process 0}"
        " #jepsen.history.Op{:type :ok :f :cas :value [1 2] :process 0}]"
    )
    (operation,) = from_edn(text)
    assert (operation.kind, operation.key, operation.value, operation.result) == ("cas", "register", (1, 2), True)
    assert (operation.start, operation.end) == (0.0, 1.0)


def test_transactions_of_elle_are_read() -> None:
    text = """{:type :invoke, :f :txn, :value [[:r 1 nil] [:append 1 5]], :process 0, :time 0}
              {:type :ok, :f :txn, :value [[:r 1 [4]] [:append 1 5]], :process 0, :time 9}"""
    (operation,) = from_edn(text)
    assert operation.value == (("r", 1, None), ("append", 1, 5))
    assert operation.result == (("r", 1, (4,)), ("append", 1, 5))


CALL = ":type :invoke, :f :read, :value nil, :process 0"
BAD_EDN: list[tuple[str, str]] = [
    ("{" + CALL, "h:1: a '{' that is never closed: the file is cut off"),
    ("{:type :ok, :f :read, :value 1, :process 0}", "h:1: an answer that process 0 did not ask for"),
    (f"{{{CALL}}}\n{{{CALL}}}", "h:2: process 0 calls while its read has no answer"),
    (
        f"{{{CALL}, :time 9}}\n{{:type :ok, :f :read, :process 0, :time 3}}",
        "h:2: time goes back, from 9e-09 s to 3e-09",
    ),
    (f"{{{CALL}}}\n{{:type :ok, :f :write, :value 1, :process 0}}", "asked for a read and got the answer of a write"),
    ("\n\n{:type :invoke, :f :increment, :value 1, :process 0}", "h:3: unknown function 'increment'; one of read"),
    ("{:type :maybe, :f :read, :value 1, :process 0}", "h:1: no type of event: 'maybe'"),
    (f"{{{CALL}, :time :noon}}", "h:1: time 'noon' is no number"),
    ("{:f :read}", "h:1: not an operation: {:f :read}"),
    ("[1 2)", "h:1: ')' where ']' closes '['"),
    ("}", "h:1: a '}' that closes nothing"),
    ("{:a}", "h:1: a map with a key that has no value"),
    ("; nothing", "h: no operation in it"),
    ("{:type :invoke, :f :txn, :value [[:w 1 2]], :process 0}", "h:1: not the micro-operations of a transaction"),
    ("{:type :invoke, :f :cas, :value 3, :process 0}", "h:1: the value of a cas is [expected, new], not 3"),
]


@pytest.mark.parametrize(("text", "said"), BAD_EDN)
def test_what_makes_no_sense_in_edn_is_named(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        from_edn(text, "h")
    assert said in str(caught.value)
    assert caught.value.remedy


BAD_LOGS = [
    ("jepsen.util - 0\t:ok\t:read\t1", "log:1: an answer that process 0 did not ask for"),
    ("\njepsen.util - 0\t:invoke\t:read\tnil\njepsen.util - 0\t:invoke\t:read\tnil", "log:3: process 0 calls while"),
    ("jepsen.util - 0\t:invoke\t:read", "log:1: half a line"),
    ("jepsen.util - 0\t:invoke\t:write\tsoon", "log:1: 'soon' is no value of a register"),
    ("jepsen.util - 0\t:invoke\t:add\t1", "log:1: unknown function 'add'"),
]


@pytest.mark.parametrize(("text", "said"), BAD_LOGS)
def test_what_makes_no_sense_in_a_log_is_named(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        from_log(text)
    assert said in str(caught.value)
    assert caught.value.remedy


def lines(*starts: tuple[float, float, int]) -> bytes:
    history = [Operation("c", process, "read", "x", None, start, end, "ok") for start, end, process in starts]
    return dump(history, "jsonl")


BAD_FILES = [
    (lines((1, 2, 0), (0, 3, 1)), "h:3: time goes back: it starts at 0 s, after one that starts at 1 s"),
    (lines((1, 5, 0), (2, 3, 0)), "h:3: process 0 calls at 2 s, before its read has its answer"),
    (lines((1, 2, 0))[:-9], "h:2: not JSON"),
    (b"", "h: an empty file"),
    (b"Dear diary", "h: no history: neither JSON lines"),
    (b'{"format": 2}', "h:1: not a history of this version"),
    (packed.MAGIC + b"\x07", "h: a history of version 7"),
    (dump(recorded(), "msgpack")[:-3], "h: record 10: cut off at byte"),
    (dump(recorded(), "msgpack") + b"\x00\x00", "h: record 11: cut off at byte"),
    (packed.HEADER + b"\x00\x00\x00\x01\xc1", "h: record 1: damaged"),
    (packed.HEADER + b"\x00\x00\x00\x01\x05", "h: record 1: not an operation"),
    (b'{"format": 1}\n\xff', "h: byte 14 is not UTF-8"),
]


@pytest.mark.parametrize(("data", "said"), BAD_FILES)
def test_what_makes_no_sense_in_a_file_is_named(data: bytes, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(data, "h")
    assert said in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize("format", ["msgpack", "jsonl"])
def test_what_is_before_a_tear_can_be_saved(format: str) -> None:
    loaded = load(dump(recorded(), format)[:-3], "h", salvage=True)
    assert loaded.history == recorded()[:-1]
    assert "h: record 10: cut off" in loaded.torn or "h:11: not JSON" in loaded.torn


def test_a_process_goes_on_after_an_unknown_outcome() -> None:
    text = (
        "jepsen.util - 0\t:invoke\t:read\tnil\njepsen.util - 0\t:info\t:read\tnil\njepsen.util - 0\t:invoke\t:read\tnil"
    )
    history = from_log(text)
    assert [o.outcome for o in history] == ["unknown", "unknown"]
    assert [o.kind for o in load(dump(history, "edn"), "h").history] == ["read", "read"]


# ── EDN itself ───────────────────────────────────────────────────────────────────────────────────────────────

plain = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False),
        st.text(max_size=8),
        st.from_regex(r"\A[a-z][a-z0-9-]{0,8}\Z").map(Keyword),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(tuple), st.dictionaries(st.text(max_size=3).map(Keyword), inner, max_size=3)
    ),
    max_leaves=12,
)


def named(text: str) -> bool:
    return bool(text) and text[0].isalpha() and all(c.isalnum() and c.isascii() for c in text)


@settings(max_examples=300, deadline=None)
@given(plain.filter(lambda v: not isinstance(v, dict) or all(map(named, v))))
def test_edn_comes_back(value: object) -> None:
    if isinstance(value, tuple) and not all(map(keys_are_named, value)):
        return
    if isinstance(value, dict) and not all(map(keys_are_named, value.values())):
        return
    ((back, at),) = edn.read_all(edn.write(value))
    assert (back, at) == (value, 0)


def keys_are_named(value: object) -> bool:
    if isinstance(value, dict):
        return all(map(named, value)) and all(map(keys_are_named, value.values()))
    return all(map(keys_are_named, value)) if isinstance(value, tuple) else True


def test_the_rest_of_edn_is_read() -> None:
    text = r"""#tag {:a 1.5e3, :b #{1 2}} #_ (3 4) (5 +6) \a \newline "x\tA" -3N 1/2 ##-Inf foo/bar ; the end"""
    values = [value for value, _ in edn.read_all(text)]
    assert values == [
        {"a": 1500.0, "b": frozenset({1, 2})},
        (5, 6),
        "a",
        "\n",
        "x\tA",
        -3,
        0.5,
        -float("inf"),
        "foo/bar",
    ]


def test_a_register_is_written_as_lines_and_read_back() -> None:
    book = Recorder()

    def call(client: str, kind: str, value: object, at: float) -> int:
        return book.invoke(client, kind, "x", value, at)  # type: ignore[arg-type]

    first, second = call("a", "write", 1, 1.0), call("b", "read", None, 1.5)
    book.ok(first, 2.0, None)
    book.ok(second, 2.5, 1)
    book.ok(call("a", "cas", (1, 2), 3.0), 3.5, True)
    book.ok(call("a", "cas", (7, 3), 4.0), 4.5, False)
    book.failed(call("b", "write", 8, 5.0), 5.5, definite=False, error="Timeout")
    book.failed(call("b", "read", None, 6.0), 6.5, definite=False, error="Timeout")
    data = dump(book.history(), "log")
    assert data.decode().splitlines()[:4] == [
        "INFO  jepsen.util - 0\t:invoke\t:write\t1",
        "INFO  jepsen.util - 1\t:invoke\t:read\tnil",
        "INFO  jepsen.util - 0\t:ok\t:write\t1",
        "INFO  jepsen.util - 1\t:ok\t:read\t1",
    ]
    assert detect(data, "h") == "log"
    again = load(data, "h").history
    told = [(o.process, o.kind, o.value, o.result if o.kind == "read" else None, o.outcome) for o in again]
    assert told == [
        (0, "write", 1, None, "ok"),
        (1, "read", None, 1, "ok"),
        (0, "cas", (1, 2), None, "ok"),
        (0, "cas", (7, 3), None, again[3].outcome),
        (1, "write", 8, None, "unknown"),
        (2, "read", None, None, "fail"),
    ]
    assert check(again).outcome == "ok"


def test_what_lines_have_no_place_for_is_refused() -> None:
    for operations, said in (
        (recorded(), "about one register"),
        ([o for o in recorded() if o.kind == "txn"], "have no txn"),
        ([o for o in recorded() if o.kind == "write" and o.key == "x"], "has no place in lines"),
    ):
        with pytest.raises(UsageError, match=f"{said}.*--to edn"):
            to_log(operations)
