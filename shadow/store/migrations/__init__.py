"""How the schema became what it is, step by step (alembic)."""
