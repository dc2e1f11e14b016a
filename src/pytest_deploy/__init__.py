"""A deployment is a pytest run: SQLite and uploads to Supabase and Vercel."""

__version__ = "0.1.0"
