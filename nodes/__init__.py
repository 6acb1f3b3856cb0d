"""What runs on every worker: the kubelet with its container runtimes, the proxy, and the node's part of the network.

Pure cores in thin shells, as everywhere. Real by nature are only `runtime/` (child processes), `proxy/forward.py`
(TCP) and `network/ports.py` (what this system lets us bind). Nothing in `cluster` or `store` imports this package.
"""
