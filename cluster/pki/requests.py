"""Certificate signing requests: what one asks for, and the certificate that answers it.

Must not touch files, nor know who may have what. Source: RFC 2986; Kubernetes, "Certificate Signing Requests".
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from cluster.pki.authority import Pair, Subject, subject_of

EARLIER = timedelta(minutes=5)
USAGES = {"client auth": ExtendedKeyUsageOID.CLIENT_AUTH, "server auth": ExtendedKeyUsageOID.SERVER_AUTH}
KEY_USAGES = {"digital signature": "digital_signature", "key encipherment": "key_encipherment"}


class Unreadable(Exception):
    """The text is no certificate signing request; says why."""


@dataclass(frozen=True, slots=True)
class Requested:
    """`names`: of hosts; `addresses`: of IP; `others`: further alternative names, as mail addresses."""

    subject: Subject
    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


def read(request: str) -> Requested:
    """Of a `spec.request`: base64 of PEM. Unreadable."""
    return _requested(_load(request))


def groups_of(request: str) -> tuple[str, ...]:
    """The organizations that it asks for; () if it cannot be read."""
    try:
        return read(request).subject.groups
    except Unreadable:
        return ()


def sign(ca: Pair, request: str, usages: Sequence[str], now: datetime, seconds: int) -> str:
    """The certificate, base64 of PEM, as `status.certificate` has it. Never good for longer than its authority.
    Unreadable."""
    asked = _load(request)
    issuer = x509.load_pem_x509_certificate(ca.cert)
    key = load_pem_private_key(ca.key, password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    until = min(now + timedelta(seconds=seconds), issuer.not_valid_after_utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(asked.subject)
        .issuer_name(issuer.subject)
        .public_key(asked.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLIER)
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    )
    extended = [USAGES[usage] for usage in usages if usage in USAGES]
    if extended:
        builder = builder.add_extension(x509.ExtendedKeyUsage(extended), critical=False)
    plain = {KEY_USAGES[usage] for usage in usages if usage in KEY_USAGES}
    if plain:
        bits = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
        flags = {bit: bit in plain for bit in (*bits, "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")}
        builder = builder.add_extension(x509.KeyUsage(**flags), critical=True)
    try:
        names = asked.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        builder = builder.add_extension(names.value, critical=names.critical)
    except x509.ExtensionNotFound:
        pass
    return b64encode(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)).decode()


def _load(request: str) -> x509.CertificateSigningRequest:
    try:
        found = x509.load_pem_x509_csr(b64decode(request, validate=True))
    except (binascii.Error, ValueError, UnsupportedAlgorithm) as error:
        raise Unreadable(f"not a certificate signing request: {error}") from None
    if not found.is_signature_valid:
        raise Unreadable("the request is not signed by its own key")
    return found


def _requested(found: x509.CertificateSigningRequest) -> Requested:
    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    try:
        alternatives = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = tuple(alternatives.get_values_for_type(x509.DNSName))
        addresses = tuple(map(str, alternatives.get_values_for_type(x509.IPAddress)))
        rest = (x509.RFC822Name, x509.UniformResourceIdentifier)
        others = tuple(str(value) for kind in rest for value in alternatives.get_values_for_type(kind))
    except (x509.ExtensionNotFound, ValueError):
        pass
    return Requested(subject_of(found.subject), names, addresses, others)
