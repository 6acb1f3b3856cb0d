"""The second door: Kubernetes' REST protocol over HTTPS, a thin translation to the verbs that the bus has.

    paths         what a URL names: a collection, an object, a subresource, or a document
    requests      method, resource, query and body to a verb and its arguments
    negotiation   which form the answer takes (JSON, YAML, Table, PartialObjectMetadata), which the body has
    statuses      errors and successes as Status objects
    discovery     which groups, versions and resources there are, in both forms
    answers       objects, lists, tables and events as bytes
    door          the HTTPS server: the only module here that touches sockets

All but `door` is pure. Nothing is decided here that the bus would not decide: who asks over HTTPS and who asks over the
bus meet the same handlers (cluster/apiserver/verbs.py, reads.py).
"""
