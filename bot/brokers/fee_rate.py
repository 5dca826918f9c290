"""The taker fee of one account, as a rate, where the venue has to be asked for it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from decimal import Decimal

from bot.domain.errors import AccountBarred, VenueError
from bot.domain.ids import AccountId
from bot.domain.ports import Clock

#: A day, in seconds: how often the rate is asked for.
_REFRESH_S = 86_400.0


class FeeRate:
    """What the venue last said, asked for again once a day; used in the account's lane only.

    Args:
        account: whose.
        until_known: assumed until the venue has told it, 0.008 for 0.8 %.
        ask: asks the venue; None when its answer does not tell. Raises VenueError, or InvalidAmount.
        clock: where time comes from.

    Attributes:
        value: the rate.
    """

    def __init__(
        self, account: AccountId, until_known: Decimal, ask: Callable[[], Decimal | None], clock: Clock
    ) -> None:
        self.value = until_known
        self._account = account
        self._ask = ask
        self._clock = clock
        self._asked_at = 0.0
        self._log = logging.getLogger(f"nija.{account.venue.value}")

    def refresh(self) -> None:
        """Ask now; what was known stays where it is not had.

        Raises:
            AccountBarred: the key or the account was refused.
        """
        self._asked_at = self._clock.time()
        try:
            rate = self._ask()
        except AccountBarred:
            raise
        except (VenueError, ValueError) as error:
            self._log.warning("%s: the fee rate was not had (%s); assuming %s", self._account, error, self.value)
            return
        if rate is not None:
            self.value = rate

    def refresh_if_due(self) -> None:
        """:meth:`refresh` when the last time is more than a day ago."""
        if self._clock.time() - self._asked_at > _REFRESH_S:
            self.refresh()
