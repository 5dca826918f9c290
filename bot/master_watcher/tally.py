"""What is known of a master's order by hand, and what of it no signal covers yet. Computes only."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal

from bot.domain.enums import Side
from bot.domain.executions import Execution
from bot.domain.ids import VenueOrderId
from bot.domain.money import ZERO


@dataclass(frozen=True, slots=True)
class Part:
    """Some of an order, that becomes one signal.

    Attributes:
        filled_before: base of the order before it.
        size: base, above zero.
        cost: quote, without fees.
        time: unix seconds of its last fill, by the venue's clock.
        complete: the order is done with it.
    """

    order_id: VenueOrderId
    symbol: str
    side: Side
    filled_before: Decimal
    size: Decimal
    cost: Decimal
    time: float
    complete: bool

    @property
    def price(self) -> Decimal:
        """Quote per base, the average of its fills."""
        return self.cost / self.size

    @property
    def filled_after(self) -> Decimal:
        """Base of the order with it."""
        return self.filled_before + self.size


@dataclass(slots=True)
class OrderTally:
    """One order. What is heard of it is kept as stretches of its executed size, however often and in what order.

    Attributes:
        covered: base that signals cover, or that no signal ever will.
        counted: base up to which :meth:`further` has told what traded.
        complete: the venue said that no further fill comes.
    """

    order_id: VenueOrderId
    symbol: str
    side: Side
    covered: Decimal = ZERO
    counted: Decimal = ZERO
    complete: bool = False
    _heard: dict[tuple[Decimal, Decimal], Execution] = field(default_factory=dict)

    def hear(self, execution: Execution) -> bool:
        """Take one in; whether it is one that is not covered and was not heard before."""
        self.complete = self.complete or execution.complete
        stretch = (execution.executed_before, execution.executed)
        if execution.quantity <= ZERO or execution.executed <= self.covered or stretch in self._heard:
            return False
        self._heard[stretch] = execution
        return True

    def further(self) -> list[Execution]:
        """What is known, up to the first gap, and was not told here before: each coin once, however it was heard."""
        told = []
        for execution in self._chain():
            if execution.executed > self.counted:
                quantity = min(execution.quantity, execution.executed - self.counted)
                share = quantity / execution.quantity
                told.append(replace(execution, quantity=quantity, fee=execution.fee * share))
                self.counted = execution.executed
        return told

    def skip_to(self, executed: Decimal) -> None:
        """Let what traded up to there be."""
        self.covered = max(self.covered, executed)
        self.counted = max(self.counted, executed)

    def forget_covered(self) -> None:
        """Let go of what is covered for good."""
        self._heard = {stretch: one for stretch, one in self._heard.items() if stretch[1] > self.covered}

    @property
    def gap(self) -> tuple[Decimal, Decimal] | None:
        """The first stretch of which nothing was heard although something behind it was; None without one."""
        reached = self.covered
        for execution in self._chain():
            reached = execution.executed
        behind = [before for before, after in self._heard if after > reached]
        return (reached, min(behind)) if behind else None

    def filler(self) -> Execution:
        """What would close the gap: an execution at the price of the one behind it. Raises LookupError without one."""
        gap = self.gap
        if gap is None:
            raise LookupError(f"order {self.order_id} has no gap")
        behind = min(
            (one for one in self._heard.values() if one.executed_before >= gap[1]), key=lambda one: one.executed
        )
        return replace(behind, quantity=gap[1] - gap[0], executed=gap[1], fee=ZERO, complete=False)

    def parts(self, stale_before: float = 0.0) -> list[Part]:
        """What is heard and not covered, up to the first gap, oldest first.

        Args:
            stale_before: unix seconds; what traded before and what traded after it are parts of their own.
        """
        found: list[Part] = []
        reached = self.covered
        for execution in self._chain():
            size = execution.executed - reached
            cost = size * execution.price
            last = found[-1] if found else None
            if last is not None and (last.time < stale_before) is (execution.time < stale_before):
                time = max(last.time, execution.time)
                found[-1] = replace(last, size=last.size + size, cost=last.cost + cost, time=time)
            else:
                found.append(
                    Part(self.order_id, self.symbol, self.side, reached, size, cost, execution.time, complete=False)
                )
            reached = execution.executed
        if found and self.complete and self.gap is None:
            found[-1] = replace(found[-1], complete=True)
        return found

    def _chain(self) -> list[Execution]:
        # By what was reached with each: where a venue tells the same fills one by one and summed up, one by one counts.
        rest = sorted(self._heard.values(), key=lambda one: (one.executed, -one.executed_before))
        chain: list[Execution] = []
        reached, moved = self.covered, True
        while moved:
            moved, skipped = False, []
            for execution in rest:
                if execution.executed_before > reached:
                    skipped.append(execution)
                elif execution.executed > reached:
                    chain.append(execution)
                    reached, moved = execution.executed, True
            rest = skipped
        return chain
