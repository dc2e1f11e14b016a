"""`pytest -m rollback --env NAME`: the way back of the newest release, taken and looked at."""
