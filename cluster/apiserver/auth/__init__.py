"""Who asks, and whether they may: users and rules, the authorizers that are asked in turn, tokens, and the gate.

    rules          what may be asked, and who asks         rbac, grants, nodes   authorizers
    tokens, jwt    what a bearer token says, and its keys  authentication        from a request to a user
    defaultroles   the roles that every cluster has        escalation            nobody gives what they do not have
    gate           all of it together, for the door

Pure but for `gate` and `roles`, which read the watch cache and write the first objects.
"""
