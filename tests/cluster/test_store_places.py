"""Where the members of the store are, by rule and after they were changed."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from cluster.cli.lifecycle import as_before, make_spec, proc_config
from cluster.cli.session import load_spec, save_spec
from cluster.config import ClusterSpec, parse
from cluster.errors import UsageError
from cluster.topology import members, nearest, placements, store_machines

CHANGED = ClusterSpec(workers=1, stores={"store-10": "master-1", "store-2": "master-1", "store-4": "master-4"})


def test_members_are_by_rule_or_as_they_were_changed() -> None:
    assert store_machines(ClusterSpec(masters=5, store=2)) == {"store-0": "master-0", "store-1": "master-1"}
    assert members(CHANGED) == ("store-2", "store-4", "store-10")
    assert [nearest(CHANGED, i) for i in range(3)] == ["store-2", "store-2", "store-10"]
    assert CHANGED.members == 3
    assert parse(ClusterSpec, asdict(CHANGED)) == CHANGED


def test_members_of_a_founded_cluster_do_not_found_it_again() -> None:
    for spec, told in ((ClusterSpec(), ("store-0", "store-1", "store-2")), (CHANGED, ())):
        stores = [p for p in placements(spec) if p.component == "store"]
        assert [(p.name, p.machine) for p in stores] == list(store_machines(spec).items())
        assert {p.spec.config["members"] for p in stores} == {told}
        servers = [p.spec.config for p in placements(spec) if p.component == "apiserver"]
        assert {config["store"] for config in servers} == {members(spec)}


def test_two_members_on_one_machine_do_not_fight_for_its_port() -> None:
    config = proc_config(CHANGED)
    assert config.ports["store-2"] == config.ports["store-4"] == 7001
    assert "store-10" not in config.ports
    assert config.machines["master-4"] == f"127.{CHANGED.subnet}.0.5"
    assert set(config.places) == set(config.ports)


def test_the_file_keeps_them_over_down_and_up(tmp_path_factory: pytest.TempPathFactory) -> None:
    where = tmp_path_factory.mktemp("ops")
    save_spec(where, CHANGED)
    assert load_spec(where) == CHANGED
    flags = {"masters": 3, "workers": 3, "engine": "raft", "profile": "fast", "runtime": "process"}
    flags |= {"zones": "", "subnet": 0, "etcd": "", "etcd_cacert": "", "etcd_cert": "", "etcd_key": ""}
    flags |= {"etcd_user": "", "etcd_password_file": ""}
    assert make_spec(where, **as_before(where, flags, [])) == CHANGED


def test_other_engines_have_none() -> None:
    with pytest.raises(UsageError, match="stores"):
        ClusterSpec(engine="eventual", stores={"store-0": "master-0"})
