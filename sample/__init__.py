"""Makes the Osyris-like sample app: a SQLite database and its uploads."""

from sample.make import Summary, make

__all__ = ["Summary", "make"]
