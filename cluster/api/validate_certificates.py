"""Rules of CertificateSigningRequests, in the words of Kubernetes (pkg/apis/certificates/validation).

Must not check types or single values: the schema has done that. Must not know who may approve or sign.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from cluster.api import formats
from cluster.api.fielderrors import ROOT, Errors, Path, at
from cluster.api.meta import Object

Map = Mapping[str, Any]

_SPEC = at(ROOT, "spec")
_CONDITIONS = at(ROOT, "status", "conditions")
APPROVED, DENIED, FAILED = "Approved", "Denied", "Failed"
LEGACY_SIGNER = "kubernetes.io/legacy-unknown"
SHORTEST = 600
BEGIN, END = b"-----BEGIN CERTIFICATE REQUEST-----", b"-----END CERTIFICATE REQUEST-----"
USAGES = ("signing", "digital signature", "content commitment", "key encipherment", "key agreement",
          "data encipherment", "cert sign", "crl sign", "encipher only", "decipher only", "any", "server auth",
          "client auth", "code signing", "email protection", "s/mime", "ipsec end system", "ipsec tunnel", "ipsec user",
          "timestamping", "ocsp signing", "microsoft sgc", "netscape sgc")  # fmt: skip


def request(obj: Object, errors: Errors) -> None:
    spec = obj["spec"]
    if wrong := _unreadable(spec["request"]):
        errors.invalid(at(_SPEC, "request"), spec["request"], wrong)
    usages = spec.get("usages") or ()
    if not usages:
        errors.required(at(_SPEC, "usages"))
    for index, usage in enumerate(usages):
        if usage not in USAGES:
            errors.unsupported(at(_SPEC, "usages", index), usage, USAGES)
        elif usage in usages[:index]:
            errors.duplicate(at(_SPEC, "usages", index), usage)
    if spec.get("signerName") == LEGACY_SIGNER:
        errors.invalid(
            at(_SPEC, "signerName"), LEGACY_SIGNER, "the legacy signerName is not allowed via this API version"
        )
    else:
        _signer(spec.get("signerName") or "", at(_SPEC, "signerName"), errors)
    seconds = spec.get("expirationSeconds")
    if seconds is not None and seconds < SHORTEST:
        text = f"may not specify a duration less than {SHORTEST} seconds (10 minutes)"
        errors.invalid(at(_SPEC, "expirationSeconds"), seconds, text)
    conditions((obj.get("status") or {}).get("conditions") or (), errors)


def _unreadable(text: str) -> str | None:
    """What is wrong with a request as it stands in spec.request."""
    from cryptography import x509  # felt by every command line that reads the tables of kinds
    from cryptography.exceptions import UnsupportedAlgorithm

    pem = base64.b64decode(text)
    if BEGIN not in pem or END not in pem:
        return "PEM block type must be CERTIFICATE REQUEST"
    try:
        found = x509.load_pem_x509_csr(pem)
        if not found.is_signature_valid:
            return "its signature is not of its own key"
    except (ValueError, UnsupportedAlgorithm) as error:
        return f"unable to parse csr: {error}"
    return None


def _signer(name: str, path: Path, errors: Errors) -> None:
    """domain/path: example.com/my-signer."""
    if not name:
        errors.required(path)
        return
    domain, slash, rest = name.partition("/")
    if not slash or "/" in rest:
        text = "must be a fully qualified domain and path of the form 'example.com/signer-name'"
        errors.invalid(path, name, text)
        return
    if "." not in domain:
        errors.invalid(path, domain, "should be a domain with at least two segments separated by dots")
    for label in domain.split("."):
        if wrong := formats.dns_label(label):
            errors.invalid(path, domain, f"validating label {label!r}: {wrong}")
    for label in rest.split("."):
        if wrong := formats.dns_label(label):
            errors.invalid(path, rest, f"validating label {label!r}: {wrong}")


def conditions(found: Sequence[Map], errors: Errors) -> None:
    """Kubernetes: validateConditions. Those of Approved, Denied and Failed can only be true."""
    types = [condition["type"] for condition in found]
    for index, condition in enumerate(found):
        place = at(_CONDITIONS, index)
        if condition["type"] in (APPROVED, DENIED, FAILED) and condition["status"] != "True":
            errors.unsupported(at(place, "status"), condition["status"], ["True"])
    if APPROVED in types and DENIED in types:
        errors.invalid(
            at(_CONDITIONS, types.index(DENIED), "type"),
            DENIED,
            f"{APPROVED} and {DENIED} conditions are mutually exclusive",
        )


def request_update(new: Object, old: Object, errors: Errors) -> None:
    if new["spec"] != old["spec"]:
        errors.forbidden(_SPEC, "updates may not change what was asked for")


def settled(new: Object, old: Object, errors: Errors) -> None:
    """What has been said of a request stays: Approved, Denied and Failed are neither taken back nor changed, and a
    certificate, once issued, is for good."""
    status, was = new.get("status") or {}, old.get("status") or {}
    conditions(status.get("conditions") or (), errors)
    before = {c["type"]: c for c in was.get("conditions") or ()}
    after = {c["type"]: c for c in status.get("conditions") or ()}
    for type in (APPROVED, DENIED, FAILED):
        if type in before and type not in after:
            errors.forbidden(_CONDITIONS, f'updates may not remove a condition of type "{type}"')
    if was.get("certificate") and status.get("certificate") != was["certificate"]:
        errors.forbidden(at(ROOT, "status", "certificate"), "updates may not change a certificate that was issued")
