"""What is looked at every night, on any env, without changing it."""
