"""The fields of an Event as events.k8s.io/v1 shows it.

Must not hold rules; an Event is stored as the core group has it (`events.py`).
"""

from cluster.api.schema import REGISTRY

REGISTRY.declare("""
EventV1
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  eventTime                      time                 when it was first seen
  series                         EventSeries          that it went on, if it did
  reportingController            string               who says so: kubernetes.io/kubelet
  reportingInstance              string               which of them: kubelet-xyzf
  action                         string               what was done about the object, or failed
  reason                         string               why, in one word
  regarding                      ObjectReference      the object that it is about
  related                        ObjectReference
  note                           string               what happened, for people
  type                           Normal|Warning
  deprecatedSource               EventSource
  deprecatedFirstTimestamp       time
  deprecatedLastTimestamp        time
  deprecatedCount                int(0..)
""")
