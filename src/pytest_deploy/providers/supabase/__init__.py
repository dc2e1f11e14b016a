"""A local Supabase project on a Postgres of ours; `base.Supabase` is what is handed out."""
