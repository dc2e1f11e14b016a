"""Carries back what people have written on the project, into a copy of the app's own data."""
