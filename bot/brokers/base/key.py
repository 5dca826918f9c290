"""What an account's API key may do, as its venue tells it, and whether it may be used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

from bot.domain.errors import AccountBarred
from bot.domain.ports import Clock

#: A day, in seconds: how often a venue is asked again what a key may do.
RECHECK_S = 86_400.0
#: Round trips that a clock is compared by.
_ROUND_TRIPS = 3


@dataclass(frozen=True, slots=True)
class KeyReport:
    """What a key may do, in the words of its venue's key page.

    Attributes:
        permissions: all that it may, in the venue's own words; empty where the venue does not tell.
        missing: what trading needs and it may not.
        moves_money: what it may and must not: with these a stolen key empties the account.
        nonce_window: how far below the highest a nonce may be; anything but 0 weakens replay protection.
        allowed_addresses: IP addresses that may use it; empty for any, None where the venue does not tell.
        valid_until: unix seconds; None for ever, or where the venue does not tell.
        settings_page: where permissions are ticked.
        notes: what else there is to know.
    """

    permissions: frozenset[str]
    settings_page: str
    missing: tuple[str, ...] = ()
    moves_money: tuple[str, ...] = ()
    nonce_window: int = 0
    allowed_addresses: tuple[str, ...] | None = None
    valid_until: float | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def may_trade(self) -> bool:
        """Whether it may all that trading needs."""
        return not self.missing

    @property
    def may_move_money(self) -> bool:
        """Whether it may take money out of the account."""
        return bool(self.moves_money)

    @property
    def refusal(self) -> str:
        """Why an account with this key is left out, and the mend; empty where nothing stands against it."""
        if self.moves_money:
            return (
                f"the API key may move money ({', '.join(self.moves_money)}), so it is refused; "
                f"take that from it, or make a key that may not: {self.settings_page}"
            )
        if self.missing:
            return f"the API key lacks {', '.join(self.missing)}; allow it: {self.settings_page}"
        return ""

    def refuse_if_unfit(self) -> None:
        """Raises AccountBarred for a key that may move money, or that lacks what trading needs."""
        if self.refusal:
            raise AccountBarred(self.refusal)


def clock_drift_s(ask: Callable[[], float], clock: Clock) -> float:
    """Seconds that this machine's clock is ahead of a venue's, the median of a few round trips.

    Args:
        ask: the venue's time, unix seconds; assumed to be of the middle of its round trip.
    """
    drifts = []
    for _ in range(_ROUND_TRIPS):
        before, began_ns = clock.time(), clock.monotonic_ns()
        theirs = ask()
        drifts.append(before + (clock.monotonic_ns() - began_ns) / 2e9 - theirs)
    return median(drifts)
