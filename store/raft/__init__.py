"""Raft after Ongaro's thesis, as a pure core: no clock, socket, disk or global dice.

`node.py` is the door (step, tick, propose, ready, durable, applied); `state.py` holds what a server knows;
`election.py`, `leading.py` with `sending.py`, and `following.py` are its three lives; `log.py`, `progress.py`,
`reads.py`, `quorum.py` and `confchange.py` one noun each. The loop around it is `store/member.py`.

Whose disk it is. What a member has voted and acknowledged is on its disk; without that disk it is another server, even
under the same name, and counting its answers as the old one's would lose what is committed. So:

1. A member that starts with an empty disk draws an id (HardState.id) and stores it before it says anything; its
   replies carry it.
2. The configuration, which is in the log, holds the id of everyone who votes. Answers that come under a voter's name
   with another id count for nothing: no vote, no entry, no read round, no sign of life. The leader tells their sender
   so (`Refused`), and it stops campaigning. A member campaigns only if its own id is in its configuration.
3. It comes back by being removed and added: a learner has no id in the configuration, since it decides nothing; it
   gets the one under which it is heard when it is promoted.
4. A cluster is founded by all its first members together: as long as there is no configuration with ids, a candidate
   needs everybody's vote, and the first entry of the log is the configuration with the ids under which they voted. A
   majority would not do: two of three might found the cluster and commit; one of the two loses its disk, and then it
   and the third, who has not heard of anything, could found it once more. This is asked once in a cluster's life.
"""
