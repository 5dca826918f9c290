"""Where messages go: one apprise plugin a URL, of which nothing but scheme and position is ever said."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Protocol

from bot.reporting.notify.texts import Message
from bot.reporting.notify.urls import label_of, split_urls

if TYPE_CHECKING:
    from apprise import AppriseAsset, NotifyBase

#: apprise's own words may hold hosts, names and addresses: only these parts of them are repeated.
_HTTP_CODE = re.compile(r"\berror=(\d{3})\b")
_NO_CONNECTION = re.compile(r"connection error", re.IGNORECASE)
_HOST = "{host}"


class Channel(Protocol):
    """One place where messages go."""

    @property
    def label(self) -> str:
        """``channel 2 (tgram://)``: what may be said of it anywhere."""

    @property
    def usable(self) -> bool:
        """Whether it is worth trying."""

    @property
    def targets(self) -> int:
        """How many are told by one message; where it is more than one, a repeated message may come twice."""

    def send(self, message: Message) -> str:
        """Send, however long that takes; why it did not go, empty when it went. Raises nothing.

        May be called while an earlier call hangs.
        """


class AppriseChannel:
    """A channel of apprise (https://github.com/caronc/apprise), version 2.2.

    Args:
        position: counts from 1, as in ``NOTIFY_URLS``.
        url: with its keys and tokens in it.
    """

    def __init__(self, position: int, url: str) -> None:
        _silence()
        self.label = label_of(position, url)
        self._url = url
        self._asset = _make_asset()
        plugin = self._make()
        self.usable = plugin is not None
        self.targets = 1 if plugin is None else len(plugin)
        self._service = "" if plugin is None else str(plugin.service_name)
        self._host = "" if plugin is None else _host_of(plugin)

    @property
    def shown(self) -> str:
        """For the operator: the service, and the host where the URL has one that is not a secret."""
        if not self.usable:
            return "not understood: is the URL written as apprise wants it?"
        return f"{self._service}, {self._host}" if self._host else self._service

    def __repr__(self) -> str:
        return f"<{self.label}>"

    def send(self, message: Message) -> str:
        """Send with the time-outs of the URL (``cto`` and ``rto``, 4 s each unless it says otherwise)."""
        try:
            return self._send(message)
        except Exception as error:
            # The text of a plugin's error may hold the URL.
            return f"the plugin failed ({type(error).__name__})"

    def _send(self, message: Message) -> str:
        from apprise import Apprise, NotifyFormat, NotifyType

        # A plugin of its own for each message: an earlier one may still hang in the last.
        plugin = self._make()
        if plugin is None:
            return "the URL is not understood"
        apprise = Apprise(plugin, asset=self._asset)
        result = apprise.notify(
            body=message.body,
            title=message.title,
            notify_type=NotifyType.FAILURE if message.serious else NotifyType.INFO,
            body_format=NotifyFormat.TEXT.value,
        )
        return "" if result else _reason("\n".join(entry.message for entry in result.logs()))

    def _make(self) -> NotifyBase | None:
        from apprise import Apprise, OverflowMode

        try:
            plugin = Apprise.instantiate(self._url, asset=self._asset)
        except Exception:
            # Whatever a plugin does not like of its URL: the text may hold it.
            return None
        if plugin is not None and plugin.overflow_mode is OverflowMode.UPSTREAM:
            # Services refuse what is too long for them.
            plugin.overflow_mode = OverflowMode.TRUNCATE
        return plugin


def make_channels(urls: str) -> list[AppriseChannel]:
    """The channels of ``NOTIFY_URLS``, also those whose URL is not understood."""
    return [AppriseChannel(position, url) for position, url in enumerate(split_urls(urls), start=1)]


def _make_asset() -> AppriseAsset:
    from apprise import AppriseAsset

    return AppriseAsset(
        app_id="NIJA",
        app_desc="NIJA Copy Trading",
        app_url="",
        # No pictures from elsewhere.
        image_url_mask="",
        image_url_logo="",
        # In the calling thread: apprise's own pool is shared by all channels, and the interpreter waits for it at exit.
        async_mode=False,
        service_timeout=0,
        # A redirect would carry the token to somebody else.
        http_redirects=False,
    )


def _silence() -> None:
    """apprise's log lines name hosts, and at debug level whole URLs; they reach no handler but apprise's own."""
    logger = logging.getLogger("apprise")
    logger.propagate = False
    logger.setLevel(logging.WARNING)
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())


def _reason(log: str) -> str:
    if code := _HTTP_CODE.search(log):
        return f"the service answered HTTP {code.group(1)}"
    return "the service cannot be reached" if _NO_CONNECTION.search(log) else "the service did not take it"


def _host_of(plugin: NotifyBase) -> str:
    # Where a service has an address of its own, the place of the host in the URL holds a token.
    templates: list[str] = list(getattr(plugin, "templates", ()))
    if not templates or not all(_HOST in template for template in templates):
        return ""
    return str(plugin.host)
