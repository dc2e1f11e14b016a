"""What runs on Node: package.json and its lock; installed on first use, into a cache."""
