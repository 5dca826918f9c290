"""A session over one libcurl handle, in three steps: prepare, send, wait for the answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import certifi
import pycurl
from requests.structures import CaseInsensitiveDict

from bot.brokers.transport.request import Timeout, WireRequest, build_request
from bot.brokers.transport.response import CurlResponse
from bot.brokers.transport.transfer import Transfer

_KEEP_ALIVE_PROBE_S = 30


class CurlSession:
    """The part of ``requests.Session`` that SDKs use, over one libcurl handle; safe to share, one request at a time.

    TLS is always verified, redirects are not followed, nothing is retried, and the environment's proxies are used only
    with ``trust_env``.

    Args:
        connect_timeout_s: for name, TCP and TLS together.
        total_timeout_s: for the whole request, connecting included.
        trust_env: use ``http_proxy``, ``https_proxy`` and ``no_proxy``.
        max_idle_s: a connection unused for longer is not used again.
        ca_file: PEM file of trusted authorities; certifi's when None.
    """

    def __init__(
        self,
        *,
        connect_timeout_s: float = 3.05,
        total_timeout_s: float = 10.0,
        trust_env: bool = False,
        max_idle_s: int = 90,
        ca_file: str | None = None,
    ) -> None:
        self.headers: CaseInsensitiveDict[str] = CaseInsensitiveDict()
        self.trust_env = trust_env
        self._timeouts = (connect_timeout_s, total_timeout_s)
        self._max_idle_s = max_idle_s
        self._ca_file = ca_file
        # Taken when a request begins and let go when its answer is there, in whichever threads that happens.
        self._lock = threading.Lock()
        self._wire: Transfer | None = None
        self._custom_method = False

    def __enter__(self) -> CurlSession:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get(self, url: str, **options: Any) -> CurlResponse:
        """:meth:`request` with GET."""
        return self.request("GET", url, **options)

    def post(self, url: str, data: Any = None, json: Any = None, **options: Any) -> CurlResponse:
        """:meth:`request` with POST."""
        return self.request("POST", url, data=data, json=json, **options)

    def request(
        self,
        method: str,
        url: str,
        params: Any = None,
        data: Any = None,
        headers: Mapping[str, str | None] | None = None,
        timeout: Timeout = None,
        json: Any = None,
        allow_redirects: bool = False,
    ) -> CurlResponse:
        """Send one request and wait for its answer.

        libcurl repeats a request by itself when a kept connection closes before the first byte of the answer, POST
        included. That would place an order twice, so bodies come through a read function that cannot be rewound,
        requests without a body that may change something always use a new connection, and a kept connection that
        the server closed meanwhile is noticed before anything is written to it. Only a GET may be repeated.

        Args:
            allow_redirects: taken because SDKs give it; redirects are never followed.

        Raises:
            requests.RequestException: with ``sent``, see the module.
        """
        del allow_redirects
        pending = self.prepare(method, url, params, data, headers, timeout, json)
        pending.send()
        return pending.finish()

    def prepare(
        self,
        method: str,
        url: str,
        params: Any = None,
        data: Any = None,
        headers: Mapping[str, str | None] | None = None,
        timeout: Timeout = None,
        json: Any = None,
    ) -> PendingAnswer:
        """Make one request ready to its last byte, and send nothing.

        Waits while an earlier request of this session is under way; a later one waits until this one was finished or
        discarded.

        Raises:
            requests.RequestException: the request cannot be made.
        """
        wire = build_request(method, url, self.headers, self._timeouts, params, data, headers, timeout, json)
        self._lock.acquire()
        try:
            if self._wire is None:
                self._wire = Transfer(self._new_handle())
                self._custom_method = False
            answer = PendingAnswer(wire, self._wire, self._lock.release)
            self._arm(self._wire, wire, answer)
        except BaseException:
            self._lock.release()
            raise
        return answer

    def close(self) -> None:
        """Close the connection; the next request opens a new one."""
        with self._lock:
            if self._wire is not None:
                self._wire.close()
                self._wire = None

    def _arm(self, transfer: Transfer, wire: WireRequest, answer: PendingAnswer) -> None:
        handle = transfer.handle
        handle.setopt(pycurl.URL, wire.url)
        handle.setopt(pycurl.HTTPHEADER, wire.header_lines)
        handle.setopt(pycurl.CONNECTTIMEOUT_MS, wire.connect_timeout_ms)
        handle.setopt(pycurl.TIMEOUT_MS, wire.total_timeout_ms)
        handle.setopt(pycurl.HEADERFUNCTION, answer.header_lines.append)
        handle.setopt(pycurl.WRITEFUNCTION, answer.chunks.append)
        self._arm_method(handle, wire)

    def _arm_method(self, handle: Any, wire: WireRequest) -> None:
        if self._custom_method:
            handle.unsetopt(pycurl.CUSTOMREQUEST)
            handle.setopt(pycurl.NOBODY, 0)
        if wire.body or wire.method == "POST":
            handle.setopt(pycurl.POST, 1)
            handle.setopt(pycurl.POSTFIELDSIZE, len(wire.body))
            handle.setopt(pycurl.READFUNCTION, _Body(wire.body).read)
        else:
            handle.setopt(pycurl.HTTPGET, 1)
        self._custom_method = wire.method != ("POST" if wire.body else "GET") and wire.method != "POST"
        if self._custom_method:
            handle.setopt(pycurl.CUSTOMREQUEST, wire.method)
            handle.setopt(pycurl.NOBODY, wire.method == "HEAD")

    def _new_handle(self) -> Any:
        handle = pycurl.Curl()
        handle.setopt(pycurl.NOSIGNAL, 1)
        handle.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        handle.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        handle.setopt(pycurl.FOLLOWLOCATION, 0)
        handle.setopt(pycurl.SSL_VERIFYPEER, 1)
        handle.setopt(pycurl.SSL_VERIFYHOST, 2)
        handle.setopt(pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2)
        handle.setopt(pycurl.CAINFO, self._ca_file or certifi.where())
        handle.setopt(pycurl.ENCODING, "gzip")
        handle.setopt(pycurl.TCP_NODELAY, 1)
        handle.setopt(pycurl.TCP_KEEPALIVE, 1)
        handle.setopt(pycurl.TCP_KEEPIDLE, _KEEP_ALIVE_PROBE_S)
        handle.setopt(pycurl.TCP_KEEPINTVL, _KEEP_ALIVE_PROBE_S)
        handle.setopt(pycurl.MAXCONNECTS, 1)
        handle.setopt(pycurl.MAXAGE_CONN, self._max_idle_s)
        if not self.trust_env:
            handle.setopt(pycurl.PROXY, "")
        return handle


class PendingAnswer:
    """A request that is ready: :meth:`send` and :meth:`finish` it, or :meth:`discard` it, each once, in any thread.

    Attributes:
        header_lines: of the answer, as they come.
        chunks: of its body, likewise.
    """

    __slots__ = ("_failure", "_let_go", "_request", "_transfer", "chunks", "header_lines")

    def __init__(self, request: WireRequest, transfer: Transfer, let_go: Callable[[], None]) -> None:
        self.header_lines: list[bytes] = []
        self.chunks: list[bytes] = []
        self._request = request
        self._transfer = transfer
        self._let_go = let_go
        self._failure: Exception | None = None

    def send(self) -> None:
        """Send as far as it goes without waiting: on an open connection, all. :meth:`finish` raises what fails."""
        repeats_by_itself = not self._request.body and self._request.method not in ("GET", "HEAD")
        try:
            # As late as can be: what was signed may have waited, and servers close what is idle.
            self._transfer.use_fresh_connection(repeats_by_itself or self._transfer.idle_connection_is_gone())
            self._transfer.start()
        except Exception as error:
            self._failure = error

    def discard(self) -> None:
        """Do not send it."""
        self._let_go()

    def finish(self) -> CurlResponse:
        """The answer.

        Raises:
            requests.RequestException: with ``sent``, see the package.
        """
        try:
            failure = self._failure or self._transfer.finish()
            if failure is not None:
                raise failure
            return CurlResponse(self._transfer.status_code, self._request.url, self.header_lines, b"".join(self.chunks))
        finally:
            self._let_go()


class _Body:
    """Hands out the bytes of a body once; having no ``seek`` is the point, see :meth:`CurlSession.request`."""

    __slots__ = ("_at", "_content")

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def read(self, size: int) -> bytes:
        chunk = self._content[self._at : self._at + size]
        self._at += len(chunk)
        return chunk
