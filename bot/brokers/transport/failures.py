"""Why a request has no answer, as requests' own exceptions that know whether it may have been sent."""

from __future__ import annotations

from typing import Any

import pycurl
import requests


class NotSent(requests.ConnectionError):
    """No byte of the request left: refused, no such host, no TLS."""

    sent = False


class NotSentInTime(NotSent, requests.ConnectTimeout):
    """No connection within the connect time-out."""


class TlsRefused(NotSent, requests.exceptions.SSLError):
    """The TLS handshake failed, so the request was not written."""


class AnswerLost(requests.ConnectionError):
    """The connection broke after the request may have been written."""

    sent = True


class AnswerTimeout(requests.ReadTimeout):
    """No whole answer within the total time-out, after the request may have been written."""

    sent = True


_NOT_SENT_CODES = frozenset(
    {
        pycurl.E_URL_MALFORMAT,
        pycurl.E_UNSUPPORTED_PROTOCOL,
        pycurl.E_FAILED_INIT,
        pycurl.E_COULDNT_RESOLVE_PROXY,
        pycurl.E_COULDNT_RESOLVE_HOST,
        pycurl.E_COULDNT_CONNECT,
    }
)
_TLS_CODES = frozenset(
    {
        pycurl.E_SSL_CONNECT_ERROR,
        pycurl.E_PEER_FAILED_VERIFICATION,
        pycurl.E_SSL_CACERT_BADFILE,
        pycurl.E_SSL_CERTPROBLEM,
        pycurl.E_SSL_CIPHER,
        pycurl.E_SSL_ISSUER_ERROR,
        pycurl.E_SSL_INVALIDCERTSTATUS,
    }
)


def failure_of(handle: Any, error: pycurl.error) -> requests.RequestException:
    """The exception for a failed transfer; what was written decides about ``sent``, in doubt it was."""
    code, text = error.args[0], str(error.args[1])
    nothing_written = handle.getinfo(pycurl.REQUEST_SIZE) == 0
    if nothing_written and code == pycurl.E_OPERATION_TIMEDOUT:
        return NotSentInTime(f"no connection in time: {text}")
    if nothing_written and code in _TLS_CODES:
        return TlsRefused(f"no TLS connection: {text}")
    if nothing_written and code in _NOT_SENT_CODES:
        return NotSent(f"no connection: {text}")
    if code == pycurl.E_OPERATION_TIMEDOUT:
        return AnswerTimeout(f"no answer in time: {text}")
    return AnswerLost(f"the connection broke (libcurl error {code}): {text}")
