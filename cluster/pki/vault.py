"""Values that are encrypted at rest: which keys there are, sealing a value, opening it again.

Must not know what values are, nor where they are kept. Source: Kubernetes, "Encrypting Confidential Data at Rest": the
file is its EncryptionConfiguration, with the providers aesgcm and identity, and a sealed value is as there

    k8s:enc:aesgcm:v1:NAME:    then 12 bytes of nonce, the ciphertext and 16 bytes of tag

where NAME says with which key. The key under which the value is kept is authenticated with it: a value that was moved
to another place does not open.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster.errors import UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MARK = b"k8s:enc:"
"""How every sealed value begins; no value that is not sealed does (those are msgpack maps)."""
_PREFIX = b"k8s:enc:aesgcm:v1:"
NONCE = 12
SIZES = (16, 24, 32)
"""Bytes of a key."""
SECRETS = "secrets"
_KIND, _VERSION = "EncryptionConfiguration", "apiserver.config.k8s.io/v1"
_LONGEST_NAME = 64


class Sealed(Exception):
    """What stays shut: its text says which key would open it, and what to do. `key`: that key's name."""

    def __init__(self, key: str, text: str) -> None:
        super().__init__(text)
        self.key = key


@dataclass(frozen=True, slots=True)
class Keys:
    """`known`: every key by name. `first`: resource ("secrets", "widgets.example.com") -> the name of the key that
    seals it, "" for none. `place`: where they came from, for messages."""

    known: Mapping[str, bytes] = field(default_factory=dict)
    first: Mapping[str, str] = field(default_factory=dict)
    place: str = ""


def name_of(key: bytes) -> str:
    """Two keys never have the same name: one that was made anew is not taken for the one that is missing."""
    return f"key-{hashlib.sha256(key).hexdigest()[:12]}"


def configuration(keys: Sequence[tuple[str, bytes]], resources: Sequence[str] = (SECRETS,)) -> dict[str, Any]:
    """An EncryptionConfiguration: the first key seals, any opens."""
    listed = [{"name": name, "secret": base64.b64encode(key).decode()} for name, key in keys]
    providers = [{"aesgcm": {"keys": listed}}, {"identity": {}}]
    entry = {"resources": list(resources), "providers": providers}
    return {"apiVersion": _VERSION, "kind": _KIND, "resources": [entry]}


def read(path: str) -> Keys:
    """Of a file. UsageError that names it, and what in it is wrong."""
    try:
        text = Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        remedy = "`up` makes a new one; what old keys have sealed needs the old file"
        raise UsageError(f"the keys of what is encrypted cannot be read: {why}", place=path, remedy=remedy) from None
    import yaml  # not where there is no file

    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(" ".join(str(error).split()), place=path, remedy="YAML") from None
    return parse(document, path)


def parse(document: Any, place: str = "encryption") -> Keys:
    """Of an EncryptionConfiguration. UsageError that names the field."""

    def wrong(where: str, what: str, remedy: str = "") -> UsageError:
        return UsageError(f"{where}: {what}", place=place, remedy=remedy)

    if type(document) is not dict or (document.get("kind"), document.get("apiVersion")) != (_KIND, _VERSION):
        raise wrong("kind", f"not an {_KIND} of {_VERSION}")
    known: dict[str, bytes] = {}
    first: dict[str, str] = {}
    for i, entry in enumerate(_list(document.get("resources"), wrong, "resources")):
        at = f"resources[{i}]"
        sealing: str | None = None
        for j, provider in enumerate(_list(_map(entry).get("providers"), wrong, f"{at}.providers")):
            here = f"{at}.providers[{j}]"
            name = next(iter(_map(provider)), "")
            if name not in ("aesgcm", "identity") or len(provider) != 1:
                raise wrong(here, f"provider {name!r} is not known", "aesgcm or identity")
            names = []
            if name == "aesgcm":
                here = f"{here}.aesgcm.keys"
                for k, key in enumerate(_list(_map(provider[name]).get("keys"), wrong, here)):
                    names.append(_key(key, known, partial(wrong, f"{here}[{k}]")))
            sealing = (names or [""])[0] if sealing is None else sealing
        for resource in _list(_map(entry).get("resources"), wrong, f"{at}.resources"):
            if type(resource) is not str or not resource or "*" in resource:
                raise wrong(f"{at}.resources", f"{resource!r} is no resource", "for example secrets, or jobs.batch")
            first.setdefault(resource, sealing or "")
    return Keys(known, first, place)


