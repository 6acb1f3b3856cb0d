"""The rows of webhook configurations and admission policies.

Must not fetch or compute anything that is not in the object.
"""

from __future__ import annotations

from cluster.api.meta import Object, name_of
from cluster.api.printing import Printer, age, selector_text

UNSET = "<unset>"


def _webhooks(obj: Object, now: float) -> list[str]:
    return [name_of(obj), str(len(obj.get("webhooks") or ())), age(obj, now)]


def _policy(obj: Object, now: float) -> list[str]:
    spec = obj.get("spec") or {}
    kind = spec.get("paramKind") or {}
    param = f"{kind.get('apiVersion', '')}/{kind.get('kind', '')}" if kind else UNSET
    return [name_of(obj), str(len(spec.get("validations") or ())), param, age(obj, now)]


def _binding(obj: Object, now: float) -> list[str]:
    spec = obj.get("spec") or {}
    ref = spec.get("paramRef") or {}
    param = UNSET
    if ref.get("name"):
        param = f"{ref.get('namespace') or '*'}/{ref['name']}"
    elif ref.get("selector") is not None:
        param = selector_text(ref["selector"])
    return [name_of(obj), spec.get("policyName") or "", param, age(obj, now)]


WEBHOOKS = Printer(("NAME", "WEBHOOKS", "AGE"), _webhooks)
POLICY = Printer(("NAME", "VALIDATIONS", "PARAMKIND", "AGE"), _policy)
BINDING = Printer(("NAME", "POLICYNAME", "PARAMREF", "AGE"), _binding)
