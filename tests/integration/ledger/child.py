"""Records plans, and settles some of them, until it is killed; prints each signal id once it is committed."""

from __future__ import annotations

import sys
from itertools import count

from bot.domain.enums import OrderState
from bot.domain.ids import VenueOrderId
from bot.domain.outcomes import Accepted
from bot.ledger.journal import Ledger
from tests.unit.ledger.builders import SetClock, copies_for, fill_of, order_of, report_of, signal_of, users


def main(url: str, copies_each: int) -> None:
    accounts = users(copies_each)
    with Ledger(url, SetClock()) as ledger:
        for number in count():
            signal = signal_of(f"O{number}")
            copies = copies_for(signal, accounts)
            ledger.record_plan(signal, copies)
            print(signal.signal_id, flush=True)
            for copy in copies:
                order = order_of(copy)
                trade_id = f"T{number}-{copy.account.name}"
                ledger.answered(order, Accepted(VenueOrderId(trade_id)), OrderState.ACCEPTED)
                ledger.settled(order, report_of(fill_of(trade_id), order_id=trade_id), OrderState.FILLED)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
