"""Campaigns: one story under thousands of seeds, on all cores or on a Dask cluster, and the smallest failing one.

Start at `command.py`. Must not run in a world of its own making beside `cluster.experiments`, and never in the proc
world: its runs repeat to the byte.
"""