def _key(entry: Any, known: dict[str, bytes], wrong: Callable[[str], UsageError]) -> str:
    name, secret = _map(entry).get("name"), _map(entry).get("secret")
    if type(name) is not str or not 0 < len(name) <= _LONGEST_NAME or not name.isascii() or ":" in name:
        raise wrong(f"name: 1 to {_LONGEST_NAME} letters without a colon")
    try:
        key = base64.b64decode(secret if type(secret) is str else "", validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) not in SIZES:
        raise wrong("secret: 16, 24 or 32 random bytes in base64")
    if known.setdefault(name, key) != key:
        raise wrong(f"there are two keys of the name {name}")
    return name


def _list(value: Any, wrong: Callable[[str, str], UsageError], where: str) -> list[Any]:
    if type(value) is not list or not value:
        raise wrong(where, "a list with at least one entry is expected")
    return value


def _map(value: Any) -> dict[str, Any]:
    return value if type(value) is dict else {}


class Vault:
    """`nonce`: so many random bytes, never the same twice. `reread`: the keys as they are now; asked when a value
    names a key that is not known, once for each such key."""

    def __init__(self, keys: Keys, nonce: Callable[[int], bytes], reread: Callable[[], Keys] | None = None) -> None:
        self._keys = keys
        self._nonce = nonce
        self._reread = reread
        self._ciphers: dict[str, AESGCM] = {}
        self._missing: dict[str, None] = {}

    @property
    def keys(self) -> Keys:
        return self._keys

    def reload(self) -> None:
        """Take the keys as they are now. UsageError: those from before go on."""
        if self._reread is not None:
            self._keys = self._reread()
            self._ciphers.clear()
        self._missing.clear()

    def seals(self, resource: str) -> str:
        """The name of the key that seals values of a resource, "" if none does."""
        return self._keys.first.get(resource, "")

    def seal(self, resource: str, place: bytes, value: bytes) -> bytes:
        """What is to be kept at `place`: the value itself where the resource is not encrypted."""
        name = self.seals(resource)
        if not name:
            return value
        nonce = self._nonce(NONCE)
        return _PREFIX + name.encode() + b":" + nonce + self._cipher(name).encrypt(nonce, value, place)

    def open(self, place: bytes, value: bytes) -> bytes:
        """The value that was sealed for `place`; one that is not sealed, as it is. Sealed."""
        if not value.startswith(MARK):
            return value
        name = sealed_with(value)
        if not name:
            raise Sealed("", f"it is encrypted in a way that is not known here ({value[:32]!r})")
        if name not in self._keys.known:
            self._look_again(name)
        if name not in self._keys.known:
            text = f"it is encrypted with the key {name!r}, which is not in {self._keys.place}"
            raise Sealed(name, f"{text}; put that key back there and restart the apiservers")
        rest = value[len(_PREFIX) + len(name) + 1 :]
        from cryptography.exceptions import InvalidTag

        try:
            return self._cipher(name).decrypt(rest[:NONCE], rest[NONCE:], place)
        except (InvalidTag, ValueError):
            text = f"it does not open with the key {name!r} of {self._keys.place}: the value was changed or moved, or "
            raise Sealed(name, text + "that key is another one of the same name") from None

    def _look_again(self, name: str) -> None:
        """The key may have come since; a file that cannot be read is as good as one without it."""
        if name in self._missing:
            return
        missing = {**self._missing, name: None}
        try:
            self.reload()
        except UsageError:
            pass
        self._missing = missing

    def _cipher(self, name: str) -> AESGCM:
        found = self._ciphers.get(name)
        if found is None:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # 20 ms: not where nothing is sealed

            found = self._ciphers[name] = AESGCM(self._keys.known[name])
        return found


def sealed_with(value: bytes) -> str:
    """The name of the key that a value is sealed with; "" for what is not, or not so that it could be opened here."""
    if not value.startswith(_PREFIX):
        return ""
    end = value.find(b":", len(_PREFIX), len(_PREFIX) + _LONGEST_NAME + 1)
    return value[len(_PREFIX) : end].decode("ascii", "replace") if end > 0 else ""
