"""What people do with kubectl every day, done with the real one on a real cluster: every row of the table."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.kubectl.kubectl import Kubectl, cluster
from tests.kubectl.row import Row, row
from tests.kubectl.rows_cluster import CLUSTER
from tests.kubectl.rows_objects import OBJECTS
from tests.kubectl.rows_workloads import WORKLOADS

pytestmark = [pytest.mark.proc, pytest.mark.timeout(60)]

SUBNET = 172
STORIES: dict[str, tuple[Row, ...]] = {**CLUSTER, **OBJECTS, **WORKLOADS}


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    with cluster(tmp_path_factory.mktemp("kubectl"), "kubectl", SUBNET, "--masters", "1", "--workers", "2") as one:
        yield one


@pytest.mark.parametrize("story", STORIES)
def test_every_command_shows_what_it_must(kubectl: Kubectl, story: str) -> None:
    """Each story has a namespace of its own, named after it."""
    inside = kubectl.inside(story)
    for each in STORIES[story]:
        inside.check(each)


def test_a_kustomization(kubectl: Kubectl) -> None:
    """`apply -k` of a folder with a generator, which kubectl builds by itself."""
    inside = kubectl.inside("kustomized")
    folder = inside.folder / "kustomize"
    folder.mkdir()
    (folder / "kustomization.yaml").write_text(
        "namePrefix: my-\nconfigMapGenerator:\n- {name: settings, literals: [colour=red]}\n"
    )
    inside.check(row("kustomize kustomize", "name: my-settings-"))
    inside.check(row("apply -k kustomize", r"configmap/my-settings-\w+ created"))
    inside.check(row("delete -k kustomize", r'configmap "my-settings-\w+" deleted'))


def test_a_watch_shows_every_change_and_nothing_else(kubectl: Kubectl) -> None:
    inside = kubectl.inside("watched")
    inside.check(row("create configmap c --from-literal=a=0"))
    watch = inside.start("get", "cm", "c", "-w", "--no-headers", "--output-watch-events")
    try:
        assert watch.stdout is not None
        assert re.match("ADDED +c +1 ", watch.stdout.readline())
        inside.check(row('patch cm c --type merge -p \'{"data":{"b":"1"}}\''))
        assert re.match("MODIFIED +c +2 ", watch.stdout.readline())
        inside.check(row("delete cm c"))
        assert re.match("DELETED +c +2 ", watch.stdout.readline())
    finally:
        watch.kill()
        watch.communicate()
