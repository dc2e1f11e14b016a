"""Carries steps out and back: protocol, journal, deployment, release, phases."""
