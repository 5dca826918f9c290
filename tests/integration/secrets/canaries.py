"""Values that must not come out, and every form in which they would be one."""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Mapping
from urllib.parse import quote, quote_plus

#: A shorter part of a value may stand somewhere by chance.
_LEAST = 12


def forms_of(value: str) -> set[bytes]:
    """As it is, part by part where it has several lines, URL-encoded, JSON-escaped, and in base64 wherever in a longer
    text it stood."""
    lines = [line for line in re.split(r"\\n|\n", value) if len(line) >= _LEAST and "-----" not in line]
    texts = {value, *lines}
    texts |= {encode(text) for text in list(texts) for encode in (quote, quote_plus, lambda one: quote(one, safe=""))}
    for _ in range(2):
        # JSON in JSON, and a text of a text.
        texts |= {escape(text)[1:-1] for text in list(texts) for escape in (json.dumps, repr)}
    found = {text.encode() for text in texts}
    for encode in (b64encode, urlsafe_b64encode):
        for before in range(3):
            # Signs that the neighbours have a part in are left out.
            whole = encode(b"x" * before + value.encode()).rstrip(b"=")
            found.add(whole[4 if before else 0 : -2])
    return {form for form in found if len(form) >= _LEAST}


class Canaries:
    """Named values, and where they are found.

    Args:
        values: by the name that a finding is told with.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._forms = [(name, form) for name, value in values.items() for form in forms_of(value)]
        parts = b"|".join(re.escape(form) for form in sorted({form for _, form in self._forms}, key=len, reverse=True))
        self._any = re.compile(parts)

    def found_in(self, texts: Iterable[tuple[str, bytes]]) -> list[str]:
        """``place: name`` of each value that a text has."""
        found = []
        for place, text in texts:
            if self._any.search(text):
                found += sorted({f"{place}: {name}" for name, form in self._forms if form in text})
        return found
