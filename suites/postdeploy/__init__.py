"""What stands on the env after a deployment, proven again without changing it."""
