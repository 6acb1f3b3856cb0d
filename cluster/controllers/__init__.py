"""The controllers: a pure function each, from a view of the cluster and a key to a plan of actions.

`plan.py` has the actions, `controller.py` what a reconciler is given; `manager.py` is the shell: elected over the
masters, informers and queues in, plans out (`carry.py`). Level-triggered: a key names an object, never an event, and
looking twice does no harm. What a controller has written is in its cache at once, so that it sees its own writes.
"""
