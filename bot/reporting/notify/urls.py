"""``NOTIFY_URLS``: every one of them is a secret, and so are most of their parts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]{0,30})://", re.IGNORECASE)
_PASSWORD = re.compile(r"[^:/@]*:([^@]+)@")
_BETWEEN_PARTS = re.compile(r"[/@?&=#,:;!|]+")
#: What is at least so long and has a digit or a capital may be a token; so may be longer words of small letters.
_TOKEN, _LONG = 8, 12
#: A password is masked from this length on: a shorter one would mask parts of words everywhere.
_SHORTEST_PASSWORD = 4
#: Small letters and a short end: tokens that have dots in them have capitals too.
_PUBLIC_HOST = re.compile(r"([a-z0-9-]+\.)+[a-z]{2,10}|[0-9.]+")


def split_urls(text: str) -> list[str]:
    """The URLs of a text with white space between."""
    return text.split()


def label_of(position: int, url: str) -> str:
    """How a channel is spoken of, without anything of its URL but the scheme: ``channel 2 (tgram://)``."""
    scheme = _SCHEME.match(url)
    return f"channel {position} ({scheme.group(1).lower()}://)" if scheme else f"channel {position} (no scheme://)"


def secret_parts(urls: str) -> Iterator[str]:
    """Everything that has to be masked: each URL, what follows its scheme, its password, its parts that look like
    tokens; as written and decoded."""
    for url in split_urls(urls):
        rest = _SCHEME.sub("", url, count=1)
        yield url
        yield from (part for part in (rest, unquote(rest)) if _is_token(part))
        password = _PASSWORD.match(rest)
        if password and len(password.group(1)) >= _SHORTEST_PASSWORD:
            yield password.group(1)
            yield unquote(password.group(1))
        for part in _BETWEEN_PARTS.split(rest):
            yield from {one for one in (part, unquote(part)) if _is_token(one)}


def _is_token(part: str) -> bool:
    if _PUBLIC_HOST.fullmatch(part) and "." in part:
        return False
    marked = any(sign.isdigit() or sign.isupper() for sign in part)
    return len(part) >= (_TOKEN if marked else _LONG)
