"""ServiceAccount: every pod runs as an account of its namespace.

Pure. Must not mount tokens, nor find out whether the account is there: its namespace may be so new that it takes a
moment.
"""

from __future__ import annotations

from cluster.apiserver.admission.review import CREATE, Plugin, Review, Sources
from cluster.errors import StatusError

DEFAULT = "default"
MIRROR = "kubernetes.io/config.mirror"


def name_it(review: Review, sources: Sources) -> None:
    spec = review.spec()
    if not spec.get("serviceAccountName"):
        review.with_spec(serviceAccountName=spec.get("serviceAccount") or DEFAULT)


def missing(review: Review, name: str) -> StatusError:
    return review.forbidden(
        f'error looking up service account {review.namespace}/{name}: serviceaccount "{name}" not found'
    )


PLUGIN = Plugin("ServiceAccount", {CREATE: ("Pod",)}, mutate=name_it)
