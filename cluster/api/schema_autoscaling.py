"""The fields of HorizontalPodAutoscaler as it is stored (autoscaling/v2), and as autoscaling/v1 shows it.

Must not hold rules that look at two fields; those are in validate_autoscaling.py and autoscaling.py.
"""

from cluster.api.schema import REGISTRY

REGISTRY.declare("""
HorizontalPodAutoscaler          sets the number of pods by what they use
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  spec!                          HorizontalPodAutoscalerSpec
  status                         HorizontalPodAutoscalerStatus
HorizontalPodAutoscalerSpec
  scaleTargetRef!                CrossVersionObjectReference  what is scaled
  minReplicas                    int(1..) = 1         never fewer pods
  maxReplicas!                   int                  never more pods
  metrics                        [MetricSpec]         what is measured; the largest demand counts
  behavior                       HorizontalPodAutoscalerBehavior
CrossVersionObjectReference
  kind!                          string
  name!                          string
  apiVersion                     string
MetricSpec
  type!                          ContainerResource|External|Object|Pods|Resource
  resource                       ResourceMetricSource
  containerResource              ContainerResourceMetricSource
  pods                           PodsMetricSource
  object                         ObjectMetricSource
  external                       ExternalMetricSource
ResourceMetricSource
  name!                          string               cpu or memory
  target!                        MetricTarget
ContainerResourceMetricSource
  name!                          string
  container!                     string
  target!                        MetricTarget
PodsMetricSource
  metric!                        MetricIdentifier
  target!                        MetricTarget
ObjectMetricSource
  describedObject!               CrossVersionObjectReference
  metric!                        MetricIdentifier
  target!                        MetricTarget
ExternalMetricSource
  metric!                        MetricIdentifier
  target!                        MetricTarget
MetricIdentifier
  name!                          string
  selector                       LabelSelector
MetricTarget
  type!                          AverageValue|Utilization|Value
  value                          quantity
  averageValue                   quantity
  averageUtilization             int                  percent of what the pods request
HorizontalPodAutoscalerBehavior
  scaleUp                        HPAScalingRules
  scaleDown                      HPAScalingRules
HPAScalingRules
  stabilizationWindowSeconds     int                  the most careful proposal of this time counts
  selectPolicy                   Disabled|Max|Min
  policies                       [HPAScalingPolicy]
HPAScalingPolicy
  type!                          Percent|Pods
  value!                         int
  periodSeconds!                 int
HorizontalPodAutoscalerStatus
  observedGeneration             int
  lastScaleTime                  time
  currentReplicas                int(0..)
  desiredReplicas                int(0..) = 0
  currentMetrics                 [MetricStatus]
  conditions                     [Condition] by type
MetricStatus
  type!                          ContainerResource|External|Object|Pods|Resource
  resource                       ResourceMetricStatus
  containerResource              ContainerResourceMetricStatus
  pods                           PodsMetricStatus
  object                         ObjectMetricStatus
  external                       ExternalMetricStatus
ResourceMetricStatus
  name!                          string
  current!                       MetricValueStatus
ContainerResourceMetricStatus
  name!                          string
  container!                     string
  current!                       MetricValueStatus
PodsMetricStatus
  metric!                        MetricIdentifier
  current!                       MetricValueStatus
ObjectMetricStatus
  describedObject!               CrossVersionObjectReference
  metric!                        MetricIdentifier
  current!                       MetricValueStatus
ExternalMetricStatus
  metric!                        MetricIdentifier
  current!                       MetricValueStatus
MetricValueStatus
  value                          quantity
  averageValue                   quantity
  averageUtilization             int

HorizontalPodAutoscalerV1
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  spec!                          HorizontalPodAutoscalerSpecV1
  status                         HorizontalPodAutoscalerStatusV1
HorizontalPodAutoscalerSpecV1
  scaleTargetRef!                CrossVersionObjectReference  what is scaled
  minReplicas                    int(1..) = 1
  maxReplicas!                   int
  targetCPUUtilizationPercentage  int(1..)            average use of cpu, in percent of what the pods request
HorizontalPodAutoscalerStatusV1
  observedGeneration             int
  lastScaleTime                  time
  currentReplicas                int(0..)
  desiredReplicas                int(0..) = 0
  currentCPUUtilizationPercentage  int
""")
