"""
Compares what both databases do, not only what they say.

The same inserts, updates and deletes run on a copy of the source and on the target, on a few rows
of every table; what is accepted, what is refused and what the rows are afterwards must be alike.
"""
