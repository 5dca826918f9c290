"""Commands that are asked for twice under one key are one command."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add what version 5 has more; every row stays."""
    op.add_column("commands", sa.Column("request_key", sa.Text))
    op.create_index("ix_commands_request_key", "commands", ["request_key"], unique=True)
