"""Which pod goes to which node: snapshot, filters, scores, queue (pure), and the elected shell around them.

The path of one pod: `queue.pop` -> `cycle.schedule(snapshot, pod)` -> `snapshot.assume` -> bind -> confirmed by the
watch, or forgotten. What does not fit waits in the queue until a node or a deleted pod makes it worth another look.
"""
