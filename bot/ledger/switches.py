"""Switches that outlive the process and reach across processes."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from bot.ledger.tables import switches

KILL = "kill"


@dataclass(frozen=True, slots=True)
class KillSwitch:
    """Trading is stopped: why, by whom, and since when (unix seconds)."""

    reason: str
    set_by: str
    set_at: float


def set_switch(connection: Connection, reason: str, by: str, at: float) -> None:
    """Set the kill switch; the latest reason stands."""
    lift_switch(connection)
    connection.execute(switches.insert().values(name=KILL, reason=reason, set_by=by, set_at=at))


def lift_switch(connection: Connection) -> bool:
    """Lift it; whether it was set."""
    return connection.execute(switches.delete().where(switches.c.name == KILL)).rowcount > 0


def read_switch(connection: Connection) -> KillSwitch | None:
    """The kill switch, or None when it is not set."""
    row = connection.execute(
        select(switches.c.reason, switches.c.set_by, switches.c.set_at).where(switches.c.name == KILL)
    ).one_or_none()
    return None if row is None else KillSwitch(*row)
