"""
Load: Locust in processes of its own, what it measured, and what that is compared with.

Locust changes the process that imports it (gevent). Nothing here imports it but `user`, `recording`
and what stands in `conducting`, and these are imported in the subprocess alone.
"""
