"""
Postgres servers for a rehearsal: embedded, in a container, or one that runs already.

`choice` decides which one and says why; each provider's `serve` hands out a `base.Server` with the
same attributes; `databases.create_database` makes a database of our own there, a `base.Target`.
"""
