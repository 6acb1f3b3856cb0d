"""The key space with etcd's semantics: revisions, ranges, transactions, compaction (`space.py`) and watches
(`watchers.py`). Pure; `values.py` has the words that all of the store speaks."""
