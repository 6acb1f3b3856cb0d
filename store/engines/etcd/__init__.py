"""Engine `etcd`: the key space of a real etcd cluster, over its v3 gRPC API. Start at `client.py`.

    protobuf, messages, leases   etcd's messages as bytes (pure)
    http2                        frames, headers, flow control (pure); channel moves the bytes and keeps the deadlines
    refusals                     etcd's errors as ours: above all, what certainly had no effect (pure)
    endpoints, transport         where the members are; connections, tokens, TLS, the cluster's cuts
    roster                       whom to ask next, and what may be tried again
    client, watch, compaction    the promises of `StoreClient`, and what an apiserver does for etcd

There are no members of ours. Needs the extra `etcd` (`pip install capstan[etcd]`), and a world with sockets.
"""
