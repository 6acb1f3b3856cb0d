"""The one door to the store for everybody's objects: verbs, rules, watches. Any number of them run side by side.

A `create pod`, on its way through: `component` (the verb arrives) -> `verbs` (shell: who reads and writes what, in
which order) -> `registry` (what a new object gets) -> `admission` (may it, and what is added) -> `cluster.api`
(defaults, validation) -> `storage` (one guarded transaction) -> the store -> `feed` (its watch) -> `watchcache` ->
`hub` -> every watcher.

Pure: registry, subresources, admission, allocation, watchcache, hub, arguments, refusals. Shells: component, verbs,
reads, storage, feed, bootstrap.
"""
