"""The table of simulated containers: which row, which incarnation, how it ends, what it logs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import UsageError
from nodes.kubelet.stages import Run, behaviour, life, log_lines, of_command, parse_stages, serving, short_name


def test_crashes_after_three_seconds_twice() -> None:
    stages = parse_stages({"shop": {"runs": [{"seconds": 3, "exit_code": 1, "times": 2}, {}]}})
    row = behaviour(stages, "registry:5000/team/shop:v1", ())
    assert [row.run(n).seconds for n in range(4)] == [3.0, 3.0, None, None]


def test_a_misspelt_field_is_refused_with_its_place() -> None:
    with pytest.raises(UsageError, match=r"stages\.shop\.runs\[0\].*exitcode"):
        parse_stages({"shop": {"runs": [{"exitcode": 1}]}})


@pytest.mark.parametrize(
    ("image", "name"),
    [("nginx", "nginx"), ("nginx:1.25", "nginx"), ("r:5000/a/b/nginx:1@sha256:0f", "nginx"), ("r:5000/x", "x")],
)
def test_short_name(image: str, name: str) -> None:
    assert short_name(image) == name


@pytest.mark.parametrize(
    ("argv", "seconds", "code"),
    [
        (["sleep", "5"], 5.0, 0),
        (["/bin/sleep", "1m"], 60.0, 0),
        (["sleep", "infinity"], None, 0),
        (["sh", "-c", "echo hi; sleep 2 && exit 4"], 2.0, 4),
        (["false"], 0.0, 1),
        (["sh", "-c", "exit"], 0.0, 0),
    ],
)
def test_plain_commands_are_read(argv: list[str], seconds: float | None, code: int) -> None:
    run = of_command(argv)
    assert run is not None
    assert (run.seconds, run.exit_code) == (seconds, code)


@pytest.mark.parametrize("argv", [["sh", "-c", "while true; do sleep 1; done"], ["./server"], ["sh", "-c", "echo 'x"]])
def test_what_cannot_be_read_runs_on(argv: list[str]) -> None:
    assert of_command(argv) is None
    assert behaviour({}, "busybox", argv).run(0).seconds is None


@given(st.none() | st.floats(0, 50), st.none() | st.floats(0, 50), st.none() | st.floats(0, 50), st.booleans())
def test_the_earliest_end_wins(own: float | None, term: float | None, kill: float | None, heeds: bool) -> None:
    run = Run(seconds=own, stop_seconds=2.0 if heeds else None, stop_code=143)
    found = life(run, 100.0, None if term is None else 100 + term, None if kill is None else 100 + kill)
    ends = [own, None if term is None or not heeds else term + 2.0, kill]
    known = [100 + end for end in ends if end is not None]
    assert found.ends_at == (pytest.approx(min(known)) if known else None)
    if known and found.exit_code == 137:
        assert found.signal == 9


def test_logs_follow_from_time() -> None:
    run = Run(log=("hello",), log_every=2.0)
    assert log_lines(run, 10.0, 10.0) == [(10.0, "hello")]
    assert log_lines(run, 10.0, 15.0) == [(10.0, "hello"), (12.0, "tick 1"), (14.0, "tick 2")]
    assert len(log_lines(run, 0.0, 1e6, most=10)) == 11


def test_serving_from_ready_on_for_so_long() -> None:
    run = Run(ready_after=3, healthy_for=10)
    assert [serving(run, 0.0, t) for t in (0, 2.9, 3, 12.9, 13)] == [False, False, True, True, False]
