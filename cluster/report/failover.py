"""The failover clock, under the name that reports know it by. Must not hold anything of its own."""

from cluster.history.failover import STEPS, FailoverClock, Step, last_renewal, predictions

__all__ = ["STEPS", "FailoverClock", "Step", "last_renewal", "predictions"]
