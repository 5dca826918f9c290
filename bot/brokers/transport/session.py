"""Which session an SDK gets."""

from __future__ import annotations

from typing import Any, Literal

import requests

from bot.brokers.transport.curl import CurlSession
from bot.brokers.transport.request import both_timeouts

SessionKind = Literal["curl", "requests"]
HttpSession = CurlSession | requests.Session


class PlainSession(requests.Session):
    """A ``requests.Session`` with the manners of :class:`CurlSession`, for proxies and for tests.

    Its time-out is requests' own: for connecting, and between two packets.
    """

    def __init__(
        self, *, connect_timeout_s: float, total_timeout_s: float, trust_env: bool, ca_file: str | None
    ) -> None:
        super().__init__()
        self.trust_env = trust_env
        self._timeouts = (connect_timeout_s, total_timeout_s)
        if ca_file is not None:
            self.verify = ca_file

    def request(self, method: str, url: str | bytes, *arguments: Any, **options: Any) -> requests.Response:
        """As ``requests``, without redirects and never without a time-out."""
        options["allow_redirects"] = False
        connect_s, total_s = both_timeouts(options.get("timeout"), self._timeouts)
        options["timeout"] = (connect_s, total_s)
        return super().request(method, url, *arguments, **options)


def make_session(
    kind: SessionKind,
    *,
    connect_timeout_s: float = 3.05,
    total_timeout_s: float = 10.0,
    trust_env: bool = False,
    ca_file: str | None = None,
) -> HttpSession:
    """A session for an SDK: ``curl`` for speed, ``requests`` for proxies and for tests with ``responses``."""
    build: type[CurlSession] | type[PlainSession] = CurlSession if kind == "curl" else PlainSession
    return build(
        connect_timeout_s=connect_timeout_s, total_timeout_s=total_timeout_s, trust_env=trust_env, ca_file=ca_file
    )
