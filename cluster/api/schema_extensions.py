"""The fields of CustomResourceDefinition.

Must not hold rules that look at two fields (validate_extensions.py), nor what a schema may say (structuralrules.py).
"""

from __future__ import annotations

from typing import Any

from cluster.api.schema import REGISTRY

REGISTRY.declare("""
CustomResourceDefinition         a kind of your own
  apiVersion                string
  kind                      string
  metadata                  ObjectMeta
  spec!                     CustomResourceDefinitionSpec
  status                    CustomResourceDefinitionStatus
CustomResourceDefinitionSpec
  group!                    string                the API group of the kind: example.com
  names!                    CustomResourceDefinitionNames
  scope!                    Cluster|Namespaced    whether objects are in namespaces
  versions!                 [CustomResourceDefinitionVersion]
  conversion                CustomResourceConversion
  preserveUnknownFields     bool                  must be false: each schema says so where it wants it
CustomResourceDefinitionNames
  plural!                   string                as in paths; the definition is called PLURAL.GROUP
  singular                  string                what kubectl takes for one; else the kind in small letters
  shortNames                [string]              what kubectl takes as well
  kind!                     string                CamelCase, singular
  listKind                  string                the kind with List behind it if not given
  categories                [string]              words for many kinds at once: all
CustomResourceDefinitionVersion
  name!                     string                v1, v1beta1
  served!                   bool                  whether it can be asked for
  storage!                  bool                  whether objects are stored in it: true in exactly one
  deprecated                bool                  whoever asks for it is warned
  deprecationWarning        string                in these words
  schema                    CustomResourceValidation
  subresources              CustomResourceSubresources
  additionalPrinterColumns  [CustomResourceColumnDefinition]    what kubectl get shows besides the name
  selectableFields          [SelectableField]     paths that field selectors may name
CustomResourceValidation
  openAPIV3Schema           any                   a structural schema
CustomResourceSubresources
  status                    object                {}: status is written by /status only
  scale                     CustomResourceSubresourceScale
CustomResourceSubresourceScale
  specReplicasPath!         string                where the wish is: .spec.replicas
  statusReplicasPath!       string                where it is said how many there are: .status.replicas
  labelSelectorPath         string                a selector as text: .status.selector
CustomResourceColumnDefinition
  name!                     string
  type!                     string                integer, number, string, boolean or date
  format                    string
  description               string
  priority                  int                   above 0: only with -o wide
  jsonPath!                 string                where the value is: .spec.size
SelectableField
  jsonPath!                 string                a field of type string, integer or boolean
CustomResourceConversion
  strategy!                 string                None: only apiVersion changes
  webhook                   any
CustomResourceDefinitionStatus
  conditions                [CustomResourceDefinitionCondition] by type
  acceptedNames             CustomResourceDefinitionAcceptedNames
  storedVersions            [string]              versions that objects may still be stored in
CustomResourceDefinitionAcceptedNames
  plural                    string
  singular                  string
  shortNames                [string]
  kind                      string
  listKind                  string
  categories                [string]
CustomResourceDefinitionCondition
  type!                     string
  status!                   string
  reason                    string
  message                   string
  lastTransitionTime        time
""")


def _spec(spec: dict[str, Any]) -> None:
    if spec.get("conversion") is None:
        spec["conversion"] = {"strategy": "None"}


def _names(names: dict[str, Any]) -> None:
    kind = names.get("kind")
    if isinstance(kind, str):
        if not names.get("singular"):
            names["singular"] = kind.lower()
        if not names.get("listKind"):
            names["listKind"] = f"{kind}List"


REGISTRY.on_default("CustomResourceDefinitionSpec", _spec)
REGISTRY.on_default("CustomResourceDefinitionNames", _names)
