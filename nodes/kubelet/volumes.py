"""A pod's volumes as files, and where a container sees them. Pure; must not write anything.

emptyDir, configMap, secret, downwardAPI, projected (tokens too) and persistentVolumeClaim (a folder of this node).
Others raise Missing: a pod that asks for hostPath waits and says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nodes.kubelet.environment import Missing, Surroundings, content, field_value, resource_value, token_wanted
from nodes.kubelet.facts import Object
from nodes.kubelet.runtime import Mount, Volume


def volumes_of(pod: Object, container: Object, around: Surroundings) -> tuple[Volume, ...]:
    """Those that the container mounts. Missing for what cannot be had."""
    declared = {volume["name"]: volume for volume in (pod.get("spec") or {}).get("volumes") or ()}
    names = dict.fromkeys(mount["name"] for mount in container.get("volumeMounts") or ())
    result = []
    for name in names:
        if name not in declared:
            raise Missing(f"volume {name!r} is mounted but the pod has no such volume")
        result.append(_volume(pod, declared[name], around))
    return tuple(result)


def mounts_of(container: Object) -> tuple[Mount, ...]:
    return tuple(
        Mount(m["name"], m["mountPath"], m.get("subPath") or "", bool(m.get("readOnly")))
        for m in container.get("volumeMounts") or ()
    )


def _volume(pod: Object, volume: Mapping[str, Any], around: Surroundings) -> Volume:
    name = volume["name"]
    claim = volume.get("persistentVolumeClaim")
    if claim:
        namespace = (pod.get("metadata") or {}).get("namespace", "")
        return Volume(name, claim=f"{namespace}_{claim['claimName']}")
    for word in ("configMap", "secret", "downwardAPI"):
        if volume.get(word) is not None:
            mode = volume[word].get("defaultMode")
            return Volume(name, _files(pod, word, volume[word], around), mode=0o644 if mode is None else int(mode))
    if volume.get("projected") is not None:
        files: dict[str, bytes] = {}
        for source in volume["projected"].get("sources") or ():
            for word in ("configMap", "secret", "downwardAPI"):
                if source.get(word) is not None:
                    files.update(_files(pod, word, source[word], around))
            if (token := source.get("serviceAccountToken")) is not None:
                files[str(token.get("path") or "token")] = _token(token, around)
        return Volume(name, files)
    if volume.get("emptyDir") is not None or len(volume) == 1:
        return Volume(name)
    kind = next(word for word in volume if word != "name")
    raise Missing(f"volume {name!r}: {kind} is not supported")


def _files(pod: Object, word: str, source: Mapping[str, Any], around: Surroundings) -> dict[str, bytes]:
    if word == "downwardAPI":
        return {item["path"]: _downward(pod, item, around).encode() for item in source.get("items") or ()}
    optional = bool(source.get("optional"))
    if word == "configMap":
        data = content(around, ("ConfigMap", source["name"]), optional)
    else:
        data = content(around, ("Secret", source.get("secretName") or source["name"]), optional)
    items = source.get("items")
    if not items:
        return data
    files = {}
    for item in items:
        if item["key"] in data:
            files[item["path"]] = data[item["key"]]
        elif not optional:
            raise Missing(f"references non-existent config key: {item['key']}")
    return files


def _token(source: Mapping[str, Any], around: Surroundings) -> bytes:
    token = around.tokens.get(token_wanted(source))
    if token is None:
        raise Missing("serviceAccountToken: there is none for this pod's account")
    return token.encode()


def _downward(pod: Object, item: Mapping[str, Any], around: Surroundings) -> str:
    if item.get("fieldRef"):
        return field_value(pod, item["fieldRef"].get("fieldPath") or "", around)
    ref = item.get("resourceFieldRef") or {}
    containers = (pod.get("spec") or {}).get("containers") or ()
    found = next((c for c in containers if c["name"] == ref.get("containerName")), None)
    if found is None:
        raise Missing(f"resourceFieldRef names no container: {ref.get('containerName')!r}")
    return resource_value(found, dict(ref), around)
