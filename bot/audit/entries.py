"""One line of the audit log, and the hash that ties it to the line before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

#: What the first line gives as the hash of the line before it.
GENESIS = "0" * 64

_HASH_KEY = b',"hash":"'
#: ``,"hash":"`` with 64 hexadecimal digits, a quote and a brace.
_TAIL_LENGTH = len(_HASH_KEY) + 64 + 2


class AuditKind(StrEnum):
    """One closed list: what is written down."""

    INTENT = "intent"
    OUTCOME = "outcome"
    COMMAND = "command"
    COMMAND_ENDED = "command_ended"
    SWITCH = "switch"
    LOGIN = "login"
    CONFIG = "config"
    SECRETS = "secrets"
    STARTED = "started"
    STOPPED = "stopped"
    AUDIT = "audit"


class BrokenLine(ValueError):
    """A line that no audit log wrote; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be written.

    Attributes:
        who: an account, a person, ``page``, ``bot``.
        what: one line for people.
        detail: the same for programs; only what JSON has.
    """

    kind: AuditKind
    who: str
    what: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line as it stands in the log.

    Attributes:
        number: counts from 1 without a gap, across all files.
        at: UTC, ``2026-01-31T12:00:00.123Z``: when it was written down.
        previous: the hash of the line before.
        hash: SHA-256 over everything before it in the line, with a closing brace.
    """

    number: int
    at: str
    kind: AuditKind
    who: str
    what: str
    detail: dict[str, Any]
    previous: str
    hash: str

    @property
    def unix_s(self) -> float:
        """:attr:`at` in unix seconds."""
        return datetime.fromisoformat(self.at).timestamp()

    def as_json(self) -> dict[str, Any]:
        """For the page and for scripts; ``at`` in unix seconds."""
        shown = {"number": self.number, "at": self.unix_s, "kind": self.kind.value, "who": self.who, "what": self.what}
        return {**shown, "detail": self.detail}


def write_line(draft: Draft, number: int, at: float, previous: str) -> tuple[bytes, str]:
    """A line with its end, and its hash.

    Canonical JSON: keys in order, no spaces, nothing but ASCII; the hash stands last, so that
    ``sed 's/,"hash":"[0-9a-f]*"}$/}/' | sha256sum`` computes it from a line without its end.

    Args:
        at: unix seconds.
    """
    body = canonical(
        {
            "number": number,
            "at": datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "kind": draft.kind.value,
            "who": draft.who,
            "what": draft.what,
            "detail": dict(draft.detail),
            "previous": previous,
        }
    )
    digest = hashlib.sha256(body).hexdigest()
    return body[:-1] + _HASH_KEY + digest.encode() + b'"}\n', digest


def read_line(line: bytes, *, checked: bool = True) -> Entry:
    """The entry of a line, with or without its end.

    Args:
        checked: also compute the hash anew.

    Raises:
        BrokenLine: it is none, or its hash is not that of its text.
    """
    line = line.rstrip(b"\n")
    if checked:
        body = line[:-_TAIL_LENGTH] + b"}"
        stated = line[-_TAIL_LENGTH:]
        if stated != _HASH_KEY + hashlib.sha256(body).hexdigest().encode() + b'"}':
            raise BrokenLine("the hash is not that of the text: it was changed")
    try:
        values = json.loads(line)
        entry = Entry(**{**values, "kind": AuditKind(values["kind"])})
    except (ValueError, TypeError, KeyError) as error:
        raise BrokenLine(f"it is no line of an audit log ({type(error).__name__})") from None
    if type(entry.number) is not int or not isinstance(entry.detail, dict):
        raise BrokenLine("it is no line of an audit log")
    return entry


def number_of(line: bytes) -> int:
    """The number of a line, without reading the whole of it.

    Raises:
        BrokenLine: it has none.
    """
    # No text can hold it: there a quote has a backslash before it. And what comes after the number is text.
    start = line.rfind(b'"number":')
    digits = line[start + 9 : start + 29].split(b",", 1)[0]
    if start < 0 or not digits.isdigit():
        raise BrokenLine("it is no line of an audit log")
    return int(digits)


def canonical(values: Mapping[str, Any]) -> bytes:
    """The one way to write this as JSON."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"), default=str).encode()


def digest_of(values: Mapping[str, Any]) -> bytes:
    """16 bytes that stand for these values, to compare many."""
    return hashlib.sha256(canonical(values)).digest()[:16]
