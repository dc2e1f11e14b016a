"""What was deployed, proven on the target."""
