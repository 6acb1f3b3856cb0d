"""Admission: what every request that writes passes after authorization, in Kubernetes' order.

    review.py              one request under review, what a plugin may look at, what a plugin is
    chain.py               the built-in plugins in order, by kind and operation
    namespacelifecycle.py, serviceaccount.py, limitranger.py, podsecurity.py, priority.py, tolerationseconds.py,
    nodetaint.py, defaultclasses.py, quota.py        a plugin each, named as in Kubernetes
    cel.py, expressions.py                           CEL with a bound on its steps
    rules.py, policies.py, webhooks.py               what policies and webhooks match and say

Everything here is pure: objects in, changed objects or refusals out. What must wait (a live read, a webhook's answer,
the store's word on a quota) is in cluster/apiserver/admitting.py.
"""
