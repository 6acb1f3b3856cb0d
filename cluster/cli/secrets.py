"""`secrets`: the keys that what is encrypted in the store is encrypted with; a new one, and old ones taken away.

Must not know ciphers (`cluster.pki.vault`), nor touch the store: apiservers seal anew.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from cluster.cli import output as out
from cluster.cli.certs import PKI
from cluster.cli.session import PATIENCE, Session, command, folder, load_spec
from cluster.errors import StatusError, UsageError
from cluster.pki import vault
from cluster.pki.chest import ENCRYPTION, Chest
from cluster.topology import apiservers

RESEALING = 120.0
"""Seconds that an apiserver gets to seal everything anew."""


@click.group("secrets")
def secrets_command() -> None:
    """Encryption at rest: secrets keys, secrets rotate, secrets forget KEY."""


def chest_of(cluster: str) -> Chest:
    where = folder(cluster)
    load_spec(where)
    return Chest(where / PKI)


def adopt(where: Path, file: Path) -> None:
    """`store restore --keys`: a cluster that is yet to come gets the keys that its data is encrypted with."""
    vault.read(str(file))
    there = where / PKI / ENCRYPTION
    if there.exists():
        if there.read_bytes() == file.read_bytes():
            return
        raise UsageError("there are keys already", place=str(there), remedy="put both files' keys into it", status=1)
    there.parent.mkdir(parents=True, exist_ok=True)
    there.touch(0o600)
    shutil.copyfile(file, there)


@secrets_command.command("keys")
@out.as_json
@command
async def keys_command(output: str, cluster: str) -> int:
    """Every key, whether new values are encrypted with it, and how many values are encrypted with each."""
    chest = chest_of(cluster)
    async with Session(cluster) as session:
        found = await _ask(session, "keys")
    rows = table(chest.sealing_keys(), found)
    if output == "json":
        print(out.to_json(rows))
    else:
        cells = [
            [r["key"] or "(none)", r["resource"], "yes" if r["first"] else "-", str(r["values"]), r["state"]]
            for r in rows
        ]
        print(out.render_table(["KEY", "RESOURCE", "SEALS", "VALUES", "STATE"], cells))
    return 1 if any(row["state"] == "missing" for row in rows) else 0


def table(keys: vault.Keys, found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row for each key and resource; `state`: "" if all is well, "missing" for a key that values need and that the
    file does not have, "plain" for what is not encrypted at all."""
    rows = []
    for resource, about in found["resources"].items():
        sealed: Mapping[str, int] = about["sealed"]
        for name in [*keys.known, *(name for name in sealed if name not in keys.known)]:
            state = "ok" if name in keys.known else "missing" if name else "plain"
            first = bool(name) and name == about["first"]
            rows.append(
                {"key": name, "resource": resource, "first": first, "values": sealed.get(name, 0), "state": state}
            )
    return rows


@secrets_command.command("rotate")
@out.as_json
@command
async def rotate_command(output: str, cluster: str) -> int:
    """A new key: everything is encrypted anew with it. The old ones stay, for backups; `forget` takes one away.

    Exit status 1 if an apiserver did not answer: it goes on with an old key until it is told, or restarted."""
    chest = chest_of(cluster)
    async with Session(cluster) as session:
        await _ask(session, "keys")  # else there is nobody to encrypt anew, and no key is made
        name = chest.add_sealing_key()
        told, silent = await _tell(session)
        resealed = (await _ask(session, "reseal", RESEALING))["resealed"]
    data = {"key": name, "told": told, "silent": silent, "resealed": resealed}
    text = f"{name} encrypts from now on; {resealed} values encrypted anew with it"
    if silent:
        text += f"\nnot told: {', '.join(silent)}; it encrypts with an old key until this is repeated, or it restarts"
    print(out.to_json(data) if output == "json" else text)
    return 1 if silent else 0


@secrets_command.command("forget")
@click.argument("key")
@command
async def forget_command(key: str, cluster: str) -> int:
    """Take a key away that nothing in the store is encrypted with any more. Backups that need it are lost with it."""
    chest = chest_of(cluster)
    keys = chest.sealing_keys()
    if key not in keys.known:
        raise UsageError(f"no key {key!r}", place="secrets forget", remedy=f"one of {', '.join(keys.known)}")
    async with Session(cluster) as session:
        for row in table(keys, await _ask(session, "keys")):
            if row["key"] == key and (row["first"] or row["values"]):
                what = "encrypts what is new" if row["first"] else f"has encrypted {row['values']} {row['resource']}"
                raise UsageError(f"{key} {what}", place="secrets forget", remedy="`secrets rotate` first", status=1)
        _, silent = await _tell(session)
        if silent:
            text = f"{', '.join(silent)} does not answer and may still encrypt with it"
            raise UsageError(text, place="secrets forget", remedy="heal or kill it first", status=1)
        chest.forget_sealing_key(key)
        await _tell(session)
    print(f"{key} is forgotten; backups from before the rotation that replaced it cannot be read any more")
    return 0


async def _ask(session: Session, what: str, timeout: float = PATIENCE) -> dict[str, Any]:
    """One apiserver's answer, of the first that gives one."""
    client = await session.client()
    failure: StatusError | None = None
    for name in client.servers.names:
        try:
            answer: dict[str, Any] = await (await session.rpc()).call(name, f"encryption.{what}", {}, timeout=timeout)
            return answer
        except StatusError as error:
            failure = error
    assert failure is not None
    raise failure


async def _tell(session: Session) -> tuple[list[str], list[str]]:
    """Every apiserver reads the keys again: those that did, and those that live and did not answer (who is dead reads
    them when it starts)."""
    told, silent = list[str](), list[str]()
    rpc, hosts = await session.rpc(), (await session.world.status())["hosts"]
    for name in sorted(apiservers(session.spec)):
        if hosts.get(name, {}).get("state", "dead") == "dead":
            continue
        try:
            await rpc.call(name, "encryption.reload", {}, timeout=PATIENCE)
            told.append(name)
        except StatusError as error:
            if error.reason == "BadRequest":
                raise
            silent.append(name)
    return told, silent
