"""Run by alembic: on the connection, and in the transaction, that `migration.py` has begun."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
