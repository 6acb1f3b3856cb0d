"""One stored object under several group versions: which other versions of the built-in kinds are served, and how.

Pure. Must not know requests. An object is kept in its kind's own version; in another it is shown, and read back from
it. Versions of kinds that are defined at run time differ by their apiVersion only and need nothing of this.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from cluster.api import autoscaling, events
from cluster.api.kind import Form, Kind
from cluster.api.kinds import KINDS
from cluster.api.meta import Object
from cluster.api.schema import REGISTRY, Struct


def _view(kind: str, group: str, version: str, form: Form) -> Kind:
    """`kind` as another version serves it: the same columns, rules and key."""
    return replace(KINDS[kind], group=group, version=version, form=form)


VERSIONS: tuple[Kind, ...] = (
    _view(
        "HorizontalPodAutoscaler",
        "autoscaling",
        "v1",
        Form(KINDS["HorizontalPodAutoscaler"], "HorizontalPodAutoscalerV1", autoscaling.to_v1, autoscaling.from_v1),
    ),
    _view(
        "Event",
        "events.k8s.io",
        "v1",
        Form(KINDS["Event"], "EventV1", events.to_events_v1, events.from_events_v1, events.SELECTORS),
    ),
)
"""The versions beside those of `KINDS`."""

_VIEWS = {(view.kind, view.api_version): view for view in VERSIONS}


def served(kinds: Iterable[Kind] = KINDS.values()) -> tuple[Kind, ...]:
    """Every version of these kinds."""
    entries = tuple(kinds)
    known = {entry.key for entry in entries if not entry.custom}
    return (*entries, *(view for view in VERSIONS if view.key in known))


def stored(kind: Kind) -> Kind:
    """The kind in the version that its objects are kept in."""
    return kind if kind.form is None else kind.form.hub


def view_of(kind: Kind, obj: object) -> Kind:
    """The served version of `kind` that an object says it is in; `kind` itself for any other."""
    if isinstance(obj, Mapping) and obj.get("apiVersion") != kind.api_version:
        found = _VIEWS.get((kind.kind, str(obj.get("apiVersion"))))
        if found is not None and found.key == kind.key:
            return found
    return kind


def show(kind: Kind, obj: Object) -> Object:
    """A stored object in the version of `kind`."""
    return obj if kind.form is None else kind.form.show(obj)


def read(kind: Kind, obj: Object) -> Object:
    """An object in the version of `kind` as it is stored."""
    return obj if kind.form is None else kind.form.read(obj)


def in_version(obj: Object, api_version: str) -> Object:
    """A stored object of a built-in kind as `api_version` shows it; itself where that is no other version of it."""
    view = _VIEWS.get((str(obj.get("kind")), api_version))
    return obj if view is None or view.form is None else view.form.show(obj)


def stored_from(kind: str, obj: Object, api_version: str) -> Object:
    """Back from `in_version`."""
    view = _VIEWS.get((kind, api_version))
    return obj if view is None or view.form is None else view.form.read(obj)


def has_form(kind: str, api_version: str) -> bool:
    """Are the fields of `kind` other ones in `api_version` than where it is stored?"""
    return (kind, api_version) in _VIEWS


def struct_of(kind: str, api_version: str) -> Struct | None:
    """The fields of a built-in kind in one of its versions; None for an unknown kind."""
    view = _VIEWS.get((kind, api_version))
    if view is not None and view.form is not None:
        return REGISTRY.struct(view.form.struct)
    return REGISTRY.struct(kind) if kind in REGISTRY else None


def selector(kind: Kind, text: str) -> str:
    """A field selector in the words of the version in which `kind` is stored."""
    if kind.form is None or not text:
        return text
    for here, there in kind.form.fields.items():
        text = re.sub(rf"(^|,)(\s*){re.escape(here)}(?=\s*[=!])", rf"\g<1>\g<2>{there}", text)
    return text
