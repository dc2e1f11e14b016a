"""Makes the Osyris-like sample app: a SQLite database and its uploads, the same for the same seed."""

from sample.make import Summary, make

__all__ = ["Summary", "make"]
