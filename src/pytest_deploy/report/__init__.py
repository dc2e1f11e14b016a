"""From journal and gate results to what people and machines read."""
