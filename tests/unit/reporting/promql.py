"""What an expression of Prometheus asks for: names of metrics, and of labels. Enough of the language for that."""

from __future__ import annotations

import re
from dataclasses import dataclass

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_RANGE = re.compile(r"\[[^\]]*\]")
_MATCHERS = re.compile(r"\{([^{}]*)\}")
_GROUPING = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\(([^()]*)\)")
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*(?!\w)(?!\s*\()")
_WORDS = frozenset({"and", "or", "unless", "offset", "bool", "inf", "nan"})
_VARIABLE = re.compile(r"\$\{?\w+\}?")


@dataclass(frozen=True)
class Asked:
    """Names that stand in an expression."""

    metrics: frozenset[str]
    labels: frozenset[str]


def asked_by(expression: str) -> Asked:
    """The names in one expression.

    Raises:
        ValueError: its brackets do not close.
    """
    text = _STRING.sub('""', expression)
    _check_brackets(text)
    text = _RANGE.sub("", text)
    labels = {name for inside in _MATCHERS.findall(text) for name in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", inside)}
    text = _MATCHERS.sub("", text)
    for _, inside in _GROUPING.findall(text):
        labels |= {name.strip() for name in inside.split(",") if name.strip()}
    text = _VARIABLE.sub("", _GROUPING.sub(" ", text))
    names = {found.group() for found in _NAME.finditer(text) if not found.group()[0].isdigit()}
    return Asked(frozenset(names - _WORDS), frozenset(labels))


def _check_brackets(text: str) -> None:
    pairs = {")": "(", "]": "[", "}": "{"}
    waiting: list[str] = []
    for sign in text:
        if sign in pairs.values():
            waiting.append(sign)
        elif sign in pairs and (not waiting or waiting.pop() != pairs[sign]):
            raise ValueError(f"{sign} too many in {text}")
    if waiting:
        raise ValueError(f"{waiting[-1]} does not close in {text}")
