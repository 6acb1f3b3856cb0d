"""kube-proxy: Services and EndpointSlices become a table; in the proc world connections are really forwarded by it.

`table` and `balance` are pure; `component` is the shell; `forward` opens sockets and is used only where they are real.
"""
