"""The fields of PodDisruptionBudget and RuntimeClass: one line each.

Must not hold rules that look at two fields; those are in validate_policy.py.
"""

from cluster.api.schema import REGISTRY

REGISTRY.declare("""
PodDisruptionBudget              how many pods may be evicted at a time
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  spec                           PodDisruptionBudgetSpec
  status                         PodDisruptionBudgetStatus
PodDisruptionBudgetSpec
  minAvailable                   int-or-percent       pods that must stay healthy, or what part of them
  maxUnavailable                 int-or-percent       pods that may be away; instead of minAvailable
  selector                       LabelSelector        of the pods it guards; {} is all of the namespace
  unhealthyPodEvictionPolicy     AlwaysAllow|IfHealthyBudget  whether pods that are not ready may always be evicted
PodDisruptionBudgetStatus
  observedGeneration             int
  disruptionsAllowed             int = 0              pods that may be evicted now
  currentHealthy                 int = 0
  desiredHealthy                 int = 0
  expectedPods                   int = 0
  disruptedPods                  {time}               evicted, and not yet seen to be gone
  conditions                     [Condition] by type

Eviction
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  deleteOptions                  object

RuntimeClass                     which runtime runs a pod
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  handler!                       dns-label            the node's own name for it
  overhead                       Overhead
  scheduling                     Scheduling
Overhead
  podFixed                       resources            what a pod costs besides its containers
Scheduling
  nodeSelector                   labels
  tolerations                    [Toleration]
""")
