"""What happened, and whether it was allowed: histories of operations and the checkers that judge them.

`record` is the operations and their file; `jepsen` reads the logs of another recorder; `models` says what a register
may do; `linearize` searches for an order that explains a history; `invariants` judges journals and watch events.

Everything here is pure. A verdict is one of three: ok, illegal, unknown (the budget ran out).
"""
