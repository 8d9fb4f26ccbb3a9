"""Where pairs are kept: SQLite or PostgreSQL."""
