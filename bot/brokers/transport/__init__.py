"""The HTTP session under the venues' SDKs: one keep-alive libcurl handle behind the members of ``requests.Session``.

An SDK keeps its signing and its methods and gets a :class:`CurlSession` as its ``session``. Preparing a
request, sending it and waiting for its answer are three steps, so that one thread can send for many accounts and others
can wait.

Every failure is one of requests' own exceptions with an attribute ``sent``: False when no byte of the request can have
reached the venue, True when nobody can tell. Nothing is ever sent twice: see :meth:`CurlSession.request`.
"""

from bot.brokers.transport.curl import CurlSession, PendingAnswer
from bot.brokers.transport.failures import AnswerLost, AnswerTimeout, NotSent, NotSentInTime, TlsRefused
from bot.brokers.transport.request import FORM_TYPE, Timeout, WireRequest, encode_form
from bot.brokers.transport.response import CurlResponse
from bot.brokers.transport.session import HttpSession, PlainSession, SessionKind, make_session

__all__ = [
    "FORM_TYPE",
    "AnswerLost",
    "AnswerTimeout",
    "CurlResponse",
    "CurlSession",
    "HttpSession",
    "NotSent",
    "NotSentInTime",
    "PendingAnswer",
    "PlainSession",
    "SessionKind",
    "Timeout",
    "TlsRefused",
    "WireRequest",
    "encode_form",
    "make_session",
]
