"""Runs the migrations in the transaction of the connection that the ledger hands over (bot.ledger.migrations)."""

from __future__ import annotations

from alembic import context

from bot.ledger.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()
