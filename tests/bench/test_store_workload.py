"""What clients ask: no two clients share a key, a mixed load is what it says, events are found in any message."""

from __future__ import annotations

import pytest

from bench.store_workload import (
    KEYS,
    MIX,
    VALUE,
    Deliveries,
    Phase,
    event_key,
    event_of,
    event_value,
    events_in,
    key,
    latest_of,
    phases,
    shares,
)


@pytest.mark.parametrize("clients", [1, 16, 64, 256])
def test_every_client_has_keys_of_its_own(clients: int) -> None:
    processes = 1 if clients == 1 else 2
    parts = phases("txns", clients, 1.0, processes)
    numbers = sorted(number for part in parts for number in part.numbers)
    assert numbers == list(range(clients))
    keys = [k for part in parts for number in part.numbers for k in part.keys(number)]
    assert sorted(keys) == [key(i) for i in range(KEYS)]


def test_sizes() -> None:
    assert len(VALUE) == len(event_value(1.0, 2, 3)) == 256
    assert len(key(9_999)) == len(event_key(255)) == 16


def test_ten_operations_of_a_mixed_load() -> None:
    assert sorted(MIX) == sorted("R" * 7 + "U" * 2 + "E")
    assert "UU" not in MIX
    assert MIX[0] == "R", "an update is of the key read before it"
    assert "EU" not in MIX


def test_watchers_are_shared_out_and_one_process_writes_their_events() -> None:
    assert shares(100, 2) == [50, 50]
    assert shares(5, 2) == [3, 2]
    one, other = phases("watch", 100, 1.0, 2)
    assert ([*one.numbers], one.watchers) == ([0], 50)
    assert ([*other.numbers], other.watchers) == ([], 50)
    assert [part.watchers for part in phases("mixed", 64, 1.0, 2)] == [50, 50]
    assert Phase.of(one.data()) == one


def test_events_are_found_wherever_they_are() -> None:
    a, b = event_value(1.5, 7, 8), event_value(2.5, 7, 9)
    assert event_of(a) == (1.5, (7, 8))
    assert list(events_in(b"\x0a\x03" + a + b"some tag" + b + b"end")) == [(1.5, (7, 8)), (2.5, (7, 9))]
    assert list(events_in(b"none")) == []


def test_the_last_watcher_is_the_latest_of_all_processes() -> None:
    one, other = Deliveries(), Deliveries()
    one.saw(1.1, 1.0, (0, 1))
    one.saw(1.2, 1.0, (0, 1))
    other.saw(1.4, 1.0, (0, 1))
    other.saw(2.1, 2.0, (0, 2))
    assert len(one.delays) == 2
    assert sorted(latest_of([one.last, other.last])) == pytest.approx([0.1, 0.4])
