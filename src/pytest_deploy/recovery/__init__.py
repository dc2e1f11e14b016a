"""Backups of a project, and that they come back: taken, kept, restored, timed."""
