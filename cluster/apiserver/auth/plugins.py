"""The admission plugins that come with authorization.

Must not decide: each is a module of cluster/apiserver/admission.
"""

from __future__ import annotations

from collections.abc import Collection

from cluster.apiserver.admission import certificates, noderestriction, podtokens
from cluster.apiserver.admission.review import Plugin
from cluster.apiserver.admission.rolegrants import Grants
from cluster.apiserver.auth.gate import Gate
from cluster.pki.requests import groups_of


def plugins(gate: Gate, disabled: Collection[str]) -> list[Plugin]:
    """But for those that are `disabled`."""
    found = (
        podtokens.PLUGIN,
        noderestriction.PLUGIN,
        Grants(gate.may, gate.rules).plugin(),
        *certificates.Certificates(gate.may, groups_of).plugins(),
    )
    return [plugin for plugin in found if plugin.name not in disabled]
