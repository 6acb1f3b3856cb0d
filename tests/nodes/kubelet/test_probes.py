"""Probes: thresholds against a dumb twin that looks through all results, and when the next is due."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.kubelet.probes import ProbeSpec, Purpose, begin, health, parse_probes, runnable, with_address

HTTP = {"httpGet": {"path": "/", "port": 80}}


def twin(results: list[bool], successes: int, failures: int) -> bool | None:
    """The outcome by counting back from every result."""
    outcome: bool | None = None
    for end in range(1, len(results) + 1):
        past = results[:end]
        if len(past) >= successes and all(past[-successes:]):
            outcome = True
        elif len(past) >= failures and not any(past[-failures:]):
            outcome = False
    return outcome


@given(st.lists(st.booleans(), max_size=30), st.integers(1, 4), st.integers(1, 4))
def test_outcome_is_what_counting_says(results: list[bool], successes: int, failures: int) -> None:
    spec = ProbeSpec("readiness", HTTP, success_threshold=successes, failure_threshold=failures)
    track, now = begin(spec, 0.0, 0.0), 0.0
    for ok in results:
        now = track.due
        track = track.observe(ok, now)
    assert track.outcome == twin(results, successes, failures)


@given(st.lists(st.floats(0, 40), min_size=1, max_size=20), st.floats(0.1, 10))
def test_due_keeps_its_beat_and_is_never_past(lags: list[float], period: float) -> None:
    track = begin(ProbeSpec("liveness", HTTP, period=period), 5.0, 5.0)
    for lag in lags:
        before, answered = track.due, track.due + lag
        track = track.observe(True, answered)
        assert track.due > answered or track.due == before + period
        assert track.due >= before + period or lag < period
        assert track.due <= max(answered, before) + period


def test_the_initial_delay_counts_from_the_start_of_the_container() -> None:
    spec = ProbeSpec("readiness", HTTP, initial_delay=5.0)
    assert begin(spec, 100.0, 100.0).due == 105.0
    assert begin(spec, 100.0, 300.0).due == 300.0  # an adopted container


def test_defaults_are_those_of_kubernetes() -> None:
    found = parse_probes({"livenessProbe": {"tcpSocket": {"port": 1}, "successThreshold": 7}, "readinessProbe": {}})
    assert found == {"liveness": ProbeSpec("liveness", {"tcpSocket": {"port": 1}}, 0.0, 10.0, 1.0, 1, 3)}


ALL: tuple[Purpose, ...] = ("startup", "readiness", "liveness")


def test_startup_holds_back_the_others() -> None:
    """Kubernetes: "All other probes are disabled if a startup probe is provided, until it succeeds"."""
    specs = {purpose: ProbeSpec(purpose, HTTP) for purpose in ALL}
    assert runnable(specs, {}) == ("startup",)
    assert runnable(specs, {"startup": True}) == ("readiness", "liveness")
    assert runnable(specs, {"startup": False}) == ()
    assert not health(specs, {"readiness": True}).started


@pytest.mark.parametrize(
    ("outcomes", "started", "ready", "alive"),
    [
        ({}, True, False, True),
        ({"readiness": True}, True, True, True),
        ({"readiness": False}, True, False, True),
        ({"readiness": True, "liveness": False}, True, True, False),
    ],
)
def test_readiness_fails_and_liveness_passes_until_told(
    outcomes: dict[Purpose, bool | None], started: bool, ready: bool, alive: bool
) -> None:
    specs: dict[Purpose, ProbeSpec] = {p: ProbeSpec(p, HTTP) for p in ALL if p != "startup"}
    found = health(specs, outcomes)
    assert (found.started, found.ready, found.alive) == (started, ready, alive)


def test_named_ports_are_looked_up() -> None:
    container = {"ports": [{"name": "web", "containerPort": 8080}]}
    found = with_address({"httpGet": {"port": "web", "path": "/ok"}}, container, "127.77.16.1")
    assert found == {"httpGet": {"port": 8080, "path": "/ok", "host": "127.77.16.1"}}
    with pytest.raises(ValueError, match="no port named 'other'"):
        with_address({"tcpSocket": {"port": "other"}}, container, "127.77.16.1")
