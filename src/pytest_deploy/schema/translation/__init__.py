"""
SQLite's SQL in Postgres' words, by the types that columns have there.

Only what means the same on both sides is translated; anything else is refused, never guessed.
"""
