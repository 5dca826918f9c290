"""Errors, named by what the program will do about them.

::

    NijaError
    ├── SettingsError           stop or leave the account out, and say what to mend
    ├── InvalidAmount           refuse this one
    ├── IllegalTransition       a fault of the program: stop and call a human
    ├── LedgerUnavailable       nothing may be sent until the ledger can be written
    ├── AccountInUse            another process holds this account: leave it alone
    ├── RequestKeyTaken         refuse this request: its key belongs to another one
    └── VenueError              a venue or the way to it
        ├── VenueUnreachable    provably not sent: may be tried again
        ├── VenueRejected       the venue said no: nothing was done
        │   ├── RateLimited     wait, then go on
        │   ├── MarketClosed    wait with this symbol, go on with the others
        │   └── AccountBarred   stop this account and call a human
        └── VenueUnclear        may or may not have been done: ask, never assume
"""

from __future__ import annotations


class NijaError(Exception):
    """Root of the errors that reach a person as one line."""


class SettingsError(NijaError):
    """A setting, a user entry or a credential that cannot be used; the text names it and the mend."""


class InvalidAmount(NijaError, ValueError):
    """Not a finite decimal number, or outside what the place allows."""


class IllegalTransition(NijaError):
    """A move that the table of states does not have."""


class LedgerUnavailable(NijaError):
    """The ledger did not commit."""


class AccountInUse(NijaError):
    """Another process holds the lock of this account."""


class RequestKeyTaken(NijaError, ValueError):
    """The key of a request belongs to one that asked for something else."""


class VenueError(NijaError):
    """Anything between the bot and a venue that was not an answer with a result."""


class VenueUnreachable(VenueError):
    """No byte of the request reached the venue."""


class VenueRejected(VenueError):
    """The venue refused; ``code`` is the venue's own text."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class RateLimited(VenueRejected):
    """Refused for the rate of requests; worth trying again after ``retry_after_s`` seconds."""

    def __init__(self, code: str, retry_after_s: float) -> None:
        super().__init__(code)
        self.retry_after_s = retry_after_s


class MarketClosed(VenueRejected):
    """The symbol cannot be traded at the moment."""


class AccountBarred(VenueRejected):
    """The key, its permissions or the account itself was refused: no use to go on with it."""


class VenueUnclear(VenueError):
    """What became of the request is not known; ``code`` is what was seen."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code
