"""Every configured account, connected to be asked; where no bot runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from bot.app.folder import unusable
from bot.app.venues import make_brokers
from bot.broker_manager import BaseBroker, BrokerManager, BrokerPorts
from bot.domain.enums import Side
from bot.domain.errors import AccountInUse
from bot.domain.ids import AccountId
from bot.domain.orders import Refused
from bot.ledger.entry import ledger_url
from bot.ledger.journal import Ledger
from bot.reporting.lines import LogAnnouncer
from bot.runtime.clock import SystemClock
from bot.settings.env import Environment, Settings
from bot.trade_signal_emitter import TradeSignalEmitter

#: Seconds an account may take to connect.
_CONNECT_TIMEOUT_S = 20.0
#: Seconds for calls on their way to end.
_STOP_WITHIN_S = 5.0


class _OnlyLooking:
    """The gate (:class:`bot.domain.ports.Gate`) of a process that places no order."""

    def check(self, account: AccountId, symbol: str, side: Side) -> Refused | None:
        return Refused("only looking")


@contextmanager
def looking(
    settings: Settings, progress: Callable[[int, int], None]
) -> Iterator[tuple[BrokerManager, dict[AccountId, str]]]:
    """Connect every account, unable to trade, for as long as the context lasts; no bot can start meanwhile.

    Args:
        progress: told, while accounts connect, how many are through, of how many.

    Returns:
        The brokers; and the accounts that can have none, each with its reason.

    Raises:
        AccountInUse: a bot works on this data folder.
        SettingsError: the data folder cannot be used.
    """
    environment, clock = settings.environment, SystemClock()
    # Never opened: should anything try to place an order, it could not be written, and would not leave.
    journal = Ledger(ledger_url(environment.ledger_url, environment.nija_data_dir), clock)
    ports = BrokerPorts(_OnlyLooking(), journal, TradeSignalEmitter(), LogAnnouncer(), clock)
    manager = BrokerManager()
    left_out: dict[AccountId, str] = {}
    with _folder(environment):
        make_brokers(settings, manager, ports, left_out.__setitem__)
        try:
            manager.start()
            _connect(manager, progress)
            yield manager, left_out
        finally:
            manager.stop(_STOP_WITHIN_S)


@contextmanager
def _folder(environment: Environment) -> Iterator[None]:
    # A bot that started now would find the keys taken, and leave their accounts out.
    folder = environment.nija_data_dir
    lock = FileLock(folder / "bot.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise AccountInUse(f"a bot has just started on {folder}: run this again") from None
    except OSError as error:
        raise unusable(folder, error) from error
    try:
        yield
    finally:
        lock.release()


def _connect(manager: BrokerManager, progress: Callable[[int, int], None]) -> None:
    total, through = len(manager.brokers), 0

    def one(_: BaseBroker) -> None:
        nonlocal through
        through += 1
        progress(through, total)

    manager.connect(_CONNECT_TIMEOUT_S, one)
