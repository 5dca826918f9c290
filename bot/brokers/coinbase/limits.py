"""Coinbase's rate limits, as data (30 private calls a second a user, 10 public ones a second an address)."""

from __future__ import annotations

#: What one user may ask in any second, orders and reads together.
PRIVATE_CALLS_PER_S = 30

#: Reads at once, and a second from then on: in no second more than 20, so that 10 orders always fit beside them.
READ_BURST = 8.0
READS_PER_S = 12.0

#: Seconds between two public calls of one address.
PUBLIC_INTERVAL_S = 0.12

#: Seconds to wait after a 429 that names no time.
LIMITED_FOR_S = 10.0
#: A 429 that names a time waits at least and at most this long, seconds.
LIMITED_WAIT = (1.0, 300.0)
