"""When lines were written, from notes on how their file grew; and reading such a log."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from nodes.kubelet.runtime import LogQuery
from nodes.runtime.logfile import TIMES, read_log
from nodes.runtime.logtimes import NOTE, LogTimes, stamped

SECOND = 1_000_000_000


def notes(*pairs: tuple[int, int]) -> bytes:
    return b"".join(NOTE.pack(size, at) for size, at in pairs)


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 9)), min_size=1, max_size=20), st.integers(1, 15))
def test_each_byte_has_the_time_at_which_it_was_first_seen(steps: list[tuple[int, int]], cut: int) -> None:
    """Against the slow way: a list with a time for each byte."""
    pairs, times, size, at = [], [], 0, 0
    for grown, passed in steps:
        size, at = size + grown, at + passed
        times += [at] * grown
        pairs.append((size, at))
    found, raw = LogTimes(), notes(*pairs)
    for start in range(0, len(raw), cut):  # a note may come in parts
        found.feed(raw[start : start + cut])
    assert [found.of(end, -1) for end in range(1, size + 1)] == times
    assert found.of(size + 1, -1) == -1
    for stamp in range(at + 2):
        assert found.since(stamp) == next((i for i, t in enumerate(times) if t >= stamp), size)


def test_a_stamp_has_nine_digits() -> None:
    assert stamped(b"x\n", 1_700_000_000 * SECOND + 42) == b"2023-11-14T22:13:20.000000042Z x\n"


def read(path: Path, query: LogQuery) -> bytes:
    async def chunks() -> bytes:
        return b"".join([chunk async for chunk in read_log(path, query, lambda: False)])

    return asyncio.run(chunks())


def test_a_log_is_read_with_times_and_from_a_time_on(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\rstill one\ntwo\nthree\nfour")
    path.with_name("log" + TIMES).write_bytes(notes((14, 1 * SECOND), (18, 2 * SECOND), (28, 3 * SECOND)))
    lines = read(path, LogQuery(timestamps=True)).split(b"\n")
    assert [line.split(b" ", 1) for line in lines] == [
        [b"1970-01-01T00:00:01.000000000Z", b"one\rstill one"],
        [b"1970-01-01T00:00:02.000000000Z", b"two"],
        [b"1970-01-01T00:00:03.000000000Z", b"three"],
        [b"1970-01-01T00:00:03.000000000Z", b"four"],
    ]
    assert read(path, LogQuery(since=2.0)) == b"two\nthree\nfour"
    assert read(path, LogQuery(since=2.5)) == b"three\nfour"
    assert read(path, LogQuery(since=9.0)) == b""
    assert read(path, LogQuery(since=2.0, tail=1)) == b"four"
    assert read(path, LogQuery(since=0.0)) == path.read_bytes()


def test_a_log_of_which_nobody_took_notes_is_read_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\ntwo")
    assert read(path, LogQuery(since=5.0)) == b"one\ntwo"
    assert len(read(path, LogQuery(timestamps=True)).split(b"\n")) == 2
