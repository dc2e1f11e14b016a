"""The hooks of the pytest plugin, a file for each part of a run."""
