"""The one strict reader and the one writer of JSON (SECURITY 0.5, PROTOCOL B-05).

The reader refuses what two parsers could read in two ways: duplicate keys, NaN and Infinity, a byte-order mark,
anything but UTF-8, lone surrogates; and what costs more than it says: deep nesting, floods of containers and keys,
integers over 64 bits. msgspec refuses the malformed half of these by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from mcp_runtime.protocol.errors import ParseError

MAX_BYTES = 4 * 1024 * 1024
"""Of one message. The gateway counts on the wire and may stop earlier."""
MAX_DEPTH = 64
"""Objects and arrays inside one another."""
MAX_CONTAINERS = 50_000
"""Objects and arrays in one message: three bytes of text become a hundred of memory."""
MAX_KEYS = 50_000
MIN_INTEGER, MAX_INTEGER = -(2**63), 2**64 - 1


def read(body: bytes | bytearray, *, max_bytes: int = MAX_BYTES) -> object:
    """The value in `body`. Raises ParseError naming the first thing wrong with it."""
    if len(body) > max_bytes:
        raise ParseError(f"it is {len(body)} bytes long, the limit is {max_bytes}.")
    if len(body) > MAX_CONTAINERS:
        _refuse_floods(body)
    try:
        value = _decoder.decode(body)
    except UnicodeDecodeError:
        raise ParseError("it is not UTF-8.") from None
    except RecursionError:
        raise ParseError(_TOO_DEEP) from None
    except (msgspec.MsgspecError, ValueError) as error:
        raise ParseError(f"{error}.") from None
    keys = _survey(value)
    # Each key brings one colon, and text brings some more: only when the sums differ is it worth leaving text out.
    if keys != body.count(b":") and keys != _STRING.sub(b"", body).count(b":"):
        raise ParseError("an object has the same key twice.")
    if len(body) - len(body.translate(None, _DIGITS)) >= _LONG and _LONG_NUMBER.search(body):
        _refuse_long_integers(value)
    return value


def write(value: object) -> bytes:
    """`value` as compact JSON. `msgspec.Raw` inside it is copied as it is: pass only what `sound` has seen."""
    return _encoder.encode(value)


def sound(raw: msgspec.Raw) -> msgspec.Raw:
    """`raw`, which msgspec has skipped over while reading its surroundings, made fit to be copied into an answer.

    Skipping checks the grammar but not the encoding. Line breaks between tokens are legal in JSON and would end
    an event of an SSE stream, so such text is written anew. Raises ParseError.
    """
    data = memoryview(raw).tobytes()
    if not data.isascii():
        try:
            data.decode()
        except UnicodeDecodeError:
            raise ParseError("it is not UTF-8.") from None
    if b"\n" in data or b"\r" in data:
        try:
            return msgspec.Raw(_encoder.encode(_decoder.decode(data)))
        except (msgspec.MsgspecError, RecursionError, ValueError) as error:
            raise ParseError(f"{error}.") from None
    return raw


def _survey(value: object, depth: int = 1) -> int:
    """The number of keys in the tree. Raises ParseError when it is deeper than MAX_DEPTH."""
    keys = 0
    children: Iterable[object]
    if type(value) is dict:
        keys, children = len(value), value.values()
    elif type(value) is list:
        children = value
    else:
        return 0
    if depth > MAX_DEPTH:
        raise ParseError(_TOO_DEEP)
    for child in children:
        kind = type(child)
        if kind is dict or kind is list:
            keys += _survey(child, depth + 1)
    return keys


def _refuse_floods(body: bytes | bytearray) -> None:
    """Before anything is built from a long body: count what would become objects."""
    if body.count(b"[") + body.count(b"{") <= MAX_CONTAINERS and body.count(b":") <= MAX_KEYS:
        return
    bare = _STRING.sub(b"", body)
    if bare.count(b"[") + bare.count(b"{") > MAX_CONTAINERS:
        raise ParseError(f"it has more than {MAX_CONTAINERS} objects and arrays.")
    if bare.count(b":") > MAX_KEYS:
        raise ParseError(f"it has more than {MAX_KEYS} keys.")


def _refuse_long_integers(value: object) -> None:
    pending: list[object] = [value]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            pending.extend(node.values())
        elif isinstance(node, list):
            pending.extend(node)
        elif isinstance(node, int) and not MIN_INTEGER <= node <= MAX_INTEGER:
            raise ParseError("an integer does not fit in 64 bits.")


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder()
_TOO_DEEP = f"it nests deeper than {MAX_DEPTH} levels."
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_DIGITS = b"0123456789"
_LONG = 19
"""Digits of the shortest integers that may not fit."""
_LONG_NUMBER = re.compile(rb"[0-9]{19}")
