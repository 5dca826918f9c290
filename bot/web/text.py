"""JSON on its way out, with secrets masked."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from fastapi.responses import JSONResponse

Redact = Callable[[str], str]


def masked(value: Any, redact: Redact) -> Any:
    """The value with every text in it masked, keys too. Text by text: a mask across JSON's own signs would break it."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {redact(key) if isinstance(key, str) else key: masked(one, redact) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [masked(one, redact) for one in value]
    return value


def as_text(value: Any, redact: Redact) -> str:
    """JSON in one line, masked."""
    return json.dumps(masked(value, redact), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def json_response(redact: Redact) -> type[JSONResponse]:
    """The class of all the API's answers: what it renders is masked."""

    class MaskedResponse(JSONResponse):
        def render(self, content: Any) -> bytes:
            # A half of a pair of code units (from JSON's \\ud800) has no form in UTF-8.
            return as_text(content, redact).encode("utf-8", "replace")

    return MaskedResponse
