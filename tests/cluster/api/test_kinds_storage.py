"""Volumes, claims, storage classes and what CSI drivers say of themselves: filled in, refused and printed."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.api.defaults import default
from cluster.api.validate import validate
from tests.cluster.api.test_kinds_batch import cells, made

Object = dict[str, Any]
ONCE = ["ReadWriteOnce"]
AFFINITY: Object = {
    "required": {"nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}]}
}


def pv(**spec: Any) -> Object:
    base = {"capacity": {"storage": "5Gi"}, "accessModes": ONCE}
    source = {} if {"nfs", "csi", "local", "hostPath"} & spec.keys() else {"hostPath": {"path": "/data"}}
    return made("PersistentVolume", spec={**base, **source, **spec})


def pvc(status: Object | None = None, **spec: Any) -> Object:
    base = {"accessModes": ONCE, "resources": {"requests": {"storage": "2Gi"}}}
    obj = made("PersistentVolumeClaim", spec={**base, **spec})
    return {**obj, "status": status} if status else obj


def storage(size: str) -> Object:
    return {"requests": {"storage": size}}


def sc(**fields: Any) -> Object:
    return made("StorageClass", **{"provisioner": "example.org/slow", **fields})


def attachment(**source: Any) -> Object:
    return made("VolumeAttachment", spec={"attacher": "csi.example.org", "nodeName": "worker-0", "source": source})


def csi_node(*drivers: Object) -> Object:
    return made("CSINode", spec={"drivers": list(drivers)})


GOOD = [
    pv(),
    pv(nfs={"server": "s", "path": "/x"}),
    pv(local={"path": "/x"}, nodeAffinity=AFFINITY),
    pv(csi={"driver": "csi.example.org", "volumeHandle": "1"}, volumeMode="Block"),
    pvc(),
    pvc(storageClassName="", selector={"matchLabels": {"a": "b"}}),
    sc(),
    sc(parameters={"kind": "ssd"}, reclaimPolicy="Retain"),
    attachment(persistentVolumeName="vol"),
    made("CSIDriver", "csi.example.org", spec={"tokenRequests": [{"audience": "a", "expirationSeconds": 600}]}),
    csi_node({"name": "csi.example.org", "nodeID": "w0"}),
]


@pytest.mark.parametrize("obj", GOOD, ids=lambda obj: obj["kind"])
def test_what_is_right_passes_and_defaulting_again_changes_nothing(obj: Object) -> None:
    assert [str(error) for error in validate(obj)] == []
    assert default(obj) == obj


WRONG: list[tuple[Object, str]] = [
    (made("PersistentVolume", spec={"capacity": {"storage": "1"}, "accessModes": ONCE}),
     "spec: Required value: must specify a volume type"),
    (pv(nfs={"server": "s", "path": "/x"}, hostPath={"path": "/x"}),
     "spec.hostPath: Forbidden: may not specify more than 1 volume type"),
    (pv(accessModes=[]), "spec.accessModes: Required value"),
    (pv(accessModes=["ReadWriteSometimes"]), 'spec.accessModes[0]: Unsupported value: "ReadWriteSometimes"'),
    (pv(accessModes=["ReadWriteOnce", "ReadWriteOncePod"]),
     "spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes"),
    (pv(capacity={}), "spec.capacity: Required value"),
    (pv(capacity={"cpu": "1"}), 'spec.capacity: Unsupported value: {"cpu": "1"}: supported values: "storage"'),
    (pv(capacity={"storage": "0"}), 'spec.capacity[storage]: Invalid value: "0": must be greater than zero'),
    (pv(hostPath={"path": "/a/../b"}), "spec.hostPath.path: Invalid value: \"/a/../b\": must not contain '..'"),
    (pv(hostPath={"path": "/"}, persistentVolumeReclaimPolicy="Recycle"),
     "spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'"),
    (pv(local={"path": "/x"}), "spec.nodeAffinity: Required value: Local volume requires node affinity"),
    (pv(nodeAffinity={}), "spec.nodeAffinity.required: Required value: must specify required node constraints"),
    (pv(nfs={"server": "s", "path": "x"}), 'spec.nfs.path: Invalid value: "x": must be an absolute path'),
    (pv(csi={"driver": "a_b", "volumeHandle": "1"}), 'spec.csi.driver: Invalid value: "a_b"'),
    (pvc(accessModes=[]), "spec.accessModes: Required value: at least 1 access mode is required"),
    (pvc(resources={}), "spec.resources[storage]: Required value"),
    (pvc(resources=storage("0")), 'spec.resources[storage]: Invalid value: "0": must be greater than zero'),
    (pvc(storageClassName="Not Ok"), 'spec.storageClassName: Invalid value: "Not Ok"'),
    (pvc(dataSource={"kind": "Pod", "name": "a"}), "must be 'PersistentVolumeClaim' when referencing the default"),
    (sc(provisioner="a b"), 'provisioner: Invalid value: "a b": name part must consist of'),
    (sc(reclaimPolicy="Recycle"), 'reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain"'),
    (sc(parameters={"": "x"}), "parameters: Invalid value: 0: field can not be empty."),
    (sc(parameters={"a": "x" * 262144}), "parameters: Too long"),
    (attachment(), "spec.source: Required value: must specify exactly one of inlineVolumeSpec and"),
    (attachment(inlineVolumeSpec={"hostPath": {"path": "/"}}), "inlineVolumeSpec only supports csi volumes"),
    (made("CSIDriver", "csi.example.org", spec={"tokenRequests": [{"audience": "a"}, {"audience": "a"}]}),
     'spec.tokenRequests[1].audience: Duplicate value: "a"'),
    (made("CSIDriver", "a" * 64, spec={}), "metadata.name: Too long: may not be more than 63 bytes"),
    (csi_node({"name": "a", "nodeID": "x" * 193}), "spec.drivers[0].nodeID: Too long: may not be more than 192 bytes"),
    (csi_node({"name": "a", "nodeID": "x"}, {"name": "a", "nodeID": "y"}),
     'spec.drivers[1].name: Duplicate value: "a"'),
]  # fmt: skip


@pytest.mark.parametrize(("obj", "text"), WRONG, ids=[text for _, text in WRONG])
def test_what_is_wrong_is_named_with_its_place(obj: Object, text: str) -> None:
    found = [str(error) for error in validate(obj)]
    assert any(text in error for error in found), found


BOUND = {"phase": "Bound", "capacity": {"storage": "2Gi"}, "accessModes": ONCE}
GROWN = {"phase": "Bound", "capacity": {"storage": "1Gi"}}
FIXED = "spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for"
UPDATES: list[tuple[Object, Object, str]] = [
    (pv(hostPath={"path": "/other"}), pv(), "spec.persistentvolumesource is immutable after creation"),
    (pv(volumeMode="Block"), pv(), 'spec.volumeMode: Invalid value: "Block": field is immutable'),
    (pv(nodeAffinity=AFFINITY), pv(), ""),
    (pv(), pv(nodeAffinity=AFFINITY), "spec.nodeAffinity: Invalid value: null: field is immutable"),
    (pv(persistentVolumeReclaimPolicy="Delete", capacity={"storage": "6Gi"}), pv(), ""),
    (pvc(volumeName="vol"), pvc(), ""),
    (pvc(volumeName="other"), pvc(volumeName="vol"), FIXED),
    (pvc(storageClassName="slow"), pvc(), ""),
    (pvc(storageClassName="fast"), pvc(storageClassName="slow"), FIXED),
    (pvc(resources=storage("3Gi")), pvc(), FIXED),
    (pvc(BOUND, resources=storage("3Gi")), pvc(BOUND), ""),
    (pvc(BOUND, resources=storage("1Gi")), pvc(BOUND), "spec.resources.requests.storage: Forbidden: field can not be"),
    (pvc(GROWN, resources=storage("1500Mi")), pvc(GROWN), ""),
    (sc(provisioner="other"), sc(), "provisioner: Forbidden: updates to provisioner are forbidden."),
    (sc(parameters={"a": "b"}), sc(), "parameters: Forbidden: updates to parameters are forbidden."),
    (sc(reclaimPolicy="Retain"), sc(), "reclaimPolicy: Forbidden: updates to reclaimPolicy are forbidden."),
    (sc(volumeBindingMode="WaitForFirstConsumer"), sc(), "volumeBindingMode: Invalid value"),
    (sc(allowVolumeExpansion=True), sc(), ""),
    (attachment(persistentVolumeName="b"), attachment(persistentVolumeName="a"), "spec: Invalid value"),
    (csi_node({"name": "a", "nodeID": "y"}), csi_node({"name": "a", "nodeID": "x"}), "spec.drivers[0]: Invalid value"),
    (csi_node({"name": "b", "nodeID": "y"}), csi_node({"name": "a", "nodeID": "x"}), ""),
]


@pytest.mark.parametrize(("new", "old", "text"), UPDATES)
def test_what_may_change_and_what_may_not(new: Object, old: Object, text: str) -> None:
    found = [str(error) for error in validate(new, old)]
    assert found == [] if not text else any(text in error for error in found), found


def test_defaults() -> None:
    assert pv()["spec"]["persistentVolumeReclaimPolicy"] == "Retain"
    assert (pv()["status"]["phase"], pv()["status"]["lastPhaseTransitionTime"]) == ("Pending", "2026-01-01T00:00:00Z")
    assert (pvc()["spec"]["volumeMode"], pvc()["status"]) == ("Filesystem", {"phase": "Pending"})
    assert (sc()["reclaimPolicy"], sc()["volumeBindingMode"]) == ("Delete", "Immediate")
    assert made("CSIDriver", spec={})["spec"] == {
        "attachRequired": True,
        "podInfoOnMount": False,
        "volumeLifecycleModes": ["Persistent"],
        "storageCapacity": False,
        "fsGroupPolicy": "ReadWriteOnceWithFSType",
        "requiresRepublish": False,
        "seLinuxMount": False,
    }


def test_rows() -> None:
    bound = {"claimRef": {"namespace": "default", "name": "c"}, "accessModes": ["ReadWriteMany", "ReadWriteOnce"]}
    assert cells({**pv(**bound, storageClassName="slow"), "status": {"phase": "Bound"}}, wide=True) == {
        "NAME": "thing", "CAPACITY": "5Gi", "ACCESS MODES": "RWO,RWX", "RECLAIM POLICY": "Retain", "STATUS": "Bound",
        "CLAIM": "default/c", "STORAGECLASS": "slow", "VOLUMEATTRIBUTESCLASS": "<unset>", "REASON": "", "AGE": "60m",
        "VOLUMEMODE": "Filesystem",
    }  # fmt: skip
    assert cells(pvc(storageClassName="slow"), wide=True) == {
        "NAME": "thing", "STATUS": "Pending", "VOLUME": "", "CAPACITY": "", "ACCESS MODES": "", "STORAGECLASS": "slow",
        "VOLUMEATTRIBUTESCLASS": "<unset>", "AGE": "60m", "VOLUMEMODE": "Filesystem",
    }  # fmt: skip
    found = cells(pvc(BOUND, volumeName="vol"))
    assert [found[c] for c in ("STATUS", "VOLUME", "CAPACITY", "ACCESS MODES")] == ["Bound", "vol", "2Gi", "RWO"]
    leaving = pvc()
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert cells(leaving)["STATUS"] == "Terminating"
    marked = {"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}
    assert cells(sc(metadata=marked)) == {
        "NAME": "thing (default)", "PROVISIONER": "example.org/slow", "RECLAIMPOLICY": "Delete",
        "VOLUMEBINDINGMODE": "Immediate", "ALLOWVOLUMEEXPANSION": "false", "AGE": "60m",
    }  # fmt: skip
    assert cells(attachment(persistentVolumeName="vol")) == {
        "NAME": "thing", "ATTACHER": "csi.example.org", "PV": "vol", "NODE": "worker-0", "ATTACHED": "false",
        "AGE": "60m",
    }  # fmt: skip
    driver = made("CSIDriver", spec={"tokenRequests": [{"audience": "a"}, {"audience": "b"}]})
    assert list(cells(driver).values()) == ["thing", "true", "false", "false", "a,b", "false", "Persistent", "60m"]
    assert cells(csi_node({"name": "a", "nodeID": "x"}))["DRIVERS"] == "1"
