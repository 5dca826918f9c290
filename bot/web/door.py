"""What a request has to show before anything is done for it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import cookie_parser

from bot.web.address import PageAddress
from bot.web.sessions import Sessions

#: Methods that change nothing.
SAFE_METHODS = frozenset({"GET", "HEAD"})
HEALTH_PATH, METRICS_PATH, LOGIN_PAGE, LOGIN_PATH = "/healthz", "/metrics", "/login", "/api/login"
STATIC_PATHS = "/static/"
STREAM_PATH = "/api/events"
#: A request with this header was made by the page itself, by a timer: it is not use.
UNATTENDED = "x-nija-unattended"

#: A browser keeps it from other hosts, from scripts and from plain http.
_SECURE_COOKIE = "__Host-nija"
_OLDEST = "Thu, 01 Jan 1970 00:00:00 GMT"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer instead of what was asked for."""

    status: int
    error: str


@dataclass(frozen=True, slots=True)
class Visit:
    """Who asks: ``token`` of a session that holds, else empty."""

    token: str
    address: str


class Door:
    """Checks a request's host, origin and session, in this order.

    Args:
        port: that the page listens at, once it does. Browsers send the cookies of one port to all others: two bots on
            one machine have different names for theirs.
    """

    def __init__(self, address: PageAddress, sessions: Sessions, metrics_token: str, port: Callable[[], int]) -> None:
        self._address, self._sessions, self._port = address, sessions, port
        self._bearer = f"Bearer {metrics_token}".encode() if metrics_token else b""

    def check(self, method: str, path: str, headers: Headers) -> Refusal | str:
        """The token of the session (empty where none is needed), or why nothing is done."""
        if path == HEALTH_PATH and method in SAFE_METHODS:
            # Asked by whatever watches the process, by any name; its answer gives nothing away.
            return ""
        refusal = self._check_host(headers) or (None if method in SAFE_METHODS else _check_origin(headers))
        if refusal is not None:
            return refusal
        token = self._token(headers, use=path != STREAM_PATH and UNATTENDED not in headers)
        if token or self._is_open(method, path, headers):
            return token
        return Refusal(401, "log in first: POST /api/login")

    def cookie(self, token: str, headers: Headers) -> str:
        """The header that gives a browser its session."""
        return f"{self._cookie_name(headers)}={token}; {self._cookie_rules(headers)}"

    def no_cookie(self, headers: Headers) -> str:
        """The header that takes it away."""
        return f"{self._cookie_name(headers)}=; Expires={_OLDEST}; {self._cookie_rules(headers)}"

    def _check_host(self, headers: Headers) -> Refusal | None:
        # A page elsewhere whose name is made to lead here (DNS rebinding) comes with its own name.
        named = headers.getlist("host")
        host = _host_of(named[0]) if len(named) == 1 else ""
        if host not in self._address.names:
            shown = host if host.isascii() and host.isprintable() else "this host"
            return Refusal(400, f"the page does not answer to {shown or 'no host'}: add it to WEB_ALLOWED_HOSTS")
        return None

    def _is_open(self, method: str, path: str, headers: Headers) -> bool:
        if path == LOGIN_PATH:
            return method == "POST"
        if path == METRICS_PATH and self._bearer:
            given = headers.get("authorization", "").encode("utf-8", "replace")
            return secrets.compare_digest(given, self._bearer)
        return method in SAFE_METHODS and (path == LOGIN_PAGE or path.startswith(STATIC_PATHS))

    def _token(self, headers: Headers, *, use: bool) -> str:
        names = (_SECURE_COOKIE,) if self._address.tls else (_SECURE_COOKIE, self._plain_cookie)
        tokens = (_cookies(headers).get(name, "") for name in names)
        return next((token for token in tokens if token and self._sessions.is_valid(token, use=use)), "")

    def _by_https(self, headers: Headers) -> bool:
        # Behind something that ends TLS the browser itself says how it came.
        return self._address.tls or headers.get("origin", "").startswith("https:")

    @property
    def _plain_cookie(self) -> str:
        return f"nija_{self._port()}"

    def _cookie_name(self, headers: Headers) -> str:
        return _SECURE_COOKIE if self._by_https(headers) else self._plain_cookie

    def _cookie_rules(self, headers: Headers) -> str:
        rules = "Path=/; HttpOnly; SameSite=Strict"
        return f"{rules}; Secure" if self._by_https(headers) else rules


def _check_origin(headers: Headers) -> Refusal | None:
    """Another site's page can send neither the header, without asking first, nor a false origin."""
    if headers.get("x-nija") != "1":
        return Refusal(403, "requests that change something need the header X-NIJA: 1")
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is None and origin is None:
        return Refusal(403, "requests that change something need an Origin, the page's own address")
    if site not in (None, "same-origin") or (origin is not None and not _same_host(origin, headers.get("host", ""))):
        return Refusal(403, "requests that change something come from the page itself only")
    return None


def _same_host(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
        return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()
    except ValueError:
        return False


def _host_of(host: str) -> str:
    try:
        parts = urlsplit(f"//{host}")
        known = parts.port is None or parts.port >= 0
        plain = known and parts.netloc == host and "@" not in host
        return (parts.hostname or "").lower() if plain else ""
    except ValueError:
        return ""


def _cookies(headers: Headers) -> dict[str, str]:
    # Not SimpleCookie: it drops all of them where one is not as it likes, and other ports' programs set some too.
    return cookie_parser(headers.get("cookie", ""))
