"""What people do with kubectl every day, done with the real one on a real cluster: every row of the table."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kubectl.kubectl import Kubectl, cluster
from tests.kubectl.row import Row
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
    for row in STORIES[story]:
        inside.check(row)
