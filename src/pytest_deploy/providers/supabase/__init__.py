"""
Supabase projects: a local one on a Postgres of ours, or one that is given by URL and keys.

`base.Supabase` is what both hand out; `api.Api` is how REST, Auth and Storage are asked.
"""
