"""One account's lane, its connection, its pauses and its balances."""

from __future__ import annotations

import logging
import threading
from abc import abstractmethod
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeVar

from bot.brokers.base.key import RECHECK_S, KeyReport, clock_drift_s
from bot.brokers.base.parts import BrokerOptions, BrokerPorts, OpenOrder
from bot.brokers.base.venue import VenueSteps
from bot.brokers.breaker import CircuitBreaker
from bot.brokers.snapshot import after_fill, shown
from bot.domain.enums import Side
from bot.domain.errors import (
    AccountBarred,
    InvalidAmount,
    NijaError,
    RateLimited,
    VenueError,
    VenueRejected,
    VenueUnclear,
    VenueUnreachable,
)
from bot.domain.ids import AccountId, VenueOrderId
from bot.domain.instruments import Instrument
from bot.domain.orders import AccountBalances, MarketOrder, OrderReport
from bot.domain.ports import OrderObserver

_log = logging.getLogger("nija.broker")

_T = TypeVar("_T")

#: A venue that asks for this much patience, seconds, means every call.
_LOCKOUT_S = 60.0


class Account(VenueSteps):
    """What an account is and has; :class:`bot.brokers.base.broker.BaseBroker` adds its orders."""

    def __init__(self, account: AccountId, ports: BrokerPorts, options: BrokerOptions | None = None) -> None:
        self.account = account
        self.account_type = account.account_type
        self.barred = False
        self._status = "not connected"
        self._ports = ports
        self._options = options or BrokerOptions()
        self._breaker = CircuitBreaker(ports.clock)
        self._lane = ports.make_lane(str(account))
        self._balances: AccountBalances | None = None
        self._connecting = threading.Lock()
        self._housekept = False
        self._key_checked_at = 0.0
        # Sent and not answered; accepted and without a fill yet.
        self._in_flight: dict[str, OpenOrder] = {}
        self._unconfirmed: dict[str, tuple[MarketOrder, VenueOrderId, OrderObserver]] = {}
        # Names under which something was sent that may still be taken; kept where names are unique for good.
        self._sent_before: set[str] = set()
        # Orders of an earlier process: the balances may hold their fills already.
        self._taken_up: set[str] = set()
        # Of those, what has its fill, and whether it is counted: the venue's balances held it before, or did not.
        self._perhaps_in: list[tuple[MarketOrder, OrderReport, bool]] = []
        self._balance_hearers: tuple[Callable[[AccountBalances], None], ...] = ()
        # Looks at the balances since the last fill; 0 when they agree with what was computed.
        self._looks = 0
        self._agreed = threading.Event()
        self._agreed.set()

    # -- life ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the lane; nothing is asked of the venue yet."""
        self._lane.start()

    def stop(self) -> None:
        """Ask the lane to end."""
        self._lane.stop()

    def join(self, deadline: float) -> bool:
        """Wait for the lane until ``deadline`` (monotonic seconds) and let go of files and connections.

        Returns:
            False when a call to the venue still hangs; its files stay locked until the process ends.
        """
        if not self._lane.join(deadline):
            return False
        self._venue_close()
        return True

    def connect(self, timeout_s: float | None = None) -> bool:
        """Check the key and read the balances.

        Returns:
            Whether the account is usable; ``status`` says why not.
        """
        if not self._connecting.acquire(blocking=False):
            return self.connected  # one is under way; a venue that hangs must not find a queue of them afterwards
        try:
            self._lane.call(self._connect, timeout_s)
        except TimeoutError:
            self._status = f"no answer within {timeout_s:g} s"
        except NijaError as error:
            self._connection_failed(error)
        except Exception as error:
            _log.exception("%s: unexpected error while it was connected", self.account)
            self._connection_failed(VenueUnclear(f"{type(error).__name__}: {error}"))
        return self.connected

    def _connect(self) -> None:
        try:
            self._ask(self._venue_connect)
            self._balances = self._ask_balances()
        finally:
            self._connecting.release()
        self._status, self.barred = "connected", False
        self._ports.announcer.connected(self.account)
        if not self._housekept:
            self._housekept = True
            self._lane.later(self._housekeep, self._options.balance_refresh_s)

    def _connection_failed(self, error: NijaError) -> None:
        self._status, self._balances = str(error), None
        self.barred = isinstance(error, AccountBarred)

    # -- the key -------------------------------------------------------------------------------------------------

    def key_check(self, timeout_s: float | None = None) -> KeyReport | None:
        """Ask the venue what the key may do; None where it cannot tell. Bars nobody.

        Raises:
            VenueError: it was not told.
            TimeoutError: not in time.
        """
        return self._lane.call(self._venue_key, timeout_s)

    def clock_drift(self, timeout_s: float | None = None) -> float:
        """Seconds that this machine's clock is ahead of the venue's.

        Raises:
            VenueError: the venue did not tell.
            TimeoutError: not in time.
        """
        return self._lane.call(lambda: clock_drift_s(self._venue_time, self._ports.clock), timeout_s)

    def validate_order(self, symbol: str, timeout_s: float | None = None) -> str | None:
        """Have the smallest market buy judged by the venue, which places nothing; for venues that ``validates_orders``.

        Args:
            symbol: any spelling the venue knows.

        Returns:
            Why the venue would refuse it; None when it would take it.

        Raises:
            InvalidAmount: the symbol is not listed.
            VenueError: it could not be judged.
            TimeoutError: not in time.
        """
        return self._lane.call(lambda: self._venue_validate(self._venue_symbol(symbol)), timeout_s)

    def _admit_key(self) -> None:
        """Ask what the key may do. Raises AccountBarred for one that may move money or not trade, or VenueError."""
        report = self._venue_key()
        self._key_checked_at = self._ports.clock.time()
        if report is None:
            return
        report.refuse_if_unfit()
        if report.nonce_window:
            _log.warning("⚠️ %s: the API key has nonce window %s; set it to 0", self.account, report.nonce_window)

    def _admit_key_if_due(self) -> None:
        """:meth:`_admit_key` when the last time is more than a day ago: what a key may do can be changed."""
        if self._ports.clock.time() - self._key_checked_at <= RECHECK_S:
            return
        try:
            self._ask(self._admit_key)
        except AccountBarred:
            return  # said, and the account is barred from now on
        except VenueError as error:
            _log.warning("%s: what the API key may do was not told: %s; asked again", self.account, error)

    # -- pauses --------------------------------------------------------------------------------------------------

    @property
    def status(self) -> str:
        """How the account is, in a few words: connected, paused and why, barred and why."""
        paused_s = self._breaker.paused_s
        if not paused_s or self.barred:
            return self._status
        until = datetime.fromtimestamp(round(self._ports.clock.time() + paused_s), UTC)
        return f"paused until {until:%H:%M:%S} UTC: {self._breaker.reason}"

    @property
    def paused(self) -> bool:
        """Whether the account waits for its venue, or for an end of its failures; nothing is asked meanwhile."""
        return self._breaker.paused_s > 0

    def resume(self, timeout_s: float | None = None) -> bool:
        """End a pause, or try a barred account again; whether it is usable now."""
        self._breaker.resume()
        return self.connect(timeout_s)

    def _ask(self, call: Callable[[], _T], *, is_order: bool = False) -> _T:
        try:
            answer = call()
        except AccountBarred as error:
            if not self.barred:
                _log.error("%s: %s; the account is left alone until it is mended", self.account, error.code)
            self._status, self.barred = error.code, True
            raise
        except RateLimited as error:
            # What limits reads need not stop orders; a lockout stops everything.
            if is_order or error.retry_after_s >= _LOCKOUT_S:
                self._breaker.pause(error.code, error.retry_after_s)
                self._say_paused()
            raise
        except VenueRejected:
            self._breaker.succeeded()
            raise
        except (VenueUnclear, VenueUnreachable) as error:
            if self._breaker.failed(str(error)):
                self._say_paused()
            raise
        if self._breaker.succeeded():
            _log.warning("%s: the venue answers again", self.account)
        return answer

    def _say_paused(self) -> None:
        _log.warning("⏸️ %s: %s", self.account, self.status)
        # A pause ends with a question, whose answer tells whether the venue is back.
        self._lane.later(self._tend, self._breaker.paused_s)

    def _read_delay(self) -> float:
        return max(self._venue_read_delay(), self._breaker.paused_s)

    # -- what the account has ------------------------------------------------------------------------------------

    @property
    def connected(self) -> bool:
        """Whether the account answered and may be traded."""
        return self._balances is not None and not self.barred

    @property
    def nonce_errors(self) -> int:
        """Nonces of its key that the venue refused; none where a venue has no nonces."""
        return 0

    @property
    def balances(self) -> AccountBalances | None:
        """The last known balances, kept fresh in the background; None before ``connect``.

        Orders that are on their way, and those whose fill the venue does not show yet, are counted in as sized; those
        of an earlier process were so when the balances were asked for.
        """
        known = self._balances
        if known is not None and (self._in_flight or self._unconfirmed):
            in_flight = [open_order.order for open_order in self._in_flight.copy().values()]
            unconfirmed = [order for order, _, _ in self._unconfirmed.copy().values()]
            for order in in_flight + unconfirmed:
                if order.client_order_id in self._taken_up:
                    continue
                known = after_fill(known, order, _as_sized(order, known.fee_rate))
        return None if known is None else shown(known)

    @property
    def settled_balances(self) -> AccountBalances | None:
        """Balances as the venue gave them, which hold every order that is known; None while there is any doubt."""
        if self._in_flight or self._unconfirmed or self._looks or not self.connected:
            return None
        return self._balances

    @property
    def open_orders(self) -> int:
        """Orders that were sent and whose fill is not known."""
        return len(self._in_flight.copy().keys() | self._unconfirmed.copy().keys())

    def get_account_balance(self) -> Decimal:
        """USD + USDT + USDC that can be spent, as last known.

        Raises:
            VenueUnclear: the account is not connected.
        """
        return self.get_account_balance_detailed().trading_balance

    def get_account_balance_detailed(self) -> AccountBalances:
        """Trading balance, holdings, held amounts and equity, as last known.

        Raises:
            VenueUnclear: the account is not connected.
        """
        balances = self.balances
        if balances is None:
            raise VenueUnclear(f"{self.account} is not connected: {self.status}")
        return balances

    def get_positions(self) -> dict[str, Decimal]:
        """Coins of the account, base units per currency code."""
        return self.get_account_balance_detailed().holdings

    def instrument(self, symbol: str) -> Instrument | None:
        """What the venue says of a symbol, as last known; None when it does not list it."""
        try:
            return self._venue_instrument(symbol)
        except InvalidAmount:
            return None

    def market_price(self, symbol: str, side: Side, timeout_s: float | None = None) -> Decimal:
        """What a market order would pay or get now, quote per base; asked for where what is known is not fresh.

        Raises:
            InvalidAmount: the venue does not list the symbol (canonical).
            VenueError: it was not had.
            TimeoutError: it was not had in time.
        """
        return self._lane.call(lambda: self._venue_price(symbol, side, self._options.fresh_s), timeout_s)

    def refresh_balances(self, timeout_s: float | None = None) -> AccountBalances:
        """Ask the venue for the balances now; while they trail a fill that is known, the computed ones stand.

        Raises:
            VenueError: it did not answer.
        """
        return self._lane.call(self._refresh_balances, timeout_s)

    def wait_for_balances(self, timeout_s: float) -> bool:
        """Wait until the venue's balances show every fill that is known; whether they did in time."""
        return self._agreed.wait(timeout_s)

    def _refresh_balances(self) -> AccountBalances:
        if not (self._unsettled or self._looks):
            self._balances = self._ask_balances()
        # Otherwise the venue's own may trail behind what is known of the orders since.
        return self.get_account_balance_detailed()

    def hear_balances(self, callback: Callable[[AccountBalances], None]) -> None:
        """Have every answer of the venue about balances told, as it gave it, before anything is computed from it.

        Args:
            callback: called in the lane, so it must return quickly; what it raises is logged.
        """
        self._balance_hearers += (callback,)

    def _ask_balances(self) -> AccountBalances:
        seen = self._ask(self._venue_balances)
        for hear in self._balance_hearers:
            try:
                hear(seen)
            except Exception:
                _log.exception("%s: whoever wanted to hear of the balances failed", self.account)
        return seen

    @property
    def _unsettled(self) -> bool:
        return bool(self._unconfirmed) or any(one.in_doubt for one in self._in_flight.copy().values())

    @abstractmethod
    def _housekeep(self) -> None:
        """Look at the account now, and again and again."""

    @abstractmethod
    def _tend(self) -> None:
        """Look at the account now, unless it has to be left alone."""


def _as_sized(order: MarketOrder, fee_rate: Decimal) -> OrderReport:
    cost = order.quantity * order.price
    return OrderReport(VenueOrderId(""), order.quantity, order.price, cost, cost * fee_rate, "", final=False)
