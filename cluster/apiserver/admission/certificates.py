"""CertificateSigningRequests: who asks for one, and who may approve it, sign it, or say what its subject is.

Pure. Must not sign, nor read certificates (`csr` of a request stays text). Source: Kubernetes, "Certificate Signing
Requests" (plugin/pkg/admission/certificates).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cluster.apiserver.admission.review import CREATE, UPDATE, Plugin, Review, Sources
from cluster.apiserver.auth.rules import MANAGER, MASTERS, Attributes, Who

Object = dict[str, Any]
GROUP, KIND = "certificates.k8s.io", "CertificateSigningRequest"
CLIENT = "kubernetes.io/kube-apiserver-client"
_WHO = ("username", "uid", "groups", "extra")
May = Callable[[Who, Attributes], bool]
GroupsOf = Callable[[str], tuple[str, ...]]
"""(spec.request) -> the organizations of its subject; () for what is none."""


def name_the_asker(review: Review, sources: Sources) -> None:
    """The asker's name is the server's to write; a new request has no conditions."""
    assert review.obj is not None
    spec = {name: value for name, value in review.spec().items() if name not in _WHO}
    who = review.who
    spec |= {"username": who.name, "groups": list(who.groups)}
    if who.uid:
        spec["uid"] = who.uid
    if who.extra:
        spec["extra"] = {name: list(values) for name, values in who.extra}
    review.obj = {**{name: value for name, value in review.obj.items() if name != "status"}, "spec": spec}


SAID = ("Approved", "Denied")


def keep_what_was_said(review: Review, sources: Sources) -> None:
    """Approving and denying is for /approval: /status leaves that as it is."""
    status = review.current.get("status")
    if type(status) is not dict or type(status.get("conditions") or []) is not list:
        return
    given = status.get("conditions") or []
    own = [c for c in ((review.old or {}).get("status") or {}).get("conditions") or () if c.get("type") in SAID]
    others = [c for c in given if not (type(c) is dict and c.get("type") in SAID)]
    if given != [*own, *others]:
        review.obj = {**review.current, "status": {**status, "conditions": [*own, *others]}}


@dataclass(frozen=True, slots=True)
class Certificates:
    may: May
    groups_of: GroupsOf

    def plugins(self) -> tuple[Plugin, ...]:
        update: dict[str, tuple[str, ...]] = {UPDATE: (KIND,)}
        create: dict[str, tuple[str, ...]] = {CREATE: (KIND,)}
        return (
            Plugin("CertificateRequester", create, mutate=name_the_asker),
            Plugin("CertificateApproval", update, validate=self.approve, subresources=("approval",)),
            Plugin("CertificateStatus", update, mutate=keep_what_was_said, subresources=("status",)),
            Plugin("CertificateSigning", update, validate=self.sign, subresources=("status",)),
            Plugin("CertificateSubjectRestriction", create, validate=self.restrict),
        )

    def approve(self, review: Review, sources: Sources) -> None:
        if not self._allowed(review, "approve"):
            signer = _signer(review)
            text = f'user not permitted to approve requests with signerName "{signer}"'
            raise review.forbidden(text)

    def sign(self, review: Review, sources: Sources) -> None:
        old, new = (obj.get("status") or {} for obj in (review.old or {}, review.current))
        if old.get("certificate") == new.get("certificate") and _failures(old) == _failures(new):
            return
        if not self._allowed(review, "sign"):
            raise review.forbidden(f'user not permitted to sign requests with signerName "{_signer(review)}"')

    def restrict(self, review: Review, sources: Sources) -> None:
        spec = review.spec()
        if spec.get("signerName") == CLIENT and MASTERS in self.groups_of(str(spec.get("request") or "")):
            text = f"use of {CLIENT} signer with {MASTERS} group is not allowed"
            raise review.forbidden(text)

    def _allowed(self, review: Review, verb: str) -> bool:
        signer = _signer(review)
        if review.who.name == MANAGER:
            return True
        names = (signer, f"{signer.rpartition('/')[0]}/*")
        return any(self.may(review.who, Attributes(verb, GROUP, "signers", name=name)) for name in names)


def _signer(review: Review) -> str:
    return str(((review.old or review.current).get("spec") or {}).get("signerName") or "")


def _failures(status: Object) -> list[Any]:
    return [c for c in status.get("conditions") or () if isinstance(c, dict) and c.get("type") == "Failed"]
