"""`up --store-option`: names as in scenario files, values that members would start with, kept with the cluster."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from cluster.cli.lifecycle import as_before, make_spec
from cluster.cli.session import load_spec, save_spec
from cluster.cli.storeoptions import look, options_of
from cluster.config import ClusterSpec
from cluster.errors import UsageError
from cluster.scenario.forms import STORE_OPTIONS
from cluster.topology import store_config
from store.config import Config


def test_names_and_values() -> None:
    assert options_of(["keepSeconds=1h", "snapshot_entries=100"]) == {"keep_seconds": 3600.0, "snapshot_entries": 100}
    assert set(STORE_OPTIONS) <= {field.name for field in dataclasses.fields(Config)}


def test_all_are_told_of() -> None:
    told = (Path(__file__).parents[3] / "docs/engines.md").read_text()
    for name in STORE_OPTIONS:
        first, *rest = name.split("_")
        assert f"`{first}{''.join(map(str.capitalize, rest))}`" in told


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("keepSecond=1h", "no option 'keepSecond'; did you mean 'keep_seconds'"),
        ("members=a", "no option 'members'"),
        ("keepSeconds", "keepSeconds has no value"),
        ("keepSeconds=soon", "keepSeconds: 'soon' is not a duration"),
        ("snapshotEntries=1.5", "snapshotEntries='1.5' is no whole number"),
        ("snapshotEntries=0", "snapshot_entries=0 is not possible; more than 0"),
        ("election=60ms", "election=0.06 is not possible; at least two heartbeats of 0.05 s"),
    ],
)
def test_others_are_refused(word: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        look(ClusterSpec(store_options=options_of([word])))
    assert f"--store-option: {said}" in str(caught.value).replace("the store has ", "")


def test_only_our_own_raft_has_them() -> None:
    with pytest.raises(UsageError, match="none but with engine raft"):
        ClusterSpec(engine="eventual", store_options={"keep_seconds": 1.0})


def test_a_cluster_keeps_them(tmp_path: Path) -> None:
    spec = ClusterSpec(store_options={"keep_seconds": 60.0})
    assert store_config(spec)["keep_seconds"] == 60.0
    save_spec(tmp_path, spec)
    assert load_spec(tmp_path).store_options == {"keep_seconds": 60.0}
    flags = {"masters": 3, "workers": 3, "engine": "raft", "profile": "fast", "runtime": "process", "zones": ""}
    given = make_spec(tmp_path, **as_before(tmp_path, {**flags, "subnet": 0, "store_options": {}, "etcd": ""}, []))
    assert given.store_options == {"keep_seconds": 60.0}


def test_a_new_cluster_has_the_profile_that_its_engine_keeps_up_with(tmp_path: Path) -> None:
    flags = {"engine": "raftos", "profile": "fast"}
    assert as_before(tmp_path, flags, ["engine"])["profile"] == "kubernetes"
    assert as_before(tmp_path, flags, ["engine", "profile"])["profile"] == "fast"
    assert as_before(tmp_path, {**flags, "engine": "raft"}, [])["profile"] == "fast"
