"""The steps that a venue fills in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from decimal import Decimal
from typing import ClassVar

from bot.brokers.base.executions import ExecutionSearch
from bot.brokers.base.key import KeyReport
from bot.brokers.departure import VenueCall
from bot.domain.enums import BrokerType, Side
from bot.domain.ids import VenueOrderId
from bot.domain.instruments import Instrument
from bot.domain.orders import AccountBalances, MarketOrder, OrderReport, VenueOrder
from bot.domain.ports import ExecutionListener, ExecutionStream


class VenueSteps(ABC):
    """One account at one venue, step by step; every step runs in the account's lane, unless it says otherwise."""

    venue: BrokerType
    #: A client order id is taken once and for good: what is not there may be sent again under the same one, and what
    #: arrives late is then the same order.
    names_are_unique_for_good: ClassVar[bool] = False
    #: Orders that one question for what became of them may name.
    reports_at_once: ClassVar[int] = 1
    #: The venue judges an order without placing it.
    validates_orders: ClassVar[bool] = False

    @abstractmethod
    def _venue_connect(self) -> None:
        """Check the key and its permissions. Raises SettingsError or VenueError."""

    def _venue_key(self) -> KeyReport | None:
        """Ask what the key may do; None where that cannot be asked and need not be known. Raises VenueError."""
        return None

    def _venue_time(self) -> float:
        """Ask for the venue's clock, unix seconds. Raises VenueError."""
        raise NotImplementedError(f"{type(self).__name__} cannot tell the time of {self.venue}")

    def _venue_validate(self, symbol: str) -> str | None:
        """Have the smallest market buy of a canonical symbol judged, and nothing placed.

        Returns:
            Why the venue would refuse it; None when it would take it.

        Raises:
            InvalidAmount: the symbol is not listed.
            VenueError: it could not be judged.
        """
        raise NotImplementedError(f"{self.venue} judges no order without placing it")

    @abstractmethod
    def _venue_balances(self) -> AccountBalances:
        """Ask for the balances. Raises VenueError."""

    @abstractmethod
    def _venue_symbol(self, symbol: str) -> str:
        """The canonical symbol of any spelling. Raises InvalidAmount."""

    @abstractmethod
    def _venue_instrument(self, symbol: str) -> Instrument:
        """The instrument of a canonical symbol. Raises InvalidAmount."""

    @abstractmethod
    def _venue_price(self, symbol: str, side: Side, max_age_s: float) -> Decimal:
        """What a market order would pay or get now, quote per base. Raises VenueError."""

    @abstractmethod
    def _venue_prepare(self, order: MarketOrder) -> VenueCall:
        """Sign the order and send nothing. It and what it returns raise VenueError by what is known of the order."""

    @abstractmethod
    def _venue_find(self, order: MarketOrder) -> VenueOrderId | None:
        """Look an order up by its client order id; None when the venue shows none. Raises VenueError."""

    @abstractmethod
    def _venue_provable_at_ns(self) -> int:
        """Monotonic nanoseconds from when on the venue surely shows every order that was ever sent, if it has it."""

    @abstractmethod
    def _venue_report(self, order: MarketOrder, order_id: VenueOrderId) -> OrderReport | None:
        """Ask what became of an order; None when the venue does not show it yet. Raises VenueError."""

    def _venue_reports(self, asked: Sequence[tuple[MarketOrder, VenueOrderId]]) -> list[OrderReport | None]:
        """As :meth:`_venue_report`, of at most ``reports_at_once`` orders; raises what is wrong with the first."""
        return [self._venue_report(*one) for one in asked]

    @abstractmethod
    def _venue_orders(self, since: float, offset: int) -> tuple[list[VenueOrder], int | None]:
        """One page of the account's orders since then, unix seconds, whoever placed them; open ones in the first.

        Returns:
            The orders, newest first, and the offset of the next page; None after the last one.

        Raises:
            VenueError: they were not had.
        """

    def _venue_executions(self, since: float) -> ExecutionSearch:
        """A question for all that traded on the account since then, unix seconds; nothing is asked yet."""
        raise NotImplementedError(f"{type(self).__name__} cannot tell what traded on {self.venue}")

    def open_stream(self, listener: ExecutionListener) -> ExecutionStream | None:
        """A socket that tells what trades on the account, not started; None where there is no address for it.

        May be called in any thread.
        """
        return None

    @abstractmethod
    def _venue_read_delay(self) -> float:
        """Seconds until a read fits the rate limit; zero for now."""

    @abstractmethod
    def _venue_find_delay(self) -> float:
        """As :meth:`_venue_read_delay`, for a look-up by client order id."""

    @abstractmethod
    def _venue_housekeep(self) -> None:
        """Whatever else the venue wants done when nothing happens."""

    @abstractmethod
    def _venue_close(self) -> None:
        """Let go of connections, files and locks."""
