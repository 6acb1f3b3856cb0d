"""Certificates: what stands in them, who is believed, what lies in the folder and who may read it."""

from __future__ import annotations

import ssl
import stat
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from cluster.errors import UsageError
from cluster.pki.authority import Subject, authority, facts, issue
from cluster.pki.chest import CA, Chest, Wanted
from cluster.pki.kubeconfig import kubeconfig

NOW = datetime(2026, 11, 28, tzinfo=UTC)
SERVER = Wanted(Subject("kube-apiserver"), ("127.77.0.1", "localhost"))
ADMIN = Wanted(Subject("kubernetes-admin", ("system:masters",)))


def test_what_stands_in_a_certificate() -> None:
    ca = authority("capstan-dev", NOW, 10)
    pair = issue(ca, Subject("system:node:worker-1", ("system:nodes",)), NOW, 5, ("127.0.0.1", "worker-1"))
    found = facts(pair.cert)
    assert found.subject == Subject("system:node:worker-1", ("system:nodes",))
    assert found.issuer == "capstan-dev"
    assert found.hosts == ("127.0.0.1", "worker-1")
    assert not found.is_authority
    assert facts(ca.cert).is_authority
    assert found.not_before < NOW < found.not_after == NOW + timedelta(days=5)
    with pytest.raises(UsageError, match=r"x\.crt.*not a PEM certificate|not a PEM certificate"):
        facts(b"nothing", "x.crt")


def test_openssl_takes_what_was_made(tmp_path: Path) -> None:
    chest = Chest(tmp_path)
    chest.ensure("dev", {"apiserver-0": SERVER}, datetime.now(UTC))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chest.cert("apiserver-0"), chest.key("apiserver-0"))
    context.load_verify_locations(chest.cert(CA))


def test_made_once_and_kept(tmp_path: Path) -> None:
    chest = Chest(tmp_path / "pki")
    wanted = {"apiserver-0": SERVER, "admin": ADMIN}
    assert chest.ensure("dev", wanted, NOW) == ["apiserver-0", "admin"]
    before = {path.name: path.read_bytes() for path in chest.folder.iterdir()}
    assert chest.ensure("dev", wanted, NOW) == []
    assert {path.name: path.read_bytes() for path in chest.folder.iterdir()} == before
    for name in (CA, *wanted):
        assert stat.S_IMODE(chest.key(name).stat().st_mode) == 0o600
    more = {"apiserver-0": Wanted(SERVER.subject, ("127.77.0.1", "localhost", "127.77.0.9"))}
    assert chest.ensure("dev", more, NOW) == ["apiserver-0"]
    assert "127.77.0.9" in chest.facts("apiserver-0").hosts


def test_renewed_for_so_many_days(tmp_path: Path) -> None:
    chest = Chest(tmp_path)
    chest.ensure("dev", {"apiserver-0": SERVER}, NOW)
    later = NOW + timedelta(days=100)
    chest.renew(["apiserver-0"], later, 3000)
    assert chest.facts("apiserver-0").not_after == later + timedelta(days=3000)
    assert chest.facts("apiserver-0").hosts == SERVER.hosts
    with pytest.raises(UsageError, match="the authority itself ends"):
        chest.renew(["apiserver-0"], later, 7201)
    with pytest.raises(UsageError, match="missing"):
        chest.pair("nobody")


def test_ten_years_can_be_had_at_once_and_after_some_years(tmp_path: Path) -> None:
    chest = Chest(tmp_path)
    chest.ensure("dev", {"apiserver-0": SERVER}, NOW, 3650)
    assert chest.facts("apiserver-0").not_after == NOW + timedelta(days=3650)
    later = NOW + timedelta(days=3000)
    chest.renew(["apiserver-0"], later, 3650)
    assert chest.facts("apiserver-0").not_after == later + timedelta(days=3650)


def test_a_kubeconfig_has_everything_inline(tmp_path: Path) -> None:
    chest = Chest(tmp_path)
    chest.ensure("dev", {"admin": ADMIN}, NOW)
    servers = {"dev": "https://127.77.0.1:6443", "dev-master-1": "https://127.77.0.2:6443"}
    config = yaml.safe_load(kubeconfig("dev", servers, chest.pair(CA).cert, chest.pair("admin")))
    assert config["current-context"] == "dev"
    assert [c["cluster"]["server"] for c in config["clusters"]] == list(servers.values())
    user = config["users"][0]["user"]
    assert facts(b64decode(user["client-certificate-data"])).subject == ADMIN.subject
