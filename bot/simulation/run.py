"""History, candle by candle: decide, trade for the master, plan the copies, trade them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal, localcontext
from heapq import merge
from itertools import repeat

from bot.copying.coins import CopiedCoins
from bot.copying.guards import Follower
from bot.copying.plan import PlanRules, order_of, plan_copies
from bot.domain.enums import Side, SizeType
from bot.domain.errors import InvalidAmount, SettingsError
from bot.domain.ids import AccountId
from bot.domain.instruments import split_symbol
from bot.domain.money import DOLLARS, ONE, ZERO
from bot.domain.orders import MarketOrder, OrderReport, Refused, Sized
from bot.domain.signals import PlannedCopy, TradeSignal
from bot.simulation.accounts import SimulatedAccount, WithoutSteps
from bot.simulation.attribution import Attribution, Before, Wanted
from bot.simulation.followers import SimulatedUser
from bot.simulation.leading import master_order, signal_of
from bot.simulation.played import DIGITS, AccountRun, MasterTrade, Simulation, SimulationResult
from bot.simulation.positions import Positions
from bot.trading_strategy import Action, Candles, Decision

#: Candles between two reports of the progress.
_REPORT_EVERY = 1000
#: Copies leave at once; any age does.
_AGE_S = 1.0

Progress = Callable[[int, int], None]


def simulate(simulation: Simulation, progress: Progress | None = None) -> SimulationResult:
    """Play a simulation; the same one always ends the same.

    Args:
        progress: called now and then with how many candles are done, and how many there are.

    Raises:
        SettingsError: candles of no symbol, of several quote currencies, or of one that is no dollar.
    """
    with localcontext(prec=DIGITS):
        return _Stage(simulation).play(progress)


class _Stage:
    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        quote = _quote_of(simulation.candles)
        master = SimulatedAccount(
            AccountId.master(simulation.venue), simulation.master_dollars, quote, simulation.fee_rate
        )
        self._master = AccountRun(master, simulation.master_dollars)
        self._users = tuple(_user_run(user, quote, simulation) for user in simulation.users)
        users = list(zip(simulation.users, self._users, strict=True))
        self._followers = [Follower(one.user, run.account) for one, run in users]
        self._unrounded = [Follower(one.user, WithoutSteps(run.account)) for one, run in users]
        start = min(candles.until(1).last_time for candles in simulation.candles.values())
        for run in (self._master, *self._users):
            run.note_books(start)
        self._coins = CopiedCoins({})
        self._positions = Positions(master)
        self._trades: list[MasterTrade] = []

    def play(self, progress: Progress | None) -> SimulationResult:
        simulation = self._simulation
        total = sum(map(len, simulation.candles.values()))
        for done, view in enumerate(_in_turn(simulation.candles), start=1):
            decision = simulation.strategy.decide(view, self._positions.now(view), simulation.settings)
            if decision.action is not Action.HOLD:
                self._act(decision, view)
            if progress is not None and (done % _REPORT_EVERY == 0 or done == total):
                progress(done, total)
        closes = {split_symbol(symbol)[0]: candles.last_close for symbol, candles in simulation.candles.items()}
        return SimulationResult(simulation, self._master, self._users, tuple(self._trades), closes)

    def _act(self, decision: Decision, view: Candles) -> None:
        master, before = self._master.account, _before(self._master, decision.symbol)
        try:
            order = self._order(decision, view)
            report = master.trade(order)
        except InvalidAmount as error:
            self._master.skips[_code(error)] += 1
            return
        self._positions.filled(order, report)
        self._master.orders[order.side] += 1
        self._master.note_books(view.closed_at)
        signal = signal_of(order, master.instrument(order.symbol))
        self._trades.append(MasterTrade(view.closed_at, decision, signal, report))
        self._copy(signal, before, report)

    def _order(self, decision: Decision, view: Candles) -> MarketOrder:
        master, half_spread = self._master.account, self._simulation.spread / 2
        if decision.action is Action.BUY:
            side, unit, price = Side.BUY, SizeType.QUOTE, view.last_close * (ONE + half_spread)
            amount = decision.balance_share * master.balances.trading_balance
        else:
            side, unit, price = Side.SELL, SizeType.BASE, view.last_close * (ONE - half_spread)
            amount = decision.position_fraction * self._positions.quantity(view.symbol)
        name = f"{decision.symbol} {decision.candle_time}"
        return master_order(master, decision.symbol, side, amount, unit, price, view.closed_at, name)

    def _copy(self, signal: TradeSignal, master_before: Before, master_report: OrderReport) -> None:
        time = signal.timestamp
        rules = PlanRules(None, False, self._simulation.max_user_risk, time, _AGE_S, time)
        copies = plan_copies(signal, self._followers, self._coins, rules)
        unrounded: Sequence[PlannedCopy] | repeat[None] = repeat(None, len(copies))
        if signal.is_entry:
            unrounded = plan_copies(signal, self._unrounded, self._coins, rules)
        for run, copy, fine in zip(self._users, copies, unrounded, strict=True):
            before = _before(run, signal.symbol)
            report, reason = self._trade_copy(run, copy, signal)
            if run.attribution is not None:
                sent = ZERO if report is None else _size(copy, signal, run.account)
                exact = None if fine is None else _size(fine, signal, run.account)
                wanted = Wanted(run.multiplier, exact or None, sent, reason)
                run.attribution.note(signal, wanted, (master_before, master_report), (before, report))
            if report is not None:
                run.note_books(int(time))

    def _trade_copy(self, run: AccountRun, copy: PlannedCopy, signal: TradeSignal) -> tuple[OrderReport | None, str]:
        order = order_of(copy, signal)
        if order is None or not isinstance(copy.decision, Sized):
            reason = copy.decision.code if isinstance(copy.decision, Refused) else copy.reason
            run.skips[reason] += 1
            return None, reason
        self._coins.open(order)
        try:
            report = run.account.trade(order)
        except InvalidAmount as error:
            self._coins.close(order, None)
            run.skips[_code(error)] += 1
            return None, _code(error)
        self._coins.close(order, report)
        run.orders[copy.side] += 1
        if copy.decision.note:
            run.notes[copy.decision.note] += 1
        return report, ""


def _quote_of(candles: Mapping[str, Candles]) -> str:
    quotes = sorted({split_symbol(symbol)[1] for symbol in candles})
    if len(quotes) != 1 or quotes[0] not in DOLLARS:
        found = ", ".join(candles) or "none"
        raise SettingsError(
            f"candles must be of symbols in one of {', '.join(DOLLARS)}, all in the same; there are {found}"
        )
    return quotes[0]


def _user_run(one: SimulatedUser, quote: str, simulation: Simulation) -> AccountRun:
    own_quote = one.user.quote_map.get(quote, quote)
    account = SimulatedAccount(one.user.account, one.dollars, own_quote, simulation.fee_rate)
    attribution = Attribution(one.dollars / simulation.master_dollars)
    return AccountRun(account, one.dollars, one.user.multiplier, attribution=attribution)


def _in_turn(candles: Mapping[str, Candles]) -> Iterator[Candles]:
    """Every candle with those before it, by their closings; at one moment in the order of the symbols."""
    series = list(candles.values())

    def moments(number: int) -> Iterator[tuple[int, int, int]]:
        for count, opening in enumerate(series[number].times, start=1):
            yield opening + series[number].interval_s, number, count

    for _, number, count in merge(*map(moments, range(len(series)))):
        yield series[number].until(count)


def _before(run: AccountRun, symbol: str) -> Before:
    return Before(run.account.balances.trading_balance, run.account.coins(split_symbol(symbol)[0]))


def _size(copy: PlannedCopy, signal: TradeSignal, account: SimulatedAccount) -> Decimal:
    """Base; of a buy that is sized in quote, what the money would buy without a fee."""
    if not isinstance(copy.decision, Sized):
        return ZERO
    in_quote = signal.is_entry and account.instrument(copy.symbol).quote_step is not None
    return copy.decision.quote_value / signal.price if in_quote else copy.decision.quantity


def _code(error: InvalidAmount) -> str:
    return str(error).partition(":")[0]
