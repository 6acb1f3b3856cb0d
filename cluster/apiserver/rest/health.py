"""/livez, /readyz and /healthz: named checks, all at once or one at a time.

Pure. Must not know what is checked. Source: Kubernetes, "Kubernetes API health endpoints".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

NAMES = ("healthz", "livez", "readyz")
WITHHELD = "failed: reason withheld"


def answer(name: str, checks: Mapping[str, bool], excluded: Sequence[str], *, verbose: bool) -> tuple[int, str]:
    """(HTTP status, text) of all checks; those `excluded` count as passed."""
    lines, failed = [], []
    for check, holds in checks.items():
        if check in excluded:
            lines.append(f"[+]{check} excluded: ok")
        elif holds:
            lines.append(f"[+]{check} ok")
        else:
            lines.append(f"[-]{check} {WITHHELD}")
            failed.append(check)
    unknown = [word for word in excluded if word not in checks]
    if unknown:
        words = ", ".join(f'"{word}"' for word in unknown)
        lines.append(f"warn: some health checks cannot be excluded: no matches for {words}")
    if failed:
        return 500, "\n".join([*lines, f"{name} check failed", ""])
    if not verbose:
        return 200, "ok"
    return 200, "\n".join([*lines, f"{name} check passed", ""])


def one(check: str, checks: Mapping[str, bool]) -> tuple[int, str] | None:
    """Of one check; None if there is none of that name."""
    if check not in checks:
        return None
    return (200, "ok") if checks[check] else (500, f"internal server error: {check} {WITHHELD}\n")
