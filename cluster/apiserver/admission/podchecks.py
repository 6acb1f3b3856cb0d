"""The checks of the Pod Security Standards, baseline and restricted, each with Kubernetes' words.

Pure. Must not know namespaces or levels' labels. Source: Kubernetes, pod-security-admission/policy (check_*.go).
A check is a function of (metadata, spec) to (reason, detail), or None when the pod passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from cluster.apiserver.admission.review import Object, maps

Found = tuple[str, str] | None
Check = Callable[[Object, Object], Found]

BASIC_CAPABILITIES = (
    *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE"),
    *("SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
)
SAFE_SYSCTLS = (
    *("kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.tcp_syncookies"),
    *("net.ipv4.ping_group_range", "net.ipv4.ip_unprivileged_port_start", "net.ipv4.ip_local_reserved_ports"),
    *("net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl"),
    *("net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"),
)
SELINUX_TYPES = ("", "container_t", "container_init_t", "container_kvm_t", "container_engine_t")
APPARMOR = "container.apparmor.security.beta.kubernetes.io/"
RESTRICTED_VOLUMES = (
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim"),
    *("projected", "secret"),
)


def evaluate(meta: Object, spec: Object, level: str) -> list[str]:
    """What is wrong at a level, "reason (detail)" each; of `level` restricted, baseline's checks come first."""
    checks = BASELINE if level == "baseline" else RESTRICTED
    found = [check(meta, spec) for check in checks]
    return [f"{reason} ({detail})" if detail else reason for reason, detail in filter(None, found)]


def _containers(spec: Object) -> Iterator[Object]:
    for field in ("initContainers", "containers", "ephemeralContainers"):
        yield from maps(spec.get(field))


def _context(holder: Object) -> Object:
    found = holder.get("securityContext")
    return found if type(found) is dict else {}


def _inside(holder: Object, *path: str) -> Any:
    value: Any = holder
    for part in path:
        value = value.get(part) if type(value) is dict else None
    return value


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _plural(word: str, names: Sequence[Any]) -> str:
    return word if len(names) == 1 else word + "s"


def _which(holds: Callable[[Object], bool], spec: Object) -> list[str]:
    return [str(each.get("name", "")) for each in _containers(spec) if holds(each)]


def _must(names: Sequence[str], text: str) -> str:
    return f"{_plural('container', names)} {_quoted(names)} {text}"


# ── baseline ─────────────────────────────────────────────────────────────────────────────────────────────────


def apparmor(meta: Object, spec: Object) -> Found:
    wrong = []
    for name, value in sorted((meta.get("annotations") or {}).items()):
        if name.startswith(APPARMOR) and value not in ("", "runtime/default") and not value.startswith("localhost/"):
            wrong.append(f'annotation "{name}={value}"')
    if _inside(_context(spec), "appArmorProfile", "type") == "Unconfined":
        wrong.append('pod must not set AppArmor profile type to "Unconfined"')
    names = _which(lambda c: _inside(_context(c), "appArmorProfile", "type") == "Unconfined", spec)
    if names:
        wrong.append(_must(names, 'must not set AppArmor profile type to "Unconfined"'))
    return (f"forbidden AppArmor {_plural('profile', wrong)}", ", ".join(wrong)) if wrong else None


def capabilities(meta: Object, spec: Object) -> Found:
    return _added(spec, BASIC_CAPABILITIES, "non-default capabilities")


def _added(spec: Object, allowed: Sequence[str], reason: str) -> Found:
    names, extra = [], dict[str, None]()
    for each in _containers(spec):
        added = [c for c in _inside(_context(each), "capabilities", "add") or () if c not in allowed]
        if added:
            names.append(str(each.get("name", "")))
            extra.update(dict.fromkeys(added))
    if not names:
        return None
    return reason, _must(names, f"must not include {_quoted(sorted(extra))} in securityContext.capabilities.add")


def host_namespaces(meta: Object, spec: Object) -> Found:
    wrong = [f"{field}=true" for field in ("hostNetwork", "hostPID", "hostIPC") if spec.get(field) is True]
    return ("host namespaces", ", ".join(wrong)) if wrong else None


