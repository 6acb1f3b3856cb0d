"""The built-in plugins in Kubernetes' order, looked up by kind and operation.

Pure. Must not decide anything itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from cluster.apiserver.admission import (
    defaultclasses,
    limitranger,
    namespacelifecycle,
    nodetaint,
    podsecurity,
    priority,
    serviceaccount,
    tolerationseconds,
)
from cluster.apiserver.admission.review import Plugin, Review, Sources, Step

PLUGINS: tuple[Plugin, ...] = (
    namespacelifecycle.PLUGIN,
    limitranger.PLUGIN,
    serviceaccount.PLUGIN,
    nodetaint.PLUGIN,
    podsecurity.PLUGIN,
    podsecurity.NAMESPACES,
    priority.PLUGIN,
    tolerationseconds.PLUGIN,
    defaultclasses.STORAGE,
    defaultclasses.INGRESS,
)

_Table = Mapping[tuple[str, str, str], Sequence[Step]]


class Chain:
    """`disabled`: names of plugins that are left out (Kubernetes: --disable-admission-plugins)."""

    def __init__(self, sources: Sources, plugins: Iterable[Plugin] = PLUGINS, disabled: Iterable[str] = ()) -> None:
        off = tuple(disabled)
        used = [plugin for plugin in plugins if plugin.name not in off]
        self.sources = sources
        self._used = used
        self._mutators = _table(used, "mutate")
        self._validators = _table(used, "validate")

    def joined(self, plugins: Iterable[Plugin]) -> Chain:
        """The same with more plugins behind those it has."""
        return Chain(self.sources, (*self._used, *plugins))

    def concerns(self, kind: str, operation: str, subresource: str = "") -> bool:
        """Whether any plugin looks at such requests at all: two look-ups."""
        key = (kind, operation, subresource)
        return key in self._mutators or key in self._validators

    def mutate(self, review: Review) -> None:
        """What the plugins add to `review.obj`; a StatusError when one refuses. What has no spec map is left to
        validation."""
        steps = self._mutators.get((review.kind.kind, review.operation, review.subresource), ())
        if steps and type(review.current.get("spec", {})) is dict:
            for step in steps:
                step(review, self.sources)

    def validate(self, review: Review) -> None:
        """A StatusError when one refuses."""
        for step in self._validators.get((review.kind.kind, review.operation, review.subresource), ()):
            step(review, self.sources)


def _table(plugins: Iterable[Plugin], phase: str) -> _Table:
    found: dict[tuple[str, str, str], list[Step]] = {}
    for plugin in plugins:
        step: Step | None = plugin.mutate if phase == "mutate" else plugin.validate
        if step is None:
            continue
        for operation, kinds in plugin.kinds.items():
            for kind in kinds:
                for subresource in plugin.subresources:
                    found.setdefault((kind, operation, subresource), []).append(step)
    return found
