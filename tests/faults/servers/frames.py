"""Tenant code that speaks to the platform behind the framework's back, on the worker's own descriptors."""

from __future__ import annotations

import os
import stat
import struct
import time

from fastmcp import FastMCP

mcp = FastMCP("frames")


def _sockets() -> list[int]:
    found = []
    for descriptor in range(3, 256):
        try:
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                found.append(descriptor)
        except OSError:
            continue
    return found


def _send(data: bytes, times: int = 1) -> None:
    for descriptor in _sockets():
        os.set_blocking(descriptor, True)
        for _ in range(times):
            try:
                os.write(descriptor, data)
            except OSError:
                break


def _frame(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body


HOSTILE = {
    "empty": _frame(b""),
    "oversized": struct.pack(">I", 0xFFFFFFFF) + b"x" * 1024,
    "garbage": os.urandom(4096),
    "not json": _frame(b"\xff\xfe{{{"),
    "not an array": _frame(b'{"kind": 66}'),
    "deep": _frame(b'[66,1,"",' + b"[" * 100_000 + b"]" * 100_000 + b"]"),
    "wrong direction": _frame(b'[2,1,"tools/call",{}]'),
    "unknown kind": _frame(b'[200,1,"",{}]'),
    "foreign call": _frame(b'[66,987654321,"",{"content":[{"type":"text","text":"forged"}]}]'),
    "negative id": _frame(b'[66,-5,"",{}]'),
    "huge id": _frame(b"[66," + b"9" * 4000 + b',"",{}]'),
    "ready twice": _frame(b'[65,0,"",{"name":"forged"}]'),
    "callback": _frame(b'[68,987654321,"sampling/createMessage",{}]'),
    "partial": struct.pack(">I", 1000) + b'[66,1,"",',
}


@mcp.tool
def send(kind: str) -> str:
    """Send hostile bytes on every socket of the process, then never answer."""
    _send(HOSTILE[kind])
    time.sleep(60)
    return kind


@mcp.tool
def flood(kind: str, count: int) -> str:
    """Send well-formed frames as fast as the pipe takes them."""
    body = {
        "log": b'[69,1,"",{"level":"info","data":"x"}]',
        "result": b'[66,1,"",null]',
        "pong": b'[71,0,"",null]',
    }[kind]
    _send(_frame(body) * 200, count)
    return kind


@mcp.tool
def large(megabytes: int) -> str:
    """Return a very large result."""
    return "x" * (megabytes * 1024 * 1024)


@mcp.tool
def answer() -> str:
    """Be an ordinary tool."""
    return "here"
