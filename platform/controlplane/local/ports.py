"""The web's listening socket, at the port that this installation had the last time."""

from __future__ import annotations

import errno
import json
import socket
from pathlib import Path

from controlplane.local.secret_file import write_private


class PortTaken(Exception):
    """Another program listens there; the text says what to do."""


Socket = socket.socket


def listen(remembered: Path, wanted: int | None) -> tuple[socket.socket, str]:
    """A listening socket on 127.0.0.1, and a remark for the user (or ""). Its port is remembered for the next start."""
    last = _read(remembered)
    remark = ""
    try:
        listener = _bind(wanted or last or 0)
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        if wanted:
            reason = "is in use by another program" if error.errno == errno.EADDRINUSE else "needs more rights"
            raise PortTaken(f"Port {wanted} {reason}. Choose another with --port.") from None
        listener = _bind(0)
        remark = f"Port {last}, used the last time, is taken: addresses change. Free it and start again to keep them."
    port = listener.getsockname()[1]
    if port != last and not remark:
        write_private(remembered, json.dumps({"port": port}) + "\n")
    return listener, remark


def _bind(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        # Connections of the last run may still be closing; a program that listens is refused all the same.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    return listener


def _read(remembered: Path) -> int | None:
    try:
        port = json.loads(remembered.read_text(encoding="utf-8"))["port"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    return port if isinstance(port, int) and 0 < port < 65536 else None
