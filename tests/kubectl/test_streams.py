"""What streams through the door, with the real kubectl on a real cluster: logs, attach, debug, top, port-forward."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator

import pytest

from tests.kubectl.kubectl import Kubectl, cluster, minor_of
from tests.kubectl.row import row
from tests.kubectl.rows_streams import STREAMS

pytestmark = [pytest.mark.proc, pytest.mark.timeout(300)]

SUBNET = 174
SINCE = {"typing": 30, "logging": 20, "measuring": 20}
"""The oldest kubectl (1.N) that can do it; before 1.30 it speaks raw SPDY, which the door does not."""


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    with cluster(tmp_path_factory.mktemp("streams"), "streams", SUBNET, "--masters", "1", "--workers", "1") as one:
        yield one


@pytest.mark.parametrize("story", STREAMS)
def test_every_command_shows_what_it_must(kubectl: Kubectl, story: str) -> None:
    inside = kubectl.inside(story)
    if minor_of(inside.path) < SINCE[story]:
        pytest.skip(f"kubectl 1.{minor_of(inside.path)} has nothing of {story}")
    for each in STREAMS[story]:
        inside.check(each)


def test_a_port_of_a_service_is_forwarded(kubectl: Kubectl) -> None:
    """Many connections, data both ways, and a port where nobody listens."""
    inside = kubectl.inside("forwarded")
    if minor_of(inside.path) < 31:
        pytest.skip("before kubectl 1.31: raw SPDY")
    inside.check(row("create deployment web --image=nginx", "created"))
    inside.check(row("expose deployment web --port=81 --target-port=80", "exposed"))
    inside.check(row("rollout status deployment/web --timeout=20s", "successfully rolled out"))
    forward = inside.start("port-forward", "svc/web", ":81")
    try:
        assert forward.stdout is not None
        found = re.match(r"Forwarding from 127\.0\.0\.1:(\d+) -> 80", forward.stdout.readline())
        assert found is not None
        for _ in range(5):
            with urllib.request.urlopen(f"http://127.0.0.1:{found[1]}/", timeout=60) as answer:
                assert answer.status == 200
                assert b"nginx" in answer.read()
    finally:
        forward.kill()
        forward.communicate()
    nobody = inside.start("port-forward", "deployment/web", ":9999")
    try:
        assert nobody.stdout is not None
        found = re.match(r"Forwarding from 127\.0\.0\.1:(\d+) -> 9999", nobody.stdout.readline())
        assert found is not None
        with pytest.raises(OSError):  # noqa: PT011 - reset, or closed without a word
            urllib.request.urlopen(f"http://127.0.0.1:{found[1]}/", timeout=60)
        _, error = nobody.communicate(timeout=60)
        assert "failed to connect to" in error
        assert "connect: connection refused" in error
    finally:
        nobody.kill()
