"""The fields of networking.k8s.io's IngressClass and NetworkPolicy.

Must not hold rules that look at two fields; those are in validate_policies.py.
"""

from typing import Any

from cluster.api.schema import REGISTRY

REGISTRY.declare("""
IngressClass                     who acts on Ingresses
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  spec                           IngressClassSpec
IngressClassSpec
  controller                     string
                                                     who acts on its Ingresses: example.com/ingress-controller; cannot be
                                                     changed
  parameters                     IngressClassParametersReference
IngressClassParametersReference
  apiGroup                       string
  kind!                          string
  name!                          string
  scope                          Cluster|Namespace = Cluster
  namespace                      string

NetworkPolicy                    who may talk to which pods
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  spec                           NetworkPolicySpec
NetworkPolicySpec
  podSelector                    LabelSelector = {}   of its namespace: the pods that it is about; {}: all
  ingress                        [NetworkPolicyIngressRule]  who may come in; none: nobody
  egress                         [NetworkPolicyEgressRule]  where to they may go; none: nowhere
  policyTypes                    [Egress|Ingress]     which of the two it is about
NetworkPolicyIngressRule
  ports                          [NetworkPolicyPort]  none: all
  from                           [NetworkPolicyPeer]  none: everybody
NetworkPolicyEgressRule
  ports                          [NetworkPolicyPort]  none: all
  to                             [NetworkPolicyPeer]  none: everywhere
NetworkPolicyPort
  protocol                       SCTP|TCP|UDP = TCP
  port                           int-or-string        number or a name of the pods' ports
  endPort                        port                 from port up to this one
NetworkPolicyPeer
  podSelector                    LabelSelector
  namespaceSelector              LabelSelector
  ipBlock                        IPBlock
IPBlock
  cidr!                          string
  except                         [string]
""")  # noqa: E501


def _network_policy_spec(spec: dict[str, Any]) -> None:
    """Ingress always, Egress if there are rules for it (Kubernetes: SetDefaults_NetworkPolicy)."""
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]


REGISTRY.on_default("NetworkPolicySpec", _network_policy_spec)
