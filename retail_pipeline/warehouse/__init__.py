"""PostgreSQL: its schema, who connects to it and as what, and how rows come into it."""
