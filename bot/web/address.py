"""Where the page listens, and under which names it answers."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from bot.domain.errors import SettingsError
from bot.settings.env import Environment

_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")
#: A token that can be guessed is none.
_SHORTEST_TOKEN = 16


@dataclass(frozen=True, slots=True)
class PageAddress:
    """Checked settings of the page.

    Attributes:
        port: 0 lets the system choose one.
        names: host names and addresses, in small letters and without brackets, that requests may be addressed to.
        certificate: of TLS, with ``key``; None without TLS.
    """

    host: str
    port: int
    names: frozenset[str]
    certificate: Path | None = None
    key: Path | None = None

    @property
    def tls(self) -> bool:
        """Whether browsers reach it by https without anything in between."""
        return self.certificate is not None

    def url(self, port: int) -> str:
        """The page's address as it is typed into a browser on this machine."""
        any_address = self.host in ("0.0.0.0", "::", "")
        host = "127.0.0.1" if any_address else f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{port}/"


def page_address(environment: Environment) -> PageAddress:
    """The settings of the page, checked.

    Raises:
        SettingsError: one of them cannot be used, or the page would be open to others without TLS.
    """
    certificate, key = environment.web_tls_certificate, environment.web_tls_key
    host = environment.web_host.strip().strip("[]")
    if (certificate is None) != (key is None):
        raise SettingsError("WEB_TLS_CERTIFICATE and WEB_TLS_KEY go together: set both, or none")
    if certificate is None and not is_loopback(host):
        raise SettingsError(
            f"WEB_HOST: {host or 'every address'} can be reached by others, and passwords would cross the network in "
            "the clear; set WEB_TLS_CERTIFICATE and WEB_TLS_KEY, or WEB_HOST=127.0.0.1"
        )
    if certificate is not None and key is not None:
        _check_certificate(certificate, key)
    if environment.metrics_token and len(environment.metrics_token) < _SHORTEST_TOKEN:
        raise SettingsError(f"METRICS_TOKEN: must have at least {_SHORTEST_TOKEN} signs")
    further = (name.strip().strip("[]").lower() for name in environment.web_allowed_hosts.split(","))
    names = frozenset(name for name in (*_LOOPBACK_NAMES, host.lower(), *further) if name)
    return PageAddress(host, environment.web_port, names, certificate, key)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_certificate(certificate: Path, key: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # A key with a passphrase would be asked for on the terminal.
        context.load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"WEB_TLS_CERTIFICATE, WEB_TLS_KEY: {certificate} and {key} cannot be used ({error}); "
            "both must be PEM files that belong together, the key without a passphrase"
        ) from error
