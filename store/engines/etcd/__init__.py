"""Engine `etcd`: the key space of a real etcd cluster, over its v3 gRPC API. Start at `client.py`.

    protobuf, messages    etcd's messages as bytes (pure)
    http2                 frames, headers, flow control (pure); channel moves the bytes and counts the deadlines
    refusals              etcd's errors as ours: above all, what certainly had no effect (pure)
    endpoints, transport  where the members are; connections, tokens, TLS, the cluster's cuts
    client, watch         the promises of `StoreClient`

There are no members of ours. Needs the extra `etcd` (`pip install capstan[etcd]`), and a world with sockets.
"""
