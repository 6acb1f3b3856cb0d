"""The store: a replicated key space with etcd's semantics, on raft.

The way of one write: `client` hands it to `roster`, which knows who leads; all that a host asks in one turn of the loop
is one message (cluster/bundle.py). `service` checks each body and passes it on as it came; `member` makes of all that
has arrived in a turn one log entry and proposes it to `raft`. What the node then wants done happens in this order,
which is what makes it safe:

    note the role; keep chunks of a snapshot; send what may go early (a leader's Appends, answers that say no more than
    is durable); append hard state and entries to the write-ahead log as one record; apply what is committed to
    `machine` (`mvcc.space`, each operation once) and answer its clients; tell watchers; sync, within the turn or beside
    it; send what says that it is durable.

A crash anywhere between these lines loses nothing that was acknowledged: an answer comes only after a majority has
synced the entry, and a restart is the newest snapshot plus the log behind it.

    mvcc/                         values, rows; space, history; transactions; leases, their clock; watchers (pure)
    raft/                         who leads, what is committed, who is a member (pure)
    commands, fields, requests    the shape of every request and operation, checked once; how they are made
    leaderships                   which leadership a write means, and what may be said of one that is not taken
    machine, sessions, state      the replicated state: operations in, answers out; once each; as parts of a snapshot
    wal, records, snapshot        bytes and checksums (pure); segments, snapshotfiles and storage put them on the disk
    codec, waiting                raft's messages; what waits inside a member
    member, service, upkeep       the component; its rpc face (watches: streams); what it does for itself
    client, roster                everybody else's way to it
    admin, administrator, backup  members, leadership, backups
    engines/                      the seam for other engines, and those

Must not know Kubernetes: keys and values are bytes.
"""
