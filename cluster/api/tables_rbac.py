"""The rows of Roles and their bindings.

Must not fetch or compute anything that is not in the object.
"""

from __future__ import annotations

from cluster.api.meta import Object, name_of
from cluster.api.printing import Printer, age, created


def _binding(obj: Object, now: float) -> list[str]:
    ref, subjects = obj.get("roleRef") or {}, obj.get("subjects") or ()
    named: dict[str, list[str]] = {"User": [], "Group": [], "ServiceAccount": []}
    for subject in subjects:
        text = subject.get("name", "")
        if subject.get("kind") == "ServiceAccount":
            text = f"{subject.get('namespace', '')}/{text}"
        named.setdefault(subject.get("kind", ""), []).append(text)
    role = f"{ref.get('kind', '')}/{ref.get('name', '')}"
    return [name_of(obj), role, age(obj, now), *(", ".join(named[k]) for k in ("User", "Group", "ServiceAccount"))]


ROLE = Printer(("NAME", "CREATED AT"), lambda obj, now: [name_of(obj), created(obj)])
BINDING = Printer(("NAME", "ROLE", "AGE", "*USERS", "*GROUPS", "*SERVICEACCOUNTS"), _binding)
