"""The controllers of a cluster that has an authority and gives out tokens, bound to its keys.

Must not hold rules: each is a module of its own. What signs is loaded only where there is something to sign with.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cluster.controllers import clusterroleaggregation, csrapproving, csrsigning, rootca, serviceaccount, tokens
from cluster.controllers.controller import Controller
from cluster.errors import UsageError


@dataclass(frozen=True, slots=True)
class Identity:
    """Files, PEM: the authority and its key (Kubernetes: --cluster-signing-cert-file, --root-ca-file), and the key of
    ServiceAccounts' tokens."""

    ca_cert: str
    ca_key: str
    signing_key: str


def controllers_of(identity: Identity | None) -> tuple[Controller, ...]:
    """None without an identity. UsageError for a file that cannot be read."""
    if identity is None:
        return ()
    from cluster.pki.authority import Pair
    from cluster.pki.keyring import Keyring

    keys = Keyring.read(identity.signing_key)
    pair = Pair(_read(identity.ca_cert), _read(identity.ca_key))
    ca = pair.cert.decode()
    requests = (csrapproving.CONTROLLER, csrsigning.controller(pair))
    return (
        serviceaccount.CONTROLLER,
        rootca.controller(ca),
        tokens.controller(keys.sign, ca),
        clusterroleaggregation.CONTROLLER,
        *requests,
    )


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"it cannot be read: {error.strerror}", place=path) from None
