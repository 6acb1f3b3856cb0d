"""Experiments: what is done to a cluster, in either world, and what came of it as data.

May use everything but the command line. Each file is one experiment; it takes a `World` and returns a report.
"""
