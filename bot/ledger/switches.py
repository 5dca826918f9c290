"""Switches that outlive the process and reach across processes: one row each, gone when it is lifted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from bot.domain.ids import AccountId
from bot.ledger.tables import switches

#: Stops all trading.
KILL = "kill"
#: Copies are planned and written down, none is placed.
OBSERVE = "observe"
_PAUSE = "pause "

_COLUMNS = (switches.c.reason, switches.c.set_by, switches.c.set_at)


@dataclass(frozen=True, slots=True)
class Switch:
    """A switch that is set: why, by whom, and since when (unix seconds)."""

    reason: str
    set_by: str
    set_at: float


#: The one of the name ``kill``.
KillSwitch = Switch


def pause_of(account: AccountId) -> str:
    """The name of the switch that keeps an account from entries: ``pause tania:kraken``."""
    return f"{_PAUSE}{account}"


def account_paused_by(name: str) -> AccountId | None:
    """The account that the switch of this name pauses; None where it pauses none."""
    if not name.startswith(_PAUSE):
        return None
    try:
        return AccountId.parse(name.removeprefix(_PAUSE))
    except ValueError:
        return None


def pauses_of(stored: Mapping[str, Switch]) -> dict[AccountId, Switch]:
    """The accounts that are paused, of all switches by their names."""
    accounts = {name: account_paused_by(name) for name in stored}
    return {account: stored[name] for name, account in accounts.items() if account is not None}


def set_switch(connection: Connection, name: str, reason: str, by: str, at: float) -> Switch | None:
    """Set a switch, the latest reason stands; what it was before."""
    was = read_switch(connection, name)
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    values = {"reason": reason, "set_by": by, "set_at": at}
    # In one statement: another process may set the same one at this moment.
    connection.execute(
        insert(switches)
        .values(name=name, **values)
        .on_conflict_do_update(index_elements=[switches.c.name], set_=values)
    )
    return was


def lift_switch(connection: Connection, name: str) -> Switch | None:
    """Lift a switch; what it was before."""
    was = read_switch(connection, name)
    connection.execute(switches.delete().where(switches.c.name == name))
    return was


def read_switch(connection: Connection, name: str = KILL) -> Switch | None:
    """One switch, or None when it is not set."""
    row = connection.execute(select(*_COLUMNS).where(switches.c.name == name)).one_or_none()
    return None if row is None else Switch(*row)


def read_switches(connection: Connection) -> dict[str, Switch]:
    """All that are set, by their names."""
    return {name: Switch(*row) for name, *row in connection.execute(select(switches.c.name, *_COLUMNS))}
