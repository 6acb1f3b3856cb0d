"""What people do with kubectl every day, done with the real one on a real cluster: every row of the table."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.kubectl.kubectl import Kubectl, cluster, minor_of
from tests.kubectl.row import Row, row
from tests.kubectl.rows_admission import ADMISSION
from tests.kubectl.rows_cluster import CLUSTER
from tests.kubectl.rows_identity import IDENTITY
from tests.kubectl.rows_morekinds import MORE_KINDS
from tests.kubectl.rows_objects import OBJECTS
from tests.kubectl.rows_policykinds import POLICY_KINDS
from tests.kubectl.rows_workloads import WORKLOADS

pytestmark = [pytest.mark.proc, pytest.mark.timeout(60)]

SUBNET = 172
STORIES: dict[str, tuple[Row, ...]] = {
    **CLUSTER, **OBJECTS, **WORKLOADS, **MORE_KINDS, **IDENTITY, **ADMISSION, **POLICY_KINDS,
}  # fmt: skip


SINCE = (
    (r"^(exec|cp|run -i|run -it) ", 30, "before: SPDY"),
    (r"^auth whoami", 28, "before: an alpha of SelfSubjectReview"),
    (r"^explain", 27, "before: it needs all schemas in OpenAPI v2"),
    (r"^events ", 26, ""),
    (r"--validate=(warn|ignore)", 25, ""),
    (r"--subresource", 24, ""),
    (r"--for=jsonpath", 23, ""),
    (r"--for=delete", 22, "before: an error when it is gone already"),
    (r"^get cm more -o jsonpath", 26, "before: fields applied on the client stayed owned by that"),
    (r"--show-managed-fields|^get cm one -o json$", 21, ""),
    (r"^describe ingress|^drain ", 22, "before: other versions of Ingress and Eviction"),
)
"""(what of a command, the minor version of kubectl that has it, why)."""

STORY_SINCE = {
    "validation": 25,
    "limits": 25,
    "flows": 25,
    "versions": 26,
    "quotas": 23,
    "policies": 23,
    "batch": 25,
    "sets": 25,
    "budgets": 25,
}
"""Before, kubectl validated by itself; before 1.25 it made CronJobs, budgets and autoscalers in beta versions."""


def since(each: Row) -> int:
    """The oldest kubectl (1.N) that can do it."""
    return max((minor for pattern, minor, _ in SINCE if re.search(pattern, each.command)), default=0)


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    with cluster(tmp_path_factory.mktemp("kubectl"), "kubectl", SUBNET, "--masters", "1", "--workers", "2") as one:
        yield one
        logs = (one.folder / ".capstan" / one.name / "log").glob("*.log")
        said = {log.name: log.read_text()[-3000:] for log in logs if log.stat().st_size}
        assert not said, said  # why a cluster was gone in the middle of the rows, say


@pytest.mark.parametrize("story", STORIES)
def test_every_command_shows_what_it_must(kubectl: Kubectl, story: str) -> None:
    """Each story has a namespace of its own, named after it."""
    inside = kubectl.inside(story)
    minor = minor_of(inside.path)
    if minor < STORY_SINCE.get(story, 0):
        pytest.skip(f"kubectl 1.{minor} has nothing of {story}")
    for each in STORIES[story]:
        if minor >= since(each):
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