def host_path(meta: Object, spec: Object) -> Found:
    names = [str(volume.get("name", "")) for volume in maps(spec.get("volumes")) if volume.get("hostPath") is not None]
    return ("hostPath volumes", f"{_plural('volume', names)} {_quoted(names)}") if names else None


def host_ports(meta: Object, spec: Object) -> Found:
    names, ports = [], set[int]()
    for each in _containers(spec):
        used = [port["hostPort"] for port in maps(each.get("ports")) if port.get("hostPort")]
        if used:
            names.append(str(each.get("name", "")))
            ports.update(used)
    if not names:
        return None
    listed = ", ".join(map(str, sorted(ports)))
    uses = "uses" if len(names) == 1 else "use"
    return "hostPort", f"{_plural('container', names)} {_quoted(names)} {uses} {_plural('hostPort', [*ports])} {listed}"


def privileged(meta: Object, spec: Object) -> Found:
    names = _which(lambda c: _context(c).get("privileged") is True, spec)
    return ("privileged", _must(names, "must not set securityContext.privileged=true")) if names else None


def proc_mount(meta: Object, spec: Object) -> Found:
    names = _which(lambda c: _context(c).get("procMount") not in (None, "", "Default"), spec)
    values = sorted({str(_context(c)["procMount"]) for c in _containers(spec) if _context(c).get("procMount")})
    values = [value for value in values if value != "Default"]
    return (
        ("procMount", _must(names, f"must not set securityContext.procMount to {_quoted(values)}")) if names else None
    )


def selinux(meta: Object, spec: Object) -> Found:
    holders, wrong = [], dict[str, None]()
    if found := _selinux(_context(spec)):
        holders.append("pod")
        wrong.update(dict.fromkeys(found))
    names = []
    for each in _containers(spec):
        if found := _selinux(_context(each)):
            names.append(str(each.get("name", "")))
            wrong.update(dict.fromkeys(found))
    if names:
        holders.append(f"{_plural('container', names)} {_quoted(names)}")
    if not holders:
        return None
    return "seLinuxOptions", f"{' and '.join(holders)} set forbidden securityContext.seLinuxOptions: {'; '.join(wrong)}"


def _selinux(context: Object) -> list[str]:
    options = context.get("seLinuxOptions")
    if type(options) is not dict:
        return []
    kind = options.get("type") or ""
    wrong = [] if kind in SELINUX_TYPES else [f'type "{kind}"']
    return wrong + [f"{field} may not be set" for field in ("user", "role") if options.get(field)]


def seccomp(meta: Object, spec: Object) -> Found:
    wrong = []
    if _inside(_context(spec), "seccompProfile", "type") == "Unconfined":
        wrong.append('pod must not set securityContext.seccompProfile.type to "Unconfined"')
    names = _which(lambda c: _inside(_context(c), "seccompProfile", "type") == "Unconfined", spec)
    if names:
        wrong.append(_must(names, 'must not set securityContext.seccompProfile.type to "Unconfined"'))
    return ("seccompProfile", ", ".join(wrong)) if wrong else None


def sysctls(meta: Object, spec: Object) -> Found:
    names = [str(each.get("name")) for each in maps(_context(spec).get("sysctls"))]
    wrong = [name for name in names if name not in SAFE_SYSCTLS]
    return ("forbidden sysctls", ", ".join(wrong)) if wrong else None


def host_process(meta: Object, spec: Object) -> Found:
    names = _which(lambda c: _inside(_context(c), "windowsOptions", "hostProcess") is True, spec)
    holders = ["pod"] if _inside(_context(spec), "windowsOptions", "hostProcess") is True else []
    if names:
        holders.append(f"{_plural('container', names)} {_quoted(names)}")
    text = "must not set securityContext.windowsOptions.hostProcess=true"
    return ("hostProcess", f"{' and '.join(holders)} {text}") if holders else None


# ── restricted ───────────────────────────────────────────────────────────────────────────────────────────────


def escalation(meta: Object, spec: Object) -> Found:
    names = _which(lambda c: _context(c).get("allowPrivilegeEscalation") is not False, spec)
    text = "must set securityContext.allowPrivilegeEscalation=false"
    return ("allowPrivilegeEscalation != false", _must(names, text)) if names and not _windows(spec) else None


