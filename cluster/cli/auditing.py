"""`up --audit-policy`: the policy that a cluster's apiservers write their audit logs by, read, checked and kept.

Must not know what the policy says.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from cluster.apiserver.audit import DEFAULT_POLICY, policy_of
from cluster.errors import UsageError

KEPT = "audit-policy.json"
NONE = "none"


def read(option: str) -> dict[str, Any] | None:
    """The policy of a file (YAML or JSON), {} for "none"; None for "". UsageError that says what is wrong."""
    if not option:
        return None
    if option == NONE:
        return {}
    try:
        document = yaml.safe_load(Path(option).read_text())
    except OSError as error:
        raise UsageError(f"it cannot be read: {error.strerror}", place=f"--audit-policy {option}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(" ".join(str(error).split()), place=f"--audit-policy {option}", remedy="YAML") from None
    policy_of(document, f"--audit-policy {option}")
    found: dict[str, Any] = document
    return found


def keep(where: Path, policy: dict[str, Any] | None) -> None:
    """For this cluster, until another is given; None leaves what there is."""
    if policy is not None:
        (where / KEPT).write_text(json.dumps(policy, indent=2) + "\n")


def kept(where: Path) -> dict[str, Any] | None:
    """The policy of a cluster; None: it has no audit log."""
    path = where / KEPT
    if not path.exists():
        return DEFAULT_POLICY
    found: dict[str, Any] = json.loads(path.read_text())
    return found or None
