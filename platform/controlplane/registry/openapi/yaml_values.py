"""YAML as JSON's values, event by event.

The library's own way from text to values calls itself for each level, in C, and a stranger's document of many levels
ends the process. Here nothing recurses, depth and size are bounded while reading, and what aliases repeat counts.
Texts stay texts as in YAML 1.2: `no` is one, and so is a date.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
import yaml

MAX_VALUES = 2_000_000
MAX_DEPTH = 200

_INTEGER = re.compile(r"[-+]?[0-9]{1,40}")
_NUMBER = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,4})?")
_WORDS = {"": None, "~": None} | {
    spelt: value
    for word, value in (("null", None), ("true", True), ("false", False))
    for spelt in (word, word.capitalize(), word.upper())
}
_TAG = "tag:yaml.org,2002:"
_PLAIN_TAGS = frozenset({None, *(_TAG + name for name in ("null", "bool", "int", "float", "map", "seq"))})
_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class TooLarge(ValueError):
    """More values than a document may have."""


class TooDeep(ValueError):
    """More levels than a document may have."""


class NotPlain(ValueError):
    """Something that JSON has no word for."""


def load(text: bytes, *, strict: bool = False) -> Any:
    """The first document's value. Raises yaml.YAMLError, UnicodeDecodeError, TooLarge, TooDeep, NotPlain.

    `strict` is for files of our own format: aliases, merges, repeated keys and a second document are refused.
    """
    reader = _Reader(strict=strict)
    ended = False
    for event in yaml.parse(text, Loader=_PARSER):
        if ended and isinstance(event, yaml.DocumentStartEvent):
            raise NotPlain("a second document begins")
        if isinstance(event, yaml.DocumentEndEvent):
            if not strict:
                break
            ended = True
        reader.take(event)
    return reader.root[0] if reader.root else None


def is_text(text: str) -> bool:
    """Whether it reads as itself without quotes, as far as numbers and words go."""
    return isinstance(_plain(text), str)


class _Frame:
    """A mapping or sequence that is being read."""

    __slots__ = ("anchor", "before", "key", "value")

    def __init__(self, value: Any, anchor: str | None, before: int) -> None:
        self.value = value
        self.anchor = anchor
        self.before = before
        self.key: str | None = None


class _Reader:
    def __init__(self, *, strict: bool) -> None:
        self.root: list[Any] = []
        self._strict = strict
        self._open: list[_Frame] = [_Frame(self.root, None, 0)]
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._values = 0

    def take(self, event: Any) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._count(1)
            value = _scalar(event)
            if event.anchor:
                self._anchors[event.anchor] = (value, 1)
            self._put(value)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(str(event.anchor))
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            if event.tag not in _PLAIN_TAGS:
                raise NotPlain(f"the tag {event.tag} is not known")
            if len(self._open) > MAX_DEPTH:
                raise TooDeep
            before = self._values
            self._count(1)
            value = {} if isinstance(event, yaml.MappingStartEvent) else []
            self._open.append(_Frame(value, event.anchor, before))
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            frame = self._open.pop()
            if frame.anchor:
                self._anchors[frame.anchor] = (frame.value, self._values - frame.before)
            self._put(frame.value)

    def _alias(self, anchor: str) -> None:
        if self._strict:
            raise NotPlain(f"*{anchor} is an alias; write out what it repeats")
        if anchor not in self._anchors:
            raise NotPlain(f"*{anchor} stands inside of what it repeats, or before it")
        value, size = self._anchors[anchor]
        self._count(size)
        copy = msgspec.json.decode(msgspec.json.encode(value)) if isinstance(value, (dict, list)) else value
        self._put(copy)

    def _put(self, value: Any) -> None:
        frame = self._open[-1]
        if isinstance(frame.value, list):
            frame.value.append(value)
        elif frame.key is None:
            frame.key = _key(value)
            if self._strict and (frame.key == "<<" or frame.key in frame.value):
                raise NotPlain(f"the key '{frame.key[:80]}' stands there twice, or merges")
        elif frame.key == "<<":
            _merge(frame.value, value)
            frame.key = None
        else:
            frame.value[frame.key] = value
            frame.key = None

    def _count(self, more: int) -> None:
        self._values += more
        if self._values > MAX_VALUES:
            raise TooLarge


def _scalar(event: Any) -> Any:
    text: str = event.value
    if event.tag == _TAG + "str" or (event.tag is None and not event.implicit[0]) or event.tag == "!":
        return text
    if event.tag not in _PLAIN_TAGS:
        raise NotPlain(f"the tag {event.tag} is not known")
    return _plain(text)


def _plain(text: str) -> Any:
    """What it says without quotes."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if len(text) < 100 and _NUMBER.fullmatch(text) else text


def _key(value: Any) -> str:
    """JSON's keys are texts; an API's are numbers where it lists the codes of its answers."""
    if isinstance(value, str):
        return value
    if isinstance(value, (dict, list)):
        raise NotPlain("a key is a mapping or a list")
    return str(msgspec.json.encode(value), "ascii")


def _merge(into: dict[str, Any], value: Any) -> None:
    for one in value if isinstance(value, list) else [value]:
        if not isinstance(one, dict):
            raise NotPlain("<< takes a mapping")
        for key, item in one.items():
            into.setdefault(key, item)
