"""What is sealed at rest: which bytes, which keys open them, and what is said when none does."""

from __future__ import annotations

import base64
import stat
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from cluster.errors import UsageError
from cluster.pki import vault
from cluster.pki.chest import ENCRYPTION, Chest
from cluster.pki.vault import MARK, Sealed, Vault, configuration, parse, sealed_with

OLD, NEW = ("old", bytes(range(32))), ("new", bytes(range(32, 64)))
PLACE, VALUE = b"/registry/secrets/default/x", b"\x81\xa4data\xa6hunter"


def vault_with(*keys: tuple[str, bytes], seed: int = 0) -> Vault:
    return Vault(parse(configuration(keys)), Random(seed).randbytes)


def test_sealed_as_kubernetes_does_it() -> None:
    sealed = vault_with(NEW).seal("secrets", PLACE, VALUE)
    assert sealed.startswith(b"k8s:enc:aesgcm:v1:new:")
    assert b"hunter" not in sealed
    assert len(sealed) == len(b"k8s:enc:aesgcm:v1:new:") + 12 + len(VALUE) + 16
    assert sealed_with(sealed) == "new"
    assert vault_with(NEW).open(PLACE, sealed) == VALUE
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce, rest = sealed[22:34], sealed[34:]
    assert AESGCM(NEW[1]).decrypt(nonce, rest, PLACE) == VALUE


def test_the_same_seed_gives_the_same_bytes_and_no_nonce_comes_twice() -> None:
    one, other = vault_with(NEW, seed=7), vault_with(NEW, seed=7)
    sealed = [one.seal("secrets", PLACE, VALUE) for _ in range(100)]
    assert sealed == [other.seal("secrets", PLACE, VALUE) for _ in range(100)]
    assert len(set(sealed)) == 100


def test_other_resources_stay_as_they_are() -> None:
    assert vault_with(NEW).seal("configmaps", PLACE, VALUE) is VALUE
    assert vault_with(NEW).open(PLACE, VALUE) is VALUE


def test_a_new_key_seals_and_old_ones_still_open() -> None:
    before = vault_with(OLD).seal("secrets", PLACE, VALUE)
    both = vault_with(NEW, OLD)
    assert both.open(PLACE, before) == VALUE
    assert sealed_with(both.seal("secrets", PLACE, VALUE)) == "new"


def test_what_does_not_open_says_which_key_it_needs() -> None:
    sealed = vault_with(OLD).seal("secrets", PLACE, VALUE)
    with pytest.raises(Sealed, match="with the key 'old', which is not in encryption") as caught:
        vault_with(NEW).open(PLACE, sealed)
    assert caught.value.key == "old"
    with pytest.raises(Sealed, match="that key is another one of the same name"):
        vault_with(("old", NEW[1])).open(PLACE, sealed)
    with pytest.raises(Sealed, match="changed or moved"):
        vault_with(OLD).open(PLACE + b"y", sealed)
    for damaged in (sealed[:-1], sealed[:30], sealed[:22], sealed[:-1] + bytes([sealed[-1] ^ 1])):
        with pytest.raises(Sealed):
            vault_with(OLD).open(PLACE, damaged)
    for foreign in (MARK, MARK + b"kms:v2:x:", b"k8s:enc:aesgcm:v1:", b"k8s:enc:aesgcm:v1:" + b"n" * 70):
        with pytest.raises(Sealed, match="in a way that is not known here"):
            vault_with(OLD).open(PLACE, foreign)


def test_an_unknown_key_is_looked_for_once() -> None:
    asked: list[int] = []
    keys = [parse(configuration([OLD]))]

    def reread() -> vault.Keys:
        asked.append(1)
        return keys[-1]

    reader = Vault(keys[0], Random(0).randbytes, reread)
    sealed = vault_with(NEW).seal("secrets", PLACE, VALUE)
    for _ in range(3):
        with pytest.raises(Sealed):
            reader.open(PLACE, sealed)
    assert len(asked) == 1
    keys.append(parse(configuration([NEW, OLD])))
    reader.reload()
    assert reader.open(PLACE, sealed) == VALUE
    third = vault_with(("third", b"k" * 16)).seal("secrets", PLACE, VALUE)
    keys.append(parse(configuration([("third", b"k" * 16), OLD])))
    assert reader.open(PLACE, third) == VALUE, "it came between"


def test_identity_first_means_plain() -> None:
    document = configuration([OLD])
    document["resources"][0]["providers"].reverse()
    plain = Vault(parse(document), Random(0).randbytes)
    assert plain.seal("secrets", PLACE, VALUE) == VALUE
    assert plain.open(PLACE, vault_with(OLD).seal("secrets", PLACE, VALUE)) == VALUE


def key(name: Any, secret: Any) -> dict[str, Any]:
    document = configuration([OLD])
    document["resources"][0]["providers"][0]["aesgcm"]["keys"] = [{"name": name, "secret": secret}]
    return document


GOOD = base64.b64encode(OLD[1]).decode()


@pytest.mark.parametrize(
    ("document", "place"),
    [
        (None, "kind"),
        ({"kind": "EncryptionConfiguration", "apiVersion": "v1"}, "kind"),
        ({**configuration([OLD]), "resources": []}, "resources"),
        ({**configuration([OLD]), "resources": [{"resources": ["secrets"]}]}, r"resources\[0\]\.providers"),
        ({**configuration([OLD]), "resources": [{"providers": [{"identity": {}}]}]}, r"resources\[0\]\.resources"),
        (configuration([OLD], ["*.*"]), r"resources\[0\]\.resources"),
        ({**configuration([OLD]), "resources": [{"resources": ["secrets"], "providers": [{"kms": {}}]}]}, "aesgcm or"),
        (key("a:b", GOOD), r"keys\[0\]: name"),
        (key("", GOOD), r"keys\[0\]: name"),
        (key("x" * 65, GOOD), r"keys\[0\]: name"),
        (key(5, GOOD), r"keys\[0\]: name"),
        (key("a", "?"), r"keys\[0\]: secret"),
        (key("a", "YQ=="), r"keys\[0\]: secret"),
        (key("a", None), r"keys\[0\]: secret"),
        (configuration([OLD, ("old", NEW[1])]), "two keys of the name old"),
    ],
)
def test_a_configuration_that_cannot_be_meant_names_the_field(document: Any, place: str) -> None:
    with pytest.raises(UsageError, match=place):
        parse(document, "file.yaml")


def test_the_file_is_made_once_and_rotated(tmp_path: Path) -> None:
    chest = Chest(tmp_path)
    chest.ensure_keys()
    file = tmp_path / ENCRYPTION
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before = file.read_bytes()
    chest.ensure_keys()
    assert file.read_bytes() == before
    (first,) = chest.sealing_keys().known
    second = chest.add_sealing_key()
    keys = chest.sealing_keys()
    assert list(keys.known) == [second, first]
    assert keys.first == {"secrets": second}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    chest.forget_sealing_key(first)
    assert list(chest.sealing_keys().known) == [second]
    assert yaml.safe_load(file.read_text())["kind"] == "EncryptionConfiguration"
    file.unlink()
    with pytest.raises(UsageError, match="cannot be read"):
        chest.sealing_keys()
    file.write_text("{")
    with pytest.raises(UsageError, match="YAML"):
        chest.sealing_keys()
