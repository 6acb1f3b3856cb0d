"""Who may be heard on the bus: the list of keys against a stupid one, and what ZeroMQ is answered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.world.proc.strangers import MOST, OTHERS, Strangers
from cluster.world.proc.zap import KeyList, Knock, Verdict, judge, parse

A, B, C = (bytes([n]) * 32 for n in range(3))
NAMES = ("store-0", "cli-1", "cli-2")
REQUEST = [b"\x00way", b"", b"1.0", b"7", b"store-0", b"127.0.0.1", b"", b"CURVE", A]

steps = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from([A, B, C, b"", None])), max_size=30)


@given(steps)
def test_a_key_is_known_while_anybody_has_it(done: list[tuple[str, bytes | None]]) -> None:
    keys, model = KeyList(), dict.fromkeys(NAMES, b"")
    for name, key in done:
        if key is None:
            keys.drop(name)
        else:
            keys.set(name, key)
        model[name] = key or b""
        assert [key in keys for key in (A, B, C)] == [key in model.values() for key in (A, B, C)]
    assert b"" not in keys


@pytest.mark.parametrize(
    ("key", "behind", "verdict"),
    [
        (A, False, Verdict.HEARD),
        (A, True, Verdict.HEARD),
        (B, False, Verdict.STRANGER),
        (B, True, Verdict.WAIT),
        (b"", False, Verdict.STRANGER),
    ],
)
def test_who_is_heard(key: bytes, behind: bool, verdict: Verdict) -> None:
    keys = KeyList()
    keys.set("store-0", A)
    assert judge(key, keys, behind) is verdict


def test_a_request_and_its_answers() -> None:
    knock = parse(REQUEST)
    assert knock == Knock((b"\x00way", b""), b"7", "store-0", "127.0.0.1", A)
    assert knock.answer(Verdict.HEARD) == [b"\x00way", b"", b"1.0", b"7", b"200", b"OK", b"", b""]
    assert knock.answer(Verdict.STRANGER)[4] == b"400"


@pytest.mark.parametrize(
    "tail", [[b"NULL"], [b"PLAIN", b"user", b"secret"], [b"CURVE"], [b"CURVE", A[:31]], [b"CURVE", A, A]]
)
def test_who_shows_anything_but_one_key_has_none(tail: list[bytes]) -> None:
    knock = parse([*REQUEST[:7], *tail])
    assert knock is not None
    assert knock.key == b""


@given(st.lists(st.binary(max_size=40) | st.sampled_from(REQUEST), max_size=12))
def test_whatever_is_asked_nothing_breaks(parts: list[bytes]) -> None:
    knock = parse(parts)
    assert knock is None or len(knock.key) in (0, 32)


def test_a_request_of_another_version_is_none() -> None:
    assert parse([*REQUEST[:2], b"2.0", *REQUEST[3:]]) is None


def test_each_stranger_is_worth_a_word_once_and_a_crowd_one_more() -> None:
    strangers = Strangers()
    said = [strangers.saw(f"127.0.0.{n}", "why") for n in range(MOST + 10) for _ in range(3)]
    assert said.count(True) == MOST + 1
    assert len(strangers.counts) == MOST + 1
    assert strangers.counts[OTHERS] == 30
    assert set(strangers.counts.values()) == {3, 30}
