"""The fields of the core group's LimitRange, ResourceQuota and ComponentStatus.

Must not hold rules that look at two fields; those are in validate_limits.py.
"""

from typing import Any

from cluster.api.meta import deep_copy
from cluster.api.schema import REGISTRY

REGISTRY.declare("""
LimitRange                       least, most and default of what one pod or container may ask for in a namespace
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  spec                           LimitRangeSpec
LimitRangeSpec
  limits                         [LimitRangeItem]
LimitRangeItem
  type!                          string               Container, Pod or PersistentVolumeClaim
  max                            resources            the most that one may ask for
  min                            resources            the least that one must ask for
  default                        resources            limits of containers that name none
  defaultRequest                 resources            requests of containers that name none
  maxLimitRequestRatio           resources            how many times its request a limit may be

ResourceQuota                    the most that a namespace may have of something
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  spec                           ResourceQuotaSpec
  status                         ResourceQuotaStatus
ResourceQuotaSpec
  hard                           resources
                                                     the most of each that the namespace may hold: pods, requests.cpu,
                                                     count/deployments.apps
  scopes                         [string]             counts only objects of which all of these are true
  scopeSelector                  ScopeSelector
ScopeSelector
  matchExpressions               [ScopedResourceSelectorRequirement]
ScopedResourceSelectorRequirement
  scopeName!                     string
  operator!                      DoesNotExist|Exists|In|NotIn
  values                         [string]
ResourceQuotaStatus
  hard                           resources
  used                           resources            what is there now

ComponentStatus                  how the control plane's parts are
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  conditions                     [ComponentCondition] by type
ComponentCondition
  type!                          string
  status!                        False|True|Unknown
  message                        string
  error                          string
""")


def _limit_range_item(item: dict[str, Any]) -> None:
    """A container's default limit is the most it may have, its default request the default limit or the least
    (Kubernetes: SetDefaults_LimitRangeItem)."""
    if item.get("type") != "Container":
        return
    for name, sources in (("default", ("max",)), ("defaultRequest", ("default", "min"))):
        found = item.get(name) or {}
        if not isinstance(found, dict):
            return
        for source in sources:
            given = item.get(source) or {}
            if isinstance(given, dict):
                found = {**deep_copy(given), **found}
        if found:
            item[name] = found


REGISTRY.on_default("LimitRangeItem", _limit_range_item)
