"""What the clients of all venues are made with."""

from __future__ import annotations

from typing import TypedDict

from bot.brokers.transport import SessionKind
from bot.domain.ports import Clock
from bot.settings.env import Environment


class Wiring(TypedDict):
    """Arguments by name, the same for every client of a process."""

    session: SessionKind
    connect_timeout_s: float
    read_timeout_s: float
    clock: Clock


def wiring_of(environment: Environment, clock: Clock) -> Wiring:
    """What the operator has set."""
    return Wiring(
        session=environment.http_session,
        connect_timeout_s=environment.connect_timeout_s,
        read_timeout_s=environment.read_timeout_s,
        clock=clock,
    )
