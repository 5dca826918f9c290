"""What goes back to a caller."""

from __future__ import annotations

from dataclasses import dataclass

JSON = b"application/json"
HTML = b"text/html; charset=UTF-8"


@dataclass(slots=True)
class Reply:
    """One HTTP answer; `error` and `order_id` (several with commas) are for the journal."""

    body: bytes
    status: int = 200
    content_type: bytes = JSON
    error: str | None = None
    order_id: str | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()
