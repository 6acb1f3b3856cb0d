"""The second door: Kubernetes' REST protocol over HTTPS, a thin translation to the verbs that the bus has.

    paths, requests          what a URL names; method, query and body to a verb and its arguments
    negotiation, bodies      which form the answer takes, which the body has (protobuf, protofields*: the binary one)
    identity, reviews        who asks, whether they may, and what they may
    discovery, openapi*      which groups, versions and resources there are, and their schemas
    answers, statuses        objects, lists, tables and events as bytes; errors and successes as Status objects
    handlers                 one request to one answer; with podlogs and podsessions a shell that waits, without sockets
    channels                 several streams on one WebSocket
    door                     the HTTPS server: the only module here that touches sockets

Nothing is decided here that the bus would not decide: who asks over HTTPS and who asks over the bus meet the same
handlers (cluster/apiserver/verbs.py, reads.py).
"""
