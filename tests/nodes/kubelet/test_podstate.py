"""A pod's life by the documented sentences, and properties over random lives."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodes.kubelet.facts import Instant, PodFacts, Verdict, recovered
from nodes.kubelet.podstate import TERMINAL, BackOff
from nodes.kubelet.probes import Health
from nodes.kubelet.runtime import Container, ContainerKey
from tests.nodes.kubelet.fakes import EPOCH, Play, deleted, pod


def started(*names: str, **spec: object) -> Play:
    play = Play(pod(*names, **spec))
    play.step()
    for name in names:
        play.runs(name)
    return play


def test_pending_until_every_container_has_started() -> None:
    play = Play(pod("a", "b"))
    play.step()
    assert play.starts == [("a", 0), ("b", 0)]
    assert play.container("a")["state"] == {"waiting": {"reason": "ContainerCreating"}}
    play.runs("a")
    assert play.status["phase"] == "Pending"
    play.runs("b")
    assert play.status["phase"] == "Running"
    assert [play.condition(t) for t in ("Initialized", "ContainersReady", "Ready", "PodScheduled")] == ["True"] * 4
    assert play.starts == [("a", 0), ("b", 0)]


def test_nothing_starts_without_an_address() -> None:
    play = Play(pod(), PodFacts(started_at=EPOCH))
    play.step()
    assert play.starts == []
    assert play.condition("PodReadyToStartContainers") == "False"


@pytest.mark.parametrize(
    ("policy", "code", "phase", "again"),
    [
        ("Always", 0, "Running", True),
        ("Always", 1, "Running", True),
        ("OnFailure", 0, "Succeeded", False),
        ("OnFailure", 1, "Running", True),
        ("Never", 0, "Succeeded", False),
        ("Never", 1, "Failed", False),
    ],
)
def test_restart_policy(policy: str, code: int, phase: str, again: bool) -> None:
    play = started("main", restartPolicy=policy)
    play.wait(5)
    play.ends("main", code)
    assert play.status["phase"] == phase
    assert (("main", 1) in play.starts) == again
    if not again:
        assert play.container("main")["state"]["terminated"]["exitCode"] == code
        assert play.condition("Ready") == "False"


def test_crash_loop_waits_longer_each_time() -> None:
    """Kubernetes: at once, then 10 s, 20 s, 40 s; the pod shows CrashLoopBackOff with the last state meanwhile."""
    play = started("main")
    for delay in (0.0, 10.0, 20.0, 40.0):
        play.wait(1)
        play.ends("main", 3)
        attempt = play.facts.of("main").attempt
        if delay:
            entry = play.container("main")
            assert entry["state"]["waiting"]["reason"] == "CrashLoopBackOff"
            assert f"back-off {delay:g}s" in entry["state"]["waiting"]["message"]
            assert entry["lastState"]["terminated"]["exitCode"] == 3
            assert entry["restartCount"] == attempt
            assert play.outcome is not None
            assert any(isinstance(a, BackOff) for a in play.outcome.actions)
            assert play.outcome.wake_at == play.now + delay
            play.wait(delay - 0.01)
            assert ("main", attempt + 1) not in play.starts
            play.wait(0.02)
        play.runs("main")
    assert play.container("main")["restartCount"] == 4
    assert play.status["phase"] == "Running"


def test_a_long_run_forgets_the_past() -> None:
    play = started("main")
    for _ in range(3):
        play.ends("main", 1)
        play.wait(300)
        play.runs("main")
    play.wait(601)
    play.ends("main", 1)
    assert play.facts.of("main").phase == "starting"


def test_init_containers_run_one_after_the_other() -> None:
    play = Play(pod("main", initContainers=[{"name": "one"}, {"name": "two"}]))
    play.step()
    assert play.starts == [("one", 0)]
    assert play.container("main")["state"]["waiting"]["reason"] == "PodInitializing"
    play.runs("one")
    play.ends("one", 1)
    assert play.starts == [("one", 0), ("one", 1)], "Always means OnFailure for an init container"
    play.runs("one")
    play.ends("one", 0)
    play.runs("two")
    assert play.condition("Initialized") == "False"
    play.ends("two", 0)
    play.runs("main")
    assert play.starts[2:] == [("two", 0), ("main", 0)]
    assert play.condition("Initialized") == "True"
    assert play.status["phase"] == "Running"


def test_a_failed_init_container_fails_a_pod_that_never_restarts() -> None:
    play = Play(pod("main", initContainers=[{"name": "one"}], restartPolicy="Never"))
    play.step()
    play.runs("one")
    play.ends("one", 2)
    assert play.status["phase"] == "Failed"
    assert play.starts == [("one", 0)]


def test_a_sidecar_starts_first_runs_along_and_stops_last() -> None:
    side = {"name": "side", "restartPolicy": "Always"}
    play = Play(pod("main", initContainers=[side], restartPolicy="Never"))
    play.step()
    play.runs("side", Health(False, False))
    assert play.starts == [("side", 0)], "it has not passed its startup probe"
    play.facts = play.facts.put("side", replace(play.facts.of("side"), health=Health(True, True)))
    play.step()
    play.runs("main")
    play.ends("side", 1)
    assert ("side", 1) in play.starts
    play.runs("side")
    play.ends("main", 0)
    assert [stop.container for stop in play.stops] == ["side"]
    assert play.status["phase"] == "Running"
    play.ends("side", 0)
    assert play.status["phase"] == "Succeeded"


def test_a_sick_container_is_stopped_and_restarted() -> None:
    play = started("main", terminationGracePeriodSeconds=7)
    play.sick("main")
    assert [(s.container, s.by) for s in play.stops] == [("main", 7.0)]
    assert "failed liveness probe" in play.stops[0].message
    play.step()
    assert len(play.stops) == 1
    play.ends("main", 137)
    assert ("main", 1) in play.starts


def test_an_unready_container_makes_the_pod_unready() -> None:
    play = Play(pod("a", "b"))
    play.step()
    play.runs("a")
    play.runs("b", Health(True, False))
    assert play.status["phase"] == "Running"
    assert play.condition("Ready") == "False"
    found = next(c for c in play.status["conditions"] if c["type"] == "Ready")
    assert found["message"] == "containers with unready status: [b]"


def test_readiness_gates() -> None:
    play = started("main", readinessGates=[{"conditionType": "x/lb"}])
    assert play.condition("ContainersReady") == "True"
    assert play.condition("Ready") == "False"
    conditions = [*play.pod["status"]["conditions"], {"type": "x/lb", "status": "True"}]
    play.pod = {**play.pod, "status": {**play.pod["status"], "conditions": conditions}}
    play.step()
    assert play.condition("Ready") == "True"


def test_graceful_deletion() -> None:
    play = started("a", "b", terminationGracePeriodSeconds=60)
    play.now = 100.0
    play.pod = deleted(play.pod, grace=20)
    play.step()
    assert [(s.container, s.by) for s in play.stops] == [("a", 120.0), ("b", 120.0)]
    play.ends("a", 0)
    assert play.finished == []
    assert play.starts == [("a", 0), ("b", 0)], "nothing is restarted in a pod that ends"
    play.ends("b", 0)
    assert [f.delete for f in play.finished] == [True]
    assert play.status["phase"] == "Succeeded"


def test_a_second_deletion_with_less_grace_cuts_it_short() -> None:
    play = started("main")
    play.pod = deleted(play.pod, grace=30)
    play.step()
    play.wait(2)
    play.pod = deleted(play.pod, grace=0)
    play.step()
    assert [s.by for s in play.stops] == [30.0, 0.0]


def test_a_pod_that_is_gone_is_stopped_and_not_deleted_again() -> None:
    play = started("main")
    play.facts = replace(play.facts, removed=True)
    play.step()
    play.ends("main", 143)
    assert [f.delete for f in play.finished] == [False]


def test_deletion_while_a_container_starts_waits_for_it() -> None:
    play = Play(pod())
    play.step()
    play.pod = deleted(play.pod)
    play.step()
    assert play.finished == []
    assert play.stops == []
    play.runs("main")
    assert [s.container for s in play.stops] == ["main"]


def test_a_rejected_pod_fails_with_its_reason() -> None:
    play = Play(pod(), PodFacts(rejected=Verdict("OutOfcpu", "too much"), started_at=EPOCH))
    play.step()
    assert (play.status["phase"], play.status["reason"], play.status["message"]) == ("Failed", "OutOfcpu", "too much")
    assert play.starts == []
    play.wait(100)
    assert play.status["reason"] == "OutOfcpu"


def test_an_eviction_by_another_stops_the_containers() -> None:
    play = started("main")
    play.pod = {**play.pod, "status": {**play.status, "phase": "Failed", "reason": "Evicted"}}
    play.step()
    assert [s.container for s in play.stops] == ["main"]
    play.ends("main", 0)
    assert (play.status["phase"], play.status["reason"]) == ("Failed", "Evicted")
    assert play.starts == [("main", 0)]


def test_active_deadline() -> None:
    play = started("main", activeDeadlineSeconds=50)
    assert play.outcome is not None
    assert play.outcome.wake_at == 50
    play.wait(50)
    assert [s.container for s in play.stops] == ["main"]
    play.ends("main", 0)
    assert (play.status["phase"], play.status["reason"]) == ("Failed", "DeadlineExceeded")


def test_missing_config_is_told_and_tried_again_soon() -> None:
    play = Play(pod())
    play.step()
    play.fails("main", "CreateContainerConfigError")
    assert play.container("main")["state"]["waiting"] == {
        "reason": "CreateContainerConfigError",
        "message": "because CreateContainerConfigError",
    }
    assert play.outcome is not None
    assert play.outcome.wake_at == 1.0
    play.wait(1)
    play.runs("main")
    assert play.starts == [("main", 0), ("main", 0)]
    assert play.container("main")["restartCount"] == 0


def test_image_pull_backs_off() -> None:
    play = Play(pod())
    play.step()
    play.fails("main", "ErrImagePull")
    assert play.container("main")["state"]["waiting"]["reason"] == "ErrImagePull"
    play.wait(10)
    play.fails("main", "ErrImagePull")
    assert play.container("main")["state"]["waiting"]["reason"] == "ImagePullBackOff"
    assert play.outcome is not None
    assert play.outcome.wake_at == 30.0


def test_a_failed_restart_keeps_the_last_state() -> None:
    play = started("main")
    play.ends("main", 4)
    play.fails("main", "RunContainerError")
    entry = play.container("main")
    assert entry["restartCount"] == 0
    assert entry["lastState"]["terminated"]["exitCode"] == 4
    assert play.status["phase"] == "Running"


# ── a kubelet that comes back ────────────────────────────────────────────────────────────────────────────────────


def test_running_containers_are_adopted() -> None:
    play = started("main")
    now = Instant(3.0, EPOCH + 500)
    found = [Container(ContainerKey("u-1", "main", 0), "running", EPOCH, ip="127.77.16.9")]
    again = Play(play.pod, recovered(play.pod, found, now), now=3.0)
    again.step()
    assert again.starts == []
    assert again.facts.ip == "127.77.16.9"
    assert again.facts.of("main").phase == "running"


def test_lost_containers_are_restarted_with_the_next_number() -> None:
    play = started("main")
    again = Play(play.pod, recovered(play.pod, [], Instant(1.0, EPOCH + 60)), now=1.0)
    again.step()
    assert again.starts == [("main", 1)]
    again.runs("main")
    last = again.container("main")["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"]) == (137, "ContainerStatusUnknown")


def test_lost_containers_fail_a_pod_that_never_restarts() -> None:
    play = started("main", restartPolicy="Never")
    again = Play(play.pod, recovered(play.pod, [], Instant(1.0, EPOCH + 60)), now=1.0)
    again.step()
    assert again.status["phase"] == "Failed"


def test_a_finished_pod_stays_finished_after_a_restart() -> None:
    play = started("main", restartPolicy="OnFailure")
    play.ends("main", 0)
    before = play.status
    again = Play(play.pod, recovered(play.pod, [], Instant(1.0, EPOCH + 60)), now=1.0)
    again.step()
    assert again.starts == []
    assert again.status["phase"] == "Succeeded"
    assert again.status["containerStatuses"] == before["containerStatuses"]


# ── any life ─────────────────────────────────────────────────────────────────────────────────────────────────────

EVENTS = ("run", "exit0", "exit1", "trouble", "sick", "wait", "delete", "remove", "reboot")


@settings(max_examples=300)
@given(
    st.sampled_from(["Always", "OnFailure", "Never"]),
    st.booleans(),
    st.lists(st.tuples(st.sampled_from(EVENTS), st.sampled_from(["init", "side", "a", "b"])), max_size=40),
)
def test_every_life(policy: str, with_init: bool, events: list[tuple[str, str]]) -> None:
    """Never two copies (Play asserts it), restart counts and attempts never fall, a terminal phase is for ever,
    nothing starts in a pod that ends, asking twice asks for nothing new."""
    init = [{"name": "init"}, {"name": "side", "restartPolicy": "Always"}] if with_init else []
    play = Play(pod("a", "b", restartPolicy=policy, initContainers=init))
    play.step()
    for event, name in events:
        phase = play.status["phase"]
        counts = {e["name"]: e["restartCount"] for e in play.status["containerStatuses"]}
        over = "deletionTimestamp" in play.pod["metadata"] or play.facts.removed or phase in TERMINAL
        starts = len(play.starts)
        happen(play, event, name)
        if phase in TERMINAL:
            assert play.status["phase"] == phase
        for entry in play.status["containerStatuses"]:
            assert entry["restartCount"] >= counts[entry["name"]]
        if over:
            assert len(play.starts) == starts
        before = (list(play.starts), list(play.stops), play.status)
        play.step()
        assert (play.starts, play.stops, play.status) == before
    assert len(set(play.starts)) == len(play.starts) or any(event == "trouble" for event, _ in events)


def happen(play: Play, event: str, name: str) -> None:
    phase = play.facts.of(name).phase
    if event == "run" and phase == "starting":
        play.runs(name)
    elif event in ("exit0", "exit1") and phase == "running":
        play.ends(name, 0 if event == "exit0" else 1)
    elif event == "trouble" and phase == "starting":
        play.fails(name, "RunContainerError")
    elif event == "sick" and phase == "running":
        play.sick(name)
    elif event == "wait":
        play.wait(7.0)
    elif event == "delete" and not play.facts.removed:
        play.pod = deleted(play.pod)
        play.step()
    elif event == "remove":
        play.facts = replace(play.facts, removed=True)
        play.step()
    elif event == "reboot" and not play.facts.removed:
        reboot(play)


def reboot(play: Play) -> None:
    """The kubelet comes back; the runtime still has what ran, and what was being started has started."""
    found = []
    for name, facts in play.facts.containers.items():
        if facts.phase in ("starting", "running"):
            key = ContainerKey("u-1", name, facts.attempt)
            found.append(Container(key, "running", facts.started_at or play.instant.wall, ip=play.facts.ip))
    play.facts = replace(recovered(play.pod, found, play.instant), ip=play.facts.ip)
    play.step()
