"""Clients that go on asking: one module per type of workload, each a function `play(player)` that never returns.

`table.WORKLOADS` has them by name. Must not judge what they get to see.
"""
