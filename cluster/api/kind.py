"""What a kind of object is: one entry of a table of kinds.

Must not hold rules itself: an entry points at the schema, the defaulter, the validators and the columns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cluster.api import formats
from cluster.api.fielderrors import Errors
from cluster.api.meta import Object
from cluster.api.model import Model
from cluster.api.printing import Printer, plain_row


@dataclass(frozen=True, slots=True)
class Form:
    """How another version shows objects that are stored in the version of `hub`. `struct`: its fields, in the schema.
    `show` and `read`: from what is stored, and back. `fields`: what field selectors call otherwise there."""

    hub: Kind
    struct: str
    show: Callable[[Object], Object]
    read: Callable[[Object], Object]
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of object. Its fields are the schema's struct of the same name."""

    kind: str
    group: str
    version: str
    plural: str
    singular: str
    short: tuple[str, ...] = ()
    namespaced: bool = True
    status: bool = False
    """Has a status subresource: writes to the object leave status alone, writes to /status all else."""
    scale: bool = False
    generation: bool = True
    """metadata.generation counts the changes of spec (kinds without spec have none)."""
    fields: tuple[str, ...] = ()
    """Paths that field selectors may name, besides metadata.name and metadata.namespace."""
    name: Callable[[str], str | None] = formats.dns_subdomain
    """What is wrong with a name of this kind, None if nothing."""
    rule: Callable[[Object, Errors], None] | None = None
    """What the schema's lines cannot say about one object."""
    update_rule: Callable[[Object, Object, Errors], None] | None = None
    """What may not change: (new, old, errors)."""
    begin: Callable[[Object, str], None] | None = None
    """What a new object gets from the server before admission and defaults, in place: (obj with its uid, the time)."""
    printer: Printer = Printer(("NAME", "AGE"), plain_row)
    categories: tuple[str, ...] = ()
    """Words that stand for many kinds at once: "all" (`kubectl get all`)."""
    read_only: bool = False
    """Its objects are not kept: they are found out when somebody asks (`livekinds.py`)."""
    status_rule: Callable[[Object, Object, Errors], None] | None = None
    """What may not change through a subresource: (new, old, errors)."""
    custom: bool = False
    """Defined at run time (CustomResourceDefinition): its group is part of its key."""
    model: Model | None = None
    """Of a custom one: what its definition says of its objects. None: the schema's struct and the functions above."""
    form: Form | None = None
    """Of a version that objects are not stored in (`versions.py`). None: they are stored as they are."""

    @property
    def key(self) -> str:
        """What names it in tables of kinds, caches and on the bus, alone: "Pod", "Widget.example.com"."""
        return f"{self.kind}.{self.group}" if self.custom else self.kind

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """As messages name it: "deployments.apps", "pods"."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def prefix(self) -> str:
        """Of all its keys in the store, with the last slash."""
        return f"/registry/{self.group}/{self.plural}/" if self.custom else f"/registry/{self.plural}/"

    def storage_key(self, namespace: str, name: str) -> str:
        return f"{self.prefix}{namespace}/{name}" if self.namespaced else self.prefix + name
