"""The proof of the store: random stories in the simulator, one seed each, and the checks that every one must pass.

plan.py draws a story from its seed, story.py plays it (clients.py, nemesis.py), witness.py and verdict.py judge it.
Must not be imported by the product; `tests/store/bugs` shows that the checks can fail. See docs/proof.md.
"""
