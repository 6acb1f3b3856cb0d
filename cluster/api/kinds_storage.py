"""The kinds of volumes: those of the core group, and the group storage.k8s.io.

Must not hold rules: an entry points at them.
"""

from __future__ import annotations

from cluster.api import births, tables_storage, validate_storage
from cluster.api.kind import Kind

_GROUP = "storage.k8s.io"
STORAGE = (
    Kind("PersistentVolume", "", "v1", "persistentvolumes", "persistentvolume", ("pv",), namespaced=False, status=True,
         generation=False, rule=validate_storage.volume, update_rule=validate_storage.volume_update,
         begin=births.volume, printer=tables_storage.VOLUME),
    Kind("PersistentVolumeClaim", "", "v1", "persistentvolumeclaims", "persistentvolumeclaim", ("pvc",), status=True,
         generation=False, rule=validate_storage.claim, update_rule=validate_storage.claim_update,
         begin=births.claim, printer=tables_storage.CLAIM),
    Kind("StorageClass", _GROUP, "v1", "storageclasses", "storageclass", ("sc",), namespaced=False, generation=False,
         rule=validate_storage.storage_class, update_rule=validate_storage.storage_class_update,
         printer=tables_storage.STORAGE_CLASS),
    Kind("VolumeAttachment", _GROUP, "v1", "volumeattachments", "volumeattachment", namespaced=False, status=True,
         generation=False, rule=validate_storage.attachment, update_rule=validate_storage.attachment_update,
         begin=births.empty_status, printer=tables_storage.ATTACHMENT),
    Kind("CSIDriver", _GROUP, "v1", "csidrivers", "csidriver", namespaced=False, generation=False,
         rule=validate_storage.driver, update_rule=validate_storage.driver_update, printer=tables_storage.DRIVER),
    Kind("CSINode", _GROUP, "v1", "csinodes", "csinode", namespaced=False, generation=False,
         rule=validate_storage.csi_node, update_rule=validate_storage.csi_node_update,
         printer=tables_storage.CSI_NODE),
)  # fmt: skip
