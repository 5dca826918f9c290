"""One answer, read no further than it is asked for."""

from __future__ import annotations

import json
from typing import Any

import requests
from requests.structures import CaseInsensitiveDict


class CurlResponse:
    """An answer, with the members of ``requests.Response`` that SDKs use; headers and text are read when asked for."""

    __slots__ = ("_header_lines", "_headers", "content", "request", "status_code", "url")

    def __init__(self, status_code: int, url: str, header_lines: list[bytes], content: bytes) -> None:
        self.status_code = status_code
        self.url = url
        self.content = content
        self.request: requests.PreparedRequest | None = None
        self._header_lines = header_lines
        self._headers: CaseInsensitiveDict[str] | None = None

    def __repr__(self) -> str:
        return f"<CurlResponse [{self.status_code}]>"

    @property
    def ok(self) -> bool:
        """Whether the status is below 400."""
        return self.status_code < 400

    @property
    def text(self) -> str:
        """The body as UTF-8."""
        return self.content.decode("utf-8", errors="replace")

    @property
    def reason(self) -> str:
        """The words after the status code."""
        for line in reversed(self._header_lines):
            if line.startswith(b"HTTP/"):
                return line.decode("latin-1").strip().partition(" ")[2].partition(" ")[2]
        return ""

    @property
    def headers(self) -> CaseInsensitiveDict[str]:
        """The headers of the last answer (an interim one such as 100 is left out)."""
        if self._headers is None:
            self._headers = _parse_headers(self._header_lines)
        return self._headers

    def json(self, **options: Any) -> Any:
        """The body, read as JSON.

        Args:
            options: passed to :func:`json.loads`.

        Raises:
            requests.exceptions.JSONDecodeError: it is not JSON.
        """
        try:
            return json.loads(self.content, **options)
        except json.JSONDecodeError as error:
            raise requests.exceptions.JSONDecodeError(error.msg, error.doc, error.pos) from error
        except UnicodeDecodeError as error:
            raise requests.exceptions.JSONDecodeError("not UTF-8", "", 0) from error

    def raise_for_status(self) -> None:
        """Raise for a status of 400 or above.

        Raises:
            requests.HTTPError: with this answer as its ``response``.
        """
        if not self.ok:
            kind = "Client" if self.status_code < 500 else "Server"
            # requests types the response of an error as its own class; SDKs use the members that both have.
            answer: Any = self
            raise requests.HTTPError(f"{self.status_code} {kind} Error: {self.reason}", response=answer)


def _parse_headers(header_lines: list[bytes]) -> CaseInsensitiveDict[str]:
    headers: CaseInsensitiveDict[str] = CaseInsensitiveDict()
    for raw in header_lines:
        line = raw.decode("latin-1").strip()
        if line.startswith("HTTP/"):
            headers = CaseInsensitiveDict()
        name, separator, value = line.partition(":")
        if separator:
            headers[name.strip()] = value.strip()
    return headers
