"""Loading files into a real PostgreSQL."""
