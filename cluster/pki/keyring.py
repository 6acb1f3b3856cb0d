"""Keys that sign tokens: a JWT made of claims, and the claims of a JWT that one of the keys has signed.

Must not know what claims mean, nor look at clocks: whether a token is still good is for others to say. Source: RFC
7519; Kubernetes signs ServiceAccount tokens the same way (--service-account-signing-key-file).
"""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from jwt.algorithms import ECAlgorithm

from cluster.errors import UsageError

ALGORITHM = "ES256"
MOST_LETTERS = 16 << 10
"""Of a token; a longer one is none."""


class NotOurs(Exception):
    """What a token is not: a JWT, or signed by one of these keys. Its text says which."""


class Keyring:
    """`keys`: private keys, PEM. The first signs, any may have signed."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys: dict[str, ec.EllipticCurvePrivateKey] = {}
        for pem in keys:
            try:
                key = load_pem_private_key(pem, password=None)
            except ValueError as error:
                raise UsageError(f"not a PEM private key: {error}", place="token signing key") from None
            if not isinstance(key, ec.EllipticCurvePrivateKey):
                raise UsageError("not a P-256 key", place="token signing key")
            self._keys[_name(key)] = key
        self._first = next(iter(self._keys))

    @staticmethod
    def read(path: str) -> Keyring:
        """UsageError when there is none."""
        try:
            return Keyring([Path(path).read_bytes()])
        except OSError as error:
            raise UsageError(f"the key that signs tokens cannot be read: {error.strerror}", place=path) from None

    def sign(self, claims: Mapping[str, Any]) -> str:
        return jwt.encode(dict(claims), self._keys[self._first], algorithm=ALGORITHM, headers={"kid": self._first})

    def verify(self, token: str) -> dict[str, Any]:
        """The claims, of whatever time. NotOurs."""
        if len(token) > MOST_LETTERS:
            raise NotOurs("it is too long for a token")
        try:
            name = jwt.get_unverified_header(token).get("kid") or self._first
        except jwt.InvalidTokenError:
            raise NotOurs("it is not a token of any kind that this cluster knows") from None
        key = self._keys.get(name)
        if key is None:
            raise NotOurs("it is signed by a key that this cluster does not have")
        unchecked = {f"verify_{claim}": False for claim in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")}
        try:
            claims: dict[str, Any] = jwt.decode(token, key.public_key(), algorithms=[ALGORITHM], options=unchecked)  # type: ignore[arg-type]
        except jwt.InvalidTokenError:
            raise NotOurs("its signature does not belong to what it says") from None
        return claims

    def jwks(self) -> dict[str, Any]:
        """The public keys, for whoever verifies tokens elsewhere (RFC 7517)."""
        keys = [
            json.loads(ECAlgorithm.to_jwk(key.public_key())) | {"kid": name, "use": "sig", "alg": ALGORITHM}
            for name, key in self._keys.items()
        ]
        return {"keys": keys}


def signing_key() -> bytes:
    """A new private key, PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _name(key: ec.EllipticCurvePrivateKey) -> str:
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return urlsafe_b64encode(hashlib.sha256(public).digest()).rstrip(b"=").decode()
