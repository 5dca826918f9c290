"""Keeps known secrets out of every text that leaves the program."""

from __future__ import annotations

import json
import re
import threading
from base64 import b64encode
from urllib.parse import quote, quote_plus

_MASK = "[redacted]"
_WINDOW = 12
_BREAKS = r"\s\"'<>,;(){}\[\]"
_LONG_WORD = re.compile(rf"[^{_BREAKS}]{{{_WINDOW},}}")
#: What lies between the parts of a value that is written in several lines, as keys in PEM are.
_BETWEEN_PARTS = re.compile(rf"(?:\\[nr]|[{_BREAKS}])+")
_HEADER = re.compile(
    r"((?:API-Key|API-Sign|Authorization|APCA-API-[A-Z-]+)\\*['\"]?\s*(?:[:=]|,(?=\s*b?\\*['\"]))\s*(?:b(?=\\*['\"]))?\\*['\"]?"
    r"(?:(?:Bearer|Basic|Digest|Token)\s+)?)[^\s'\",}\\]+",
    re.IGNORECASE,
)


class Redactor:
    """Masks registered values, and whatever stands behind the header names that carry keys and signatures.

    Values are found by their first characters in an index, so that a line costs the same with five users as with five
    hundred.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_start: dict[str, tuple[str, ...]] = {}
        self._elsewhere: tuple[str, ...] = ()

    def register(self, value: str) -> None:
        """Mask this value from now on, also where it is URL-encoded, JSON-escaped or in base64."""
        forms = {
            value,
            quote(value),
            quote(value, safe=""),
            quote_plus(value),
            json.dumps(value)[1:-1],
            b64encode(value.encode()).decode(),
        }
        parts = _BETWEEN_PARTS.split(value)
        if len(parts) > 1:
            forms.update(part for part in parts if len(part) >= _WINDOW)
        with self._lock:
            for form in filter(None, forms):
                self._add(form)

    def _add(self, form: str) -> None:
        if not _LONG_WORD.fullmatch(form):
            # Too short for the index, or broken by signs that end a word: few enough to be looked for one by one.
            self._elsewhere = _longest_first(self._elsewhere, form)
        else:
            start = form[:_WINDOW]
            self._by_start[start] = _longest_first(self._by_start.get(start, ()), form)

    def redact(self, text: str) -> str:
        """The text with every registered value masked."""
        if "-" in text and _HEADER.search(text):
            text = _HEADER.sub(rf"\1{_MASK}", text)
        if self._by_start:
            text = _LONG_WORD.sub(lambda match: self._mask_word(match.group()), text)
        for value in self._elsewhere:
            text = text.replace(value, _MASK)
        return text

    def _mask_word(self, word: str) -> str:
        position = 0
        while position + _WINDOW <= len(word):
            hit = next(
                (
                    s
                    for s in self._by_start.get(word[position : position + _WINDOW], ())
                    if word.startswith(s, position)
                ),
                None,
            )
            if hit is None:
                position += 1
            else:
                word = word[:position] + _MASK + word[position + len(hit) :]
                position += len(_MASK)
        return word


def _longest_first(known: tuple[str, ...], form: str) -> tuple[str, ...]:
    return tuple(sorted({*known, form}, key=len, reverse=True))
