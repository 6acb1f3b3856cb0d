"""DefaultStorageClass, DefaultIngressClass: a claim or an Ingress that names no class gets the one marked as default.

Pure. Must not know what a class does.
"""

from __future__ import annotations

from cluster.api.meta import annotations_of, name_of
from cluster.apiserver.admission.review import CREATE, Plugin, Review, Sources

IS_DEFAULT_STORAGE = (
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
)
IS_DEFAULT_INGRESS = ("ingressclass.kubernetes.io/is-default-class",)
BETA_STORAGE = "volume.beta.kubernetes.io/storage-class"
OLD_INGRESS = "kubernetes.io/ingress.class"


def _default(sources: Sources, kind: str, marks: tuple[str, ...]) -> str:
    """Of several the newest, of those made in one second the first by name; "" for none."""
    found = sorted(
        (each for each in sources.all(kind) if any(annotations_of(each).get(mark) == "true" for mark in marks)),
        key=name_of,
    )
    newest = max((str(each["metadata"].get("creationTimestamp", "")) for each in found), default="")
    return next((name_of(e) for e in found if str(e["metadata"].get("creationTimestamp", "")) == newest), "")


def storage(review: Review, sources: Sources) -> None:
    if review.spec().get("storageClassName") is not None or BETA_STORAGE in annotations_of(review.current):
        return
    name = _default(sources, "StorageClass", IS_DEFAULT_STORAGE)
    if name:
        review.with_spec(storageClassName=name)


def ingress(review: Review, sources: Sources) -> None:
    if review.spec().get("ingressClassName") is not None or OLD_INGRESS in annotations_of(review.current):
        return
    name = _default(sources, "IngressClass", IS_DEFAULT_INGRESS)
    if name:
        review.with_spec(ingressClassName=name)


STORAGE = Plugin("DefaultStorageClass", {CREATE: ("PersistentVolumeClaim",)}, mutate=storage)
INGRESS = Plugin("DefaultIngressClass", {CREATE: ("Ingress",)}, mutate=ingress)
