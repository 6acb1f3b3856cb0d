"""The engine `raftos`: the published package raftos 0.2.6, its algorithm untouched, over our bus and our disk.

It is there to be examined, not to be relied on: docs/engines.md lists what it promises and breaks, with the scenario
that shows each.

library                 a private copy of the package for each boot of a member, and everything that is put into it
files                   the `open` that its storage calls, over the host's disk
registers               pure: keys as raftos registers, transactions evaluated before they are written
config, member, face    the shell: its node on our bus; the store's rpc face on top of it
"""
