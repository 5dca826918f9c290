"""Alpaca's rate limits, as data (Alpaca docs, "Usage Limit": 200 calls a minute and account; market data apart)."""

from __future__ import annotations

#: Calls of one account that may leave at once, and how many a second the venue forgets. Together they stay below 200 in
#: any minute, with a little room: calls that were spaced here arrive closer together than they left.
CALLS_AT_ONCE = 100.0
CALLS_PER_S = 1.6
#: Of these, what reads leave to orders.
ROOM_FOR_ORDERS = 20.0

#: The account, and its positions.
BALANCE_CALLS = 2
#: The first page of a listing: open orders, and all of them.
LISTING_CALLS = 2

#: The most that one page of orders holds (Alpaca docs, "Get All Orders"), and one of activities ("Account Activities").
ORDERS_A_PAGE = 500
FILLS_A_PAGE = 100

#: A refusal that names no moment, or one far away, waits this long, seconds; at most as long as the venue's window.
LIMITED_WAIT_S = 15.0
LONGEST_LIMITED_WAIT_S = 60.0

#: Seconds between two questions for prices of one address; they need no key, and have a limit of their own.
PRICE_INTERVAL_S = 0.35
