"""Red twins: defects that are planted on purpose, each of which a gate must catch."""
