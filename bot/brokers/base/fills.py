"""The fills of an account's orders, and balances that trail behind them."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from bot.brokers.base.account import Account
from bot.brokers.snapshot import after_fill, agrees_with, before_fill
from bot.domain.enums import AccountType, OrderState, Side
from bot.domain.errors import NijaError, VenueError
from bot.domain.ids import VenueOrderId
from bot.domain.orders import AccountBalances, MarketOrder, OrderReport
from bot.domain.ports import OrderObserver
from bot.runtime import crash

_log = logging.getLogger("nija.broker")

#: Seconds between questions for a fill; the last one repeats.
_CONFIRM_PAUSES = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)
#: Seconds between two looks at balances that trail a fill.
_LOOK_PAUSE_S = 1.0
#: Orders of an earlier process of which balances may or may not hold the fill; each doubles what is possible.
_MOST_IN_QUESTION = 6
#: How often balances that contradict a fill are asked for again before the venue is believed.
_BALANCE_TRIES = 6


class Fills(Account):
    """Asks for the fills of accepted orders, and keeps the balances true to them."""

    def _fresh_balances(self) -> AccountBalances:
        self._ask_fills(order for order, _, _ in list(self._unconfirmed.values()))
        known = self.get_account_balance_detailed()
        age = self._ports.clock.time() - known.at
        return known if 0 <= age <= self._options.fresh_s else self._refresh_balances()

    def has_open(self, symbol: str) -> bool:
        """Whether an order of it is on its way, in doubt or without its fill; if not, every fill is journalled."""
        in_flight = any(one.order.symbol == symbol for one in self._in_flight.copy().values())
        return in_flight or self._has_unconfirmed(symbol)

    def _has_unconfirmed(self, symbol: str) -> bool:
        return any(order.symbol == symbol for order, _, _ in self._unconfirmed.copy().values())

    def _confirm_now(self, symbol: str) -> None:
        self._ask_fills(order for order, _, _ in list(self._unconfirmed.values()) if order.symbol == symbol)

    def _confirm(self, order: MarketOrder, tries: int) -> None:
        if order.client_order_id in self._unconfirmed and not self._ask_fill(order):
            pause = _CONFIRM_PAUSES[min(tries, len(_CONFIRM_PAUSES) - 1)]
            self._lane.later(lambda: self._confirm(order, tries + 1), max(pause, self._read_delay()))

    def _ask_fills(self, orders: Iterable[MarketOrder]) -> None:
        for order in orders:
            # Others may have been told along with one before.
            if order.client_order_id in self._unconfirmed:
                self._ask_fill(order)

    def _ask_fill(self, order: MarketOrder) -> bool:
        if self._read_delay() > 0 or not self.connected:
            return False
        asked = self._with_others(order)
        try:
            reports = self._ask(lambda: self._venue_reports([(one, order_id) for one, order_id, _ in asked]))
        except VenueError as error:
            _log.warning("%s: order %s is not confirmed yet: %s", self.account, asked[0][1], error)
            return False
        except Exception:
            _log.exception("%s: the answer about order %s cannot be read", self.account, asked[0][1])
            return False
        for (one, _, observer), report in zip(asked, reports, strict=True):
            if report is None or not report.final:
                continue
            try:
                self._settle(one, report, observer)
            except Exception:
                if one is order:
                    raise
                # The one that was asked for goes on being asked for.
                _log.exception("%s: order %s was not settled", self.account, one.client_order_id)
        return order.client_order_id not in self._unconfirmed

    def _with_others(self, order: MarketOrder) -> list[tuple[MarketOrder, VenueOrderId, OrderObserver]]:
        name = order.client_order_id
        others = [one for other, one in self._unconfirmed.items() if other != name]
        return [self._unconfirmed[name], *others[: self.reports_at_once - 1]]

    def _settle(self, order: MarketOrder, report: OrderReport, observer: OrderObserver) -> None:
        state = _state_of(order, report)
        taken_up = order.client_order_id in self._taken_up
        # What is spent is not there to size with, whether the balances know it already or not.
        counted = not taken_up or (order.side is Side.BUY and self.account_type is AccountType.USER)
        if taken_up:
            self._perhaps_in = [*self._perhaps_in, (order, report, counted)][-_MOST_IN_QUESTION:]
        if counted and self._balances is not None:
            self._balances = after_fill(self._balances, order, report)
        crash.reached("fill known")
        self._ports.journal.settled(order, report, state)
        # Not before: whoever sees nothing open finds the fill in the ledger.
        self._taken_up.discard(order.client_order_id)
        del self._unconfirmed[order.client_order_id]
        observer.settled(order, report, state)
        self._agreed.clear()
        if not self._looks:
            self._lane.later(self._look)
        self._looks = 1

    def _look(self) -> None:
        # Balances may trail a fill by seconds: until the venue agrees with the fill, the computed ones stand. While
        # another order has no fill yet, nobody can say whether the venue's balances hold it already.
        delay = self._read_delay()
        if self._unsettled or delay > 0:
            self._lane.later(self._look, max(_LOOK_PAUSE_S, delay))
            return
        seen = self._seen_balances()
        known = self._balances
        tried_enough = self._looks >= _BALANCE_TRIES
        if seen is not None and known is not None and (tried_enough or self._is_explained(seen, known)):
            self._balances = seen
        elif self._looks < _BALANCE_TRIES:
            self._looks += 1
            self._lane.later(self._look, _LOOK_PAUSE_S)
            return
        self._looks = 0
        self._perhaps_in.clear()
        self._agreed.set()

    def _is_explained(self, seen: AccountBalances, known: AccountBalances) -> bool:
        # Each order of an earlier process may have been in the balances before its fill was known, or not.
        possible = [known]
        for order, report, counted in self._perhaps_in:
            other = before_fill if counted else after_fill
            possible += [other(balances, order, report) for balances in possible]
        return any(agrees_with(seen, balances) for balances in possible)

    def _seen_balances(self) -> AccountBalances | None:
        try:
            return self._ask_balances()
        except VenueError as error:
            _log.warning("%s: balances after the fill were not had: %s", self.account, error)
        except Exception:
            _log.exception("%s: balances after the fill cannot be read", self.account)
        return None

    def _housekeep(self) -> None:
        self._tend()
        self._lane.later(self._housekeep, self._options.balance_refresh_s)

    def _tend(self) -> None:
        try:
            if self._read_delay() <= 0 and not self._unsettled and not self._looks and not self.barred:
                self._refresh_balances()
                self._ask(self._venue_housekeep)
                self._admit_key_if_due()
        except NijaError as error:
            _log.warning("%s: balances were not refreshed: %s", self.account, error)
        except Exception:
            _log.exception("%s: housekeeping failed; it goes on", self.account)


def _state_of(order: MarketOrder, report: OrderReport) -> OrderState:
    if report.executed <= 0:
        return OrderState.FAILED
    done = report.complete or report.executed >= order.quantity
    return OrderState.FILLED if done else OrderState.PARTIALLY_FILLED
