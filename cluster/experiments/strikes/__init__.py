"""What a timeline may do: one function for each row of `cluster.scenario.actions.ACTIONS`, by group.

`table.STRIKES` has them by name. Each resolves its targets, acts through `World` or an API client, and hands back a
`Deed`: what it did, and how to undo it. Must not decide when.
"""
