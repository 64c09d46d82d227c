"""The warehouse on a real PostgreSQL."""
