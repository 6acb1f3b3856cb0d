"""An operator on kopf: handlers, statuses, a finalizer, events, timers; and the apiservers are killed under it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.clients import operator as its_module
from tests.clients.place import GROUP, LEAVES_SOCKETS, PLURAL, VERSION, Place, needed, pond
from tests.kubectl.kubectl import LAUNCH

pytestmark = [pytest.mark.proc, pytest.mark.timeout(1200), LEAVES_SOCKETS]
HERE = (GROUP, VERSION, "default", PLURAL)
PATIENCE = 240.0
"""Seconds until something must have happened."""


@contextmanager
def operating(place: Place) -> Iterator[Path]:
    """The operator runs; where it says what it does."""
    log = place.folder / "operator.log"
    words = [sys.executable, "-m", "kopf", "run", "--standalone", "--namespace", "default", str(its_module.__file__)]
    with log.open("wb") as file:
        process = subprocess.Popen(words, env={**os.environ, "KUBECONFIG": place.config}, stdout=file, stderr=file)
        try:
            yield log
        finally:
            process.kill()  # in the midst of whatever it does, as operators end
            process.wait()


def until(what: str, holds: Callable[[], Any], log: Path) -> Any:
    """What `holds` says once it says something; the apiserver may be away meanwhile."""
    end, last = time.monotonic() + PATIENCE, ""
    while time.monotonic() < end:
        try:
            if found := holds():
                return found
        except Exception as error:
            last = repr(error)[:300]
        time.sleep(0.2)
    pytest.fail(f"not within {PATIENCE:g} s: {what} {last}\n{log.read_text()[-3000:]}", pytrace=False)


def launch(place: Place, *words: str) -> None:
    done = subprocess.run(
        [sys.executable, LAUNCH, words[0], "--name", place.name, *words[1:]],
        cwd=place.folder,
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_operator_outlives_the_apiserver_that_it_talks_to(place: Place) -> None:
    needed("kopf")
    kubernetes = needed("kubernetes")
    kubernetes.config.load_kube_config(place.config)
    core, custom = kubernetes.client.CoreV1Api(), kubernetes.client.CustomObjectsApi()

    def status() -> Any:
        return custom.get_namespaced_custom_object(*HERE, "op").get("status") or {}

    def there(name: str) -> bool:
        names = [each.metadata.name for each in core.list_namespaced_config_map("default").items]
        return name in names

    def said() -> Any:
        events = core.list_namespaced_event("default").items
        return [each for each in events if (each.reason, each.involved_object.name) == ("Filled", "op")]

    def changed(depth: int) -> Any:
        return custom.patch_namespaced_custom_object(*HERE, "op", {"spec": {"depth": depth}})

    def heard(depth: int) -> bool:
        return bool(status().get("depth") == depth)

    with operating(place) as log:
        custom.create_namespaced_custom_object(*HERE, pond("op"))
        until("the pond is made", lambda: status().get("depth") == 2, log)
        assert status()["create"] == {"water": "op-water"}
        found = custom.get_namespaced_custom_object(*HERE, "op")
        assert found["metadata"]["finalizers"] == ["clients.example.com/operator"]
        assert there("op-water")
        until("an event says so", said, log)
        ticks = until("the timer ticks", lambda: status().get("ticks"), log)
        for number in range(3):  # whichever it is that the operator is connected to
            launch(place, "kill", f"apiserver-{number}")
            until("a change", partial(changed, 10 + number), log)
            until("it is heard of", partial(heard, 10 + number), log)
            launch(place, "restart", f"apiserver-{number}")
        until("the timer goes on", lambda: status().get("ticks", 0) > ticks, log)
        custom.delete_namespaced_custom_object(*HERE, "op")
        until("the pond is drained", lambda: there("op-drained"), log)
        until("the pond is gone", lambda: not custom.list_namespaced_custom_object(*HERE)["items"], log)
        until("its water is gone with it", lambda: not there("op-water"), log)
    core.delete_namespaced_config_map("op-drained", "default")
