"""Addresses: the plan of the cluster's ranges in 127/8, one node's pool of pod addresses, ports as they really are."""
