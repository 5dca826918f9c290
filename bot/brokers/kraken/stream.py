"""What trades on a Kraken account, by its private socket (Kraken WebSocket v2 docs, Executions)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar

from bot.brokers.answers import amount_of, list_of, mapping_of, moment_of, text_of
from bot.brokers.failures import one_line
from bot.brokers.order_fields import client_order_id_of, side_of
from bot.brokers.stream import (
    Conversation,
    Interrupted,
    KnownSymbols,
    Message,
    Numbering,
    Say,
    SocketStream,
    StreamTiming,
    TurnedAway,
)
from bot.domain.errors import InvalidAmount, VenueUnclear
from bot.domain.executions import Execution
from bot.domain.ids import AccountId, VenueOrderId
from bot.domain.money import ZERO, positive
from bot.domain.ports import Clock, ExecutionListener

_log = logging.getLogger("nija.kraken")

_CHANNEL = "executions"
_FINAL = frozenset({"filled", "canceled", "expired"})
#: What later reports of an order leave out.
_DESCRIBING = ("symbol", "side", "cl_ord_id", "order_qty", "margin", "margin_borrow")
_BORROWING = ("margin", "margin_borrow")
#: The beginning of what the venue says while it is down.
_AWAY = "EService:"


class KrakenExecutions(SocketStream):
    """Implements :class:`bot.domain.ports.ExecutionStream` for one account.

    Args:
        url: of the private WebSocket v2.
        token: a new token for a socket (GetWebSocketsToken), asked for each connection; ends by itself. May raise
            VenueError.
        symbol_of: the canonical symbol of ``BTC/USD``; raises InvalidAmount for one that is not listed.
    """

    def __init__(
        self,
        account: AccountId,
        url: str,
        token: Callable[[], str],
        symbol_of: Callable[[str], str],
        listener: ExecutionListener,
        clock: Clock,
        timing: StreamTiming | None = None,
        ca_file: str | None = None,
    ) -> None:
        super().__init__(account, url, listener, clock, timing, ca_file)
        self._token = token
        self._symbols = KnownSymbols(account, symbol_of)

    def _converse(self) -> Conversation:
        try:
            token = self._token()
        except VenueUnclear as error:
            wait_s = self._timing.maintenance_s if error.code.startswith(_AWAY) else 0.0
            raise Interrupted(f"no token for the socket: {one_line(error)}", wait_s) from None
        return KrakenConversation(self.account, token, self._symbols)


class KrakenConversation(Conversation):
    """Subscribes to the executions and reads them.

    An order is described by its first reports only, so what they say is kept until it ends.
    """

    question: ClassVar[Message | None] = {"method": "ping"}

    def __init__(self, account: AccountId, token: str, symbols: KnownSymbols) -> None:
        super().__init__([token])
        self._account = account
        self._token = token
        self._symbols = symbols
        self._numbering = Numbering()
        self._orders: dict[str, dict[str, Any]] = {}

    def hello(self) -> Sequence[Message]:
        """The subscription. Open orders come with it, for what later reports leave out, and the last trades."""
        parameters = {
            "channel": _CHANNEL,
            "token": self._token,
            "snap_orders": True,
            "snap_trades": True,
            "order_status": True,
        }
        return [{"method": "subscribe", "params": parameters}]

    def hear(self, message: Message, say: Say) -> Sequence[Execution]:
        """Executions of one message; see :class:`bot.brokers.stream.Conversation`."""
        if message.get("success") is False or "error" in message:
            self._refused(message)
        elif message.get("method") == "subscribe":
            self.listening = True
        elif message.get("channel") == "status":
            self._read_status(message)
        elif message.get("channel") == _CHANNEL and self._numbering.is_new(message.get("sequence"), message):
            return list(self._read(message))
        return []

    def _refused(self, message: Message) -> None:
        said = one_line(message.get("error", "refused"))
        if message.get("method") == "subscribe":
            raise TurnedAway(f"the subscription was refused: {said}")
        raise Interrupted(f"the venue said: {said}")

    def _read_status(self, message: Message) -> None:
        for row in list_of(message.get("data"), "the status"):
            self.in_maintenance = mapping_of(row, "the status").get("system") == "maintenance"

    def _read(self, message: Message) -> Iterator[Execution]:
        old = message.get("type") == "snapshot"
        rows = list_of(message.get("data"), "the executions")
        # A snapshot begins with the newest.
        for row in reversed(rows) if old else rows:
            try:
                execution = self._read_report(mapping_of(row, "an execution"), old)
            except (InvalidAmount, VenueUnclear) as error:
                if not old:
                    raise
                # What was before is asked for by REST in any case; the same row would come with each connection.
                _log.debug("%s: an old execution is left out: %s", self._account, error)
                continue
            if execution is not None:
                yield execution

    def _read_report(self, report: Mapping[str, Any], old: bool) -> Execution | None:
        order_id = text_of(report, "order_id", "an execution")
        known = self._orders.get(order_id, {})
        whole = known | {name: report[name] for name in _DESCRIBING if report.get(name) is not None}
        if report.get("exec_type") in _FINAL:
            self._orders.pop(order_id, None)
        elif not (old and report.get("order_status") in _FINAL):
            self._orders[order_id] = whole
        if report.get("exec_type") != "trade":
            return None
        return self._execution(order_id, whole, report, old)

    def _execution(
        self, order_id: str, order: Mapping[str, Any], report: Mapping[str, Any], old: bool
    ) -> Execution | None:
        spelling = text_of(order, "symbol", order_id)
        symbol = self._symbols.find(spelling)
        if symbol is None:
            return None
        if any(order.get(name) is True for name in _BORROWING):
            self._symbols.leave_out(f"{spelling} on margin")
            return None
        quantity = positive(report.get("last_qty"), f"last_qty of {order_id}")
        executed = amount_of(report, "cum_qty", order_id)
        if executed < quantity:
            raise VenueUnclear(f"cum_qty of {order_id} is below its last_qty")
        fee, currency = _fee(report, order_id)
        whole = amount_of(order, "order_qty", order_id, ZERO)
        return Execution(
            account=self._account,
            order_id=VenueOrderId(order_id),
            client_order_id=client_order_id_of(order.get("cl_ord_id")),
            symbol=symbol,
            side=side_of(text_of(order, "side", order_id), order_id),
            quantity=quantity,
            price=positive(report.get("last_price"), f"last_price of {order_id}"),
            executed=executed,
            time=moment_of(report.get("timestamp"), f"the time of {order_id}").timestamp(),
            fee=fee,
            fee_currency=currency,
            # A snapshot says of each trade what became of the order in the end.
            complete=executed == whole or (not old and report.get("order_status") in _FINAL),
        )


def _fee(report: Mapping[str, Any], order_id: str) -> tuple[Decimal, str]:
    rows = [mapping_of(row, "a fee") for row in list_of(report.get("fees") or [], f"fees of {order_id}")]
    if not rows:
        return ZERO, ""
    # A fill is charged in one currency.
    asset = text_of(rows[0], "asset", f"the fee of {order_id}")
    return sum((amount_of(row, "qty", order_id) for row in rows if row.get("asset") == asset), ZERO), asset
