"""Raft after Ongaro's thesis, as a pure core: no clock, socket, disk or global dice.

`node.py` is the door (step, tick, propose, ready, advance); `state.py` holds what a server knows; `election.py`,
`leading.py` and `following.py` are its three lives; `log.py`, `progress.py`, `reads.py`, `quorum.py` and
`confchange.py` one noun each. The loop around it is `store/member.py`.
"""
