"""Who greeted in vain, by what ZeroMQ tells: nobody who was heard is ever accused, in whatever order things happen."""

from __future__ import annotations

from errno import EAGAIN, EPIPE
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.world.proc.greetings import (
    BAD,
    GARBAGE,
    GONE,
    MECHANISM_MISMATCH,
    NO_KEY,
    NOBODY,
    SILENT,
    Greetings,
    why_protocol,
    why_undetailed,
)


def test_one_that_speaks_something_else() -> None:
    book = Greetings()
    book.accepted(5, "127.0.0.9")
    assert book.ended(5) == ("127.0.0.9", GARBAGE)


def test_one_that_is_heard_and_goes() -> None:
    book = Greetings()
    book.accepted(5, "127.0.0.9")
    book.succeeded()
    assert book.ended(5) is None
    book.accepted(5, "127.0.0.8")  # the descriptor of another
    assert book.ended(5) == ("127.0.0.8", GARBAGE)


def test_a_failure_is_of_the_connection_that_ends_next() -> None:
    book = Greetings()
    book.accepted(5, "a")
    book.accepted(6, "b")
    book.failed(NO_KEY)
    assert book.ended(6) == ("b", NO_KEY)
    book.failed("")  # told elsewhere
    assert book.ended(5) is None


def test_a_failure_is_told_also_of_one_that_was_lost_sight_of() -> None:
    book = Greetings()
    book.failed(BAD)
    assert book.ended(7) == (NOBODY, BAD)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (why_protocol(MECHANISM_MISMATCH), NO_KEY),
        (why_protocol(0x11000001), BAD),
        (why_undetailed(EAGAIN), SILENT),
        (why_undetailed(EPIPE), GONE),
    ],
)
def test_words(said: str, meant: str) -> None:
    assert said == meant


@given(st.randoms(use_true_random=False), st.integers(1, 200))
def test_nobody_who_was_heard_is_accused_and_every_failure_with_a_word_is_told(dice: Random, length: int) -> None:
    """A model of ZeroMQ's thread: connections come, succeed, fail with or without a word, and end; numbers return."""
    book = Greetings()
    state: dict[int, str] = {}
    for number in range(length):
        fresh = [fd for fd, what in state.items() if what == "new"]
        step = dice.choice(["accept", "succeed", "fail", "end", "garbage"])
        if step == "accept":
            fd = min(set(range(3, 3 + length)) - set(state))
            state[fd] = "new"
            book.accepted(fd, str(number))
        elif step == "succeed" and fresh:
            state[dice.choice(fresh)] = "heard"
            book.succeeded()
        elif step == "fail" and fresh:
            fd = dice.choice(fresh)
            del state[fd]
            book.failed(NO_KEY)
            found = book.ended(fd)
            assert found is not None
            assert found[1] == NO_KEY
        elif step == "end" and len(fresh) < len(state):
            fd = dice.choice([fd for fd, what in state.items() if what == "heard"])
            del state[fd]
            assert book.ended(fd) is None
        elif step == "garbage" and fresh:
            fd = dice.choice(fresh)
            del state[fd]
            found = book.ended(fd)
            assert found is None or found[1] == GARBAGE
