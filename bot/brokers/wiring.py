"""What the clients of all venues are made with."""

from __future__ import annotations

from typing import TypedDict

from bot.brokers.transport import SessionKind
from bot.domain.enums import BrokerType
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


def socket_url_of(said: str | None, api_url: str | None, own_api_url: str | None, own_socket_url: str) -> str | None:
    """Where the private socket of an account is; None where it has none.

    Whoever asks another API than the venue's own must not be told by the venue's own socket what trades there.

    Args:
        said: the address that the operator set; it goes over everything.
        api_url: where the venue's API is asked.
        own_api_url: the venue's own; None where the SDK knows it.
        own_socket_url: likewise.
    """
    if said is not None:
        return said
    return own_socket_url if api_url == own_api_url else None


def own_api_url_of(venue: BrokerType) -> str | None:
    """The address of a venue's own API, as the settings have it where the operator sets none."""
    default: str | None = Environment.model_fields[f"{venue}_api_url"].default
    return default