def capabilities_restricted(meta: Object, spec: Object) -> Found:
    if _windows(spec):
        return None
    keep = _which(lambda c: "ALL" not in (_inside(_context(c), "capabilities", "drop") or ()), spec)
    wrong = [_must(keep, 'must set securityContext.capabilities.drop=["ALL"]')] if keep else []
    added = _added(spec, ("NET_BIND_SERVICE",), "")
    if added is not None:
        wrong.append(added[1])
    return ("unrestricted capabilities", "; ".join(wrong)) if wrong else None


def volumes(meta: Object, spec: Object) -> Found:
    names, kinds = [], dict[str, None]()
    for volume in maps(spec.get("volumes")):
        wrong = [field for field in volume if field != "name" and field not in RESTRICTED_VOLUMES]
        if wrong:
            names.append(str(volume.get("name", "")))
            kinds.update(dict.fromkeys(wrong))
    if not names:
        return None
    uses = "uses" if len(names) == 1 else "use"
    what = _plural("type", [*kinds])
    listed = _quoted(sorted(kinds))
    return (
        "restricted volume types",
        f"{_plural('volume', names)} {_quoted(names)} {uses} restricted volume {what} {listed}",
    )


def non_root(meta: Object, spec: Object) -> Found:
    pod = _context(spec).get("runAsNonRoot")
    explicit = _which(lambda c: _context(c).get("runAsNonRoot") is False, spec)
    text = "must not set securityContext.runAsNonRoot=false"
    wrong = [f"pod {text}"] if pod is False else []
    if explicit:
        wrong.append(_must(explicit, text))
    if wrong:
        return "runAsNonRoot != true", " and ".join(wrong)
    silent = _which(lambda c: _context(c).get("runAsNonRoot") is None, spec) if pod is not True else []
    if not silent:
        return None
    must = f"pod or {_must(silent, 'must set securityContext.runAsNonRoot=true')}"
    return "runAsNonRoot != true", must


def root_user(meta: Object, spec: Object) -> Found:
    holders = ["pod"] if _context(spec).get("runAsUser") == 0 else []
    names = _which(lambda c: _context(c).get("runAsUser") == 0, spec)
    if names:
        holders.append(f"{_plural('container', names)} {_quoted(names)}")
    return ("runAsUser=0", f"{' and '.join(holders)} must not set runAsUser=0") if holders else None


def seccomp_restricted(meta: Object, spec: Object) -> Found:
    if _windows(spec):
        return None
    good = ("RuntimeDefault", "Localhost")
    pod = _inside(_context(spec), "seccompProfile", "type")
    wrong = []
    if pod is not None and pod not in good:
        wrong.append(f'pod must not set securityContext.seccompProfile.type to "{pod}"')
    bad = _which(lambda c: _inside(_context(c), "seccompProfile", "type") not in (None, *good), spec)
    if bad:
        told = {str(_inside(_context(c), "seccompProfile", "type")) for c in _containers(spec)}
        kinds = sorted(told - {"None", *good})
        wrong.append(_must(bad, f"must not set securityContext.seccompProfile.type to {_quoted(kinds)}"))
    if wrong:
        return "seccompProfile", "; ".join(wrong)
    silent = _which(lambda c: _inside(_context(c), "seccompProfile", "type") is None, spec) if pod is None else []
    if not silent:
        return None
    text = 'must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'
    return "seccompProfile", f"pod or {_must(silent, text)}"


def _windows(spec: Object) -> bool:
    return bool(_inside(spec, "os", "name") == "windows")


BASELINE: tuple[Check, ...] = (
    *(apparmor, capabilities, host_namespaces, host_path, host_ports, privileged, proc_mount, selinux),
    *(seccomp, sysctls, host_process),
)
_OVERRIDDEN = (capabilities, host_path, seccomp)
RESTRICTED: tuple[Check, ...] = (
    *(check for check in BASELINE if check not in _OVERRIDDEN),
    *(escalation, capabilities_restricted, volumes, non_root, root_user, seccomp_restricted),
)
