"""The engine `eventual`: every replica answers reads and takes writes at any time, and all become equal later (AP).

values, clock, merkle, replica   pure: what a write is and which of two wins; hybrid logical time; which keys two
                                 replicas hold differently; one replica's state and every change to it
rows, disk                       records as plain data; the journal of changes and its snapshots
member, peers, face              the shell: one loop with one sync a batch; pushes, hints and gossip; the rpc face
"""
