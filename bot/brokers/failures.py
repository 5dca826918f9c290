"""What an exception out of a venue's SDK or its session means for the request that raised it."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import TypeVar

import requests
import urllib3.exceptions

from bot.brokers.transport import NotSent
from bot.domain.errors import NijaError, VenueError, VenueRejected, VenueUnclear, VenueUnreachable

_T = TypeVar("_T")

_LONGEST_TEXT = 200

#: What requests raises before there is a connection.
_BEFORE_SENDING = (
    requests.ConnectTimeout,
    requests.exceptions.InvalidHeader,
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
)


class NotFound(VenueRejected):
    """The venue does not have, or does not show, what was asked for."""


def translated(call: Callable[[], _T]) -> _T:
    """What the call of an SDK gives; what it raises, translated. Errors of this project pass as they are.

    Raises:
        VenueError: by what is known of the request, see :func:`translate`.
    """
    try:
        return call()
    except NijaError:
        raise
    except Exception as error:
        # Whatever else the SDK raises, it may have sent before.
        raise translate(error) from error


def translate(error: Exception) -> VenueError:
    """What an exception out of the SDK or its session means for the request that raised it.

    Connections that never came about are :class:`VenueUnreachable`; whatever is not known for certain is
    :class:`VenueUnclear`. Texts hold neither headers nor bodies.
    """
    if isinstance(error, VenueError):
        return error
    if not _was_sent(error):
        # Ours name host and cause; requests' own may hold the whole URL, and say no more than their class.
        said = str(error) if isinstance(error, NotSent) else f"no connection ({type(error).__name__})"
        return VenueUnreachable(said)
    return VenueUnclear(_describe(error))


def one_line(text: object) -> str:
    """A venue's own words in one line, 200 characters at the most."""
    return " ".join(str(text).split())[:_LONGEST_TEXT]


def _was_sent(error: Exception) -> bool:
    sent = getattr(error, "sent", None)
    if isinstance(sent, bool):
        return sent
    if isinstance(error, _BEFORE_SENDING):
        return False
    # requests wraps what urllib3 raised, and urllib3 what made it give up.
    cause = error.args[0] if isinstance(error, requests.ConnectionError) and error.args else None
    reason = getattr(cause, "reason", cause)
    if isinstance(reason, urllib3.exceptions.SSLError):
        return not (reason.args and isinstance(reason.args[0], ssl.SSLCertVerificationError))
    return not isinstance(reason, urllib3.exceptions.NewConnectionError)


def _describe(error: Exception) -> str:
    name = type(error).__name__
    if isinstance(error, requests.Timeout):
        return f"no answer in time ({name})"
    if isinstance(error, ValueError | KeyError | TypeError):
        return f"the answer cannot be read ({name})"
    return f"{'connection trouble' if isinstance(error, requests.RequestException) else 'error'} ({name})"
