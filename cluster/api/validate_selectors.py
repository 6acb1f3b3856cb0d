"""Rules of a LabelSelector, for every kind that holds one (Kubernetes: metav1/validation).

Must not check keys and values by themselves: the schema's line has done that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cluster.api.fielderrors import Errors, Path, at


def label_selector(selector: Mapping[str, Any] | None, path: Path, errors: Errors) -> None:
    """In and NotIn need values; Exists and DoesNotExist may not have any."""
    for index, expression in enumerate((selector or {}).get("matchExpressions") or ()):
        place, values = at(path, "matchExpressions", index, "values"), expression.get("values")
        if expression["operator"] in ("In", "NotIn"):
            if not values:
                errors.required(place, "must be specified when `operator` is 'In' or 'NotIn'")
        elif values:
            errors.forbidden(place, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
