"""Signals of orders that were placed by hand: in parts, from when on they count, and what of them is not copied."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add what version 3 has more; every row stays."""
    op.add_column("signals", sa.Column("by_hand", sa.Boolean, nullable=False, server_default=sa.text("false")))
    op.add_column("signals", _money("filled_before"))
    op.create_table(
        "watches",
        sa.Column("account", sa.Text, primary_key=True),
        sa.Column("since", sa.Double, nullable=False),
        sa.Column("until", sa.Double, nullable=False),
        sa.Column("updated_at", sa.Double, nullable=False),
    )
    op.create_table(
        "uncopied",
        sa.Column("account", sa.Text, primary_key=True),
        sa.Column("order_id", sa.Text, primary_key=True),
        _money("executed"),
        sa.Column("reason", sa.Text, nullable=False, server_default=sa.text("''")),
        sa.Column("at", sa.Double, nullable=False),
    )


def _money(name: str) -> sa.Column[Any]:
    kind = sa.Text().with_variant(sa.Numeric(), "postgresql")
    return sa.Column(name, kind, nullable=False, server_default=sa.text("'0'"))
