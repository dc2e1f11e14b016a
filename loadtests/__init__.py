"""Locustfiles, one for each journey of a user."""
