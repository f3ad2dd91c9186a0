"""Frames between a host process and a sandbox worker (SANDBOX 4): u32 big-endian length, then a JSON array
`[kind, id, method, payload]`. `id` names a call; 0 is the connection itself.

A kind of the other direction, a length of 0 or over MAX_FRAME, and a call id that is not live on this
connection are protocol errors: the host kills the worker.
"""

from __future__ import annotations

import struct
from enum import IntEnum

import msgspec

MAX_FRAME = 8 * 1024 * 1024
"""Bytes of one frame, without its length."""
_LENGTH = struct.Struct(">I")


class Kind(IntEnum):
    """Host to worker below 64, worker to host from 64."""

    CLAIM = 1
    """{entrypoint, env, limits, hosts}: close the box, take the secrets, import the tenant's code."""
    CALL = 2
    """method + {params, caller}."""
    CANCEL = 3
    CALLBACK_RESULT = 4
    CALLBACK_ERROR = 5
    PING = 6
    BYE = 7
    ATTACH = 8
    """Sent with one descriptor: serve calls on that socket as well."""
    HELLO = 64
    """The box stands, nothing of the tenant's is in it yet."""
    READY = 65
    """The revision is loaded; payload is the Manifest."""
    RESULT = 66
    ERROR = 67
    """{code: int | str, message, data?}: an int is a JSON-RPC error, a str a sandbox failure (load_failed)."""
    CALLBACK = 68
    LOG = 69
    PROGRESS = 70
    PONG = 71
    CANCELLED = 72
    """The cancelled call has really ended."""


class Frame(msgspec.Struct, array_like=True, frozen=True):
    kind: int
    id: int
    method: str = ""
    payload: msgspec.Raw = msgspec.Raw(b"null")


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Frame)


def encode(kind: Kind, id: int = 0, method: str = "", payload: object = None) -> bytes:
    """One frame with its length. `payload` may be `msgspec.Raw`. Raises ValueError when it is over MAX_FRAME."""
    body = _encoder.encode((int(kind), id, method, payload))
    if len(body) > MAX_FRAME:
        raise ValueError(f"A frame of {len(body)} bytes is over the limit of {MAX_FRAME}.")
    return _LENGTH.pack(len(body)) + body


def decode(body: bytes | memoryview) -> Frame:
    """The frame in `body` (without its length). Raises msgspec.DecodeError."""
    return _decoder.decode(body)
