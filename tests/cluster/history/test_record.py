"""Collecting operations and their file."""

from __future__ import annotations

import pytest

from cluster.errors import UsageError
from cluster.history.record import NEVER, Operation, Recorder, from_text, to_text


def recorded() -> tuple[Operation, ...]:
    recorder = Recorder()
    first = recorder.invoke("a", "write", "x", {"n": [1, 2]}, 1.0)
    second = recorder.invoke("b", "cas", "x", [0, 1], 1.5, site="master-1")
    recorder.ok(first, 2.0)
    recorder.failed(second, 2.5, definite=True, error="Conflict")
    third = recorder.invoke("a", "write", "x", 3, 3.0)
    recorder.failed(third, 4.0, definite=False, error="Timeout")
    fourth = recorder.invoke("a", "read", "x", None, 5.0, mode="serializable")
    recorder.ok(fourth, 5.5, [1])
    recorder.invoke("b", "read", "x", None, 6.0)
    return recorder.history()


def test_a_history_is_in_the_order_of_the_calls_with_the_open_ones_unknown() -> None:
    history = recorded()
    assert [o.start for o in history] == [1.0, 1.5, 3.0, 5.0, 6.0]
    assert [o.outcome for o in history] == ["ok", "fail", "unknown", "ok", "unknown"]
    assert history[2].end == NEVER
    assert history[0].value == (("n", (1, 2)),)
    assert history[3].result == (1,)


def test_a_client_goes_on_as_another_process_after_an_unknown_outcome() -> None:
    processes = [o.process for o in recorded()]
    assert processes == [0, 1, 0, 2, 1]


def test_a_file_gives_back_what_was_written() -> None:
    assert from_text(to_text(recorded())) == tuple(recorded())


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ('{"client": "a"}', "'process' is missing"),
        ('{"client":"a","process":0,"kind":"swap","key":"x","start":0,"outcome":"ok"}', "kind 'swap'"),
        ('{"client":"a","process":0,"kind":"read","key":"x","start":0,"outcome":"ok","colour":1}', "'colour'"),
        ('{"client":"a","process":0,"kind":"read","key":"x","start":2,"end":1,"outcome":"ok"}', "before its start"),
        ('{"client":"a","process":0,"kind":"read","key":"x","start":"2","outcome":"ok"}', "not a number"),
        ('{"client":"a","process":0,"kind":"cas","key":"x","value":1,"start":2,"outcome":"ok"}', "expected, new"),
    ],
)
def test_a_line_that_makes_no_sense_is_named(line: str, said: str) -> None:
    with pytest.raises(UsageError, match="h.jsonl:2") as caught:
        from_text('{"format": 1}\n' + line, place="h.jsonl")
    assert said in str(caught.value)


@pytest.mark.parametrize("text", ["", '{"format": 2}\n', "{}"])
def test_another_version_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        from_text(text)
