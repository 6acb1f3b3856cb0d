"""Certificates as values: an authority, what it signs, and what is written in one.

Must not touch files, and must not know who needs which certificate. Times come in. Source: RFC 5280; Kubernetes, "PKI
certificates and requirements" (the subject's common name is the user, its organizations are the groups).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cluster.errors import UsageError

EARLIER = timedelta(hours=1)
"""A certificate is good from so long before it was made: clocks differ, and some are made to."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key, both PEM."""

    cert: bytes
    key: bytes


@dataclass(frozen=True, slots=True)
class Subject:
    """`name`: the user ("system:node:worker-1"). `groups`: ("system:nodes",)."""

    name: str
    groups: tuple[str, ...] = ()

    def x509(self) -> x509.Name:
        parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in self.groups]
        return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, self.name)])


@dataclass(frozen=True, slots=True)
class Facts:
    """What stands in a certificate. `hosts`: names and addresses that it is good for."""

    subject: Subject
    issuer: str
    not_before: datetime
    not_after: datetime
    hosts: tuple[str, ...] = ()
    is_authority: bool = False


def authority(name: str, now: datetime, days: int) -> Pair:
    """A new self-signed authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = Subject(name)
    builder = _builder(subject.x509(), subject.x509(), key.public_key(), now, days)
    usage = x509.KeyUsage(True, False, True, False, False, True, True, False, False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(usage, critical=True)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return _pair(builder.add_extension(identifier, critical=False).sign(key, hashes.SHA256()), key)


def issue(ca: Pair, subject: Subject, now: datetime, days: int, hosts: Sequence[str] = ()) -> Pair:
    """A certificate signed by `ca`. With `hosts` it is a server's (and may be a client's too), else only a client's."""
    issuer = x509.load_pem_x509_certificate(ca.cert)
    signer = load_pem_private_key(ca.key, password=None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(subject.x509(), issuer.subject, key.public_key(), now, days)
    usages = [ExtendedKeyUsageOID.CLIENT_AUTH]
    if hosts:
        usages.append(ExtendedKeyUsageOID.SERVER_AUTH)
        names = x509.SubjectAlternativeName([_general(host) for host in hosts])
        builder = builder.add_extension(names, critical=False)
    builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    return _pair(builder.add_extension(identifier, critical=False).sign(signer, hashes.SHA256()), key)


def facts(pem: bytes, place: str = "certificate") -> Facts:
    """UsageError if it is none."""
    try:
        cert = x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise UsageError(f"not a PEM certificate: {error}", place=place) from None
    hosts: tuple[str, ...] = ()
    try:
        names = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        hosts = tuple(str(name.value) for name in names)
    except x509.ExtensionNotFound:
        pass
    try:
        is_authority = cert.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        is_authority = False
    times = (cert.not_valid_before_utc, cert.not_valid_after_utc)
    return Facts(subject_of(cert.subject), subject_of(cert.issuer).name, *times, hosts, is_authority)


def subject_of(name: x509.Name) -> Subject:
    common = [str(part.value) for part in name.get_attributes_for_oid(NameOID.COMMON_NAME)]
    groups = [str(part.value) for part in name.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    return Subject(common[0] if common else "", tuple(groups))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    now = now.astimezone(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLIER)
        .not_valid_after(now + timedelta(days=days))
    )


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pair(cert: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Pair(cert.public_bytes(Encoding.PEM), secret)
