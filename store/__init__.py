"""The store: a replicated key space with etcd's semantics, on raft.

The way of one write: `client` sends it to the leader; `service` checks and packs it; `member` gathers all that has
arrived in a turn into one batch and proposes it to `raft`; what the node then wants done happens in this order, which
is what makes it safe:

    note the role; store a received snapshot; append hard state and entries to the write-ahead log as one record;
    send Appends; sync; send what says that it is durable; install the snapshot; apply what is committed to `machine`
    (`mvcc.space`, each operation once); answer its clients; advance; tell watchers.

A crash anywhere between these lines loses nothing that was acknowledged: an answer comes only after a majority has
synced the entry, and a restart is the newest snapshot plus the log behind it.

    values, space, watchers     mvcc/: keys, revisions, events (pure)
    node and its parts          raft/: who leads, what is committed (pure)
    wal, snapshot               bytes and checksums (pure); storage puts them on the disk
    machine                     the replicated state: commands in, answers out
    codec                       typed values and wire bodies
    member, service, admin      the component; client and administrator: everybody else's way to it
    backup                      the key space in one file, and a new cluster's disks from it
    engines                     the seam for other engines

Must not know Kubernetes: keys and values are bytes.
"""
