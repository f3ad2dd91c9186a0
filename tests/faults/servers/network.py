"""Tenant code that tries to reach anything over a socket. Each tool returns what it got away with."""

from __future__ import annotations

import socket

from fastmcp import FastMCP

mcp = FastMCP("network")


@mcp.tool
def connect(targets: list[list[str | int]]) -> list[str]:
    """Connect over TCP to each `[host, port]`."""
    escapes = []
    for host, port in targets:
        family = socket.AF_INET6 if ":" in str(host) else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.settimeout(1)
                probe.connect((str(host), int(port)))
                escapes.append(f"connected to {host}:{port}")
        except OSError:
            continue
    return escapes


@mcp.tool
def datagram(host: str, port: int) -> list[str]:
    """Send a datagram; the listener says whether it came."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.sendto(b"escaped", (host, port))
    except OSError:
        return []
    return ["sent"]


@mcp.tool
def unix_sockets(paths: list[str]) -> list[str]:
    """Connect to Unix sockets by path, and by abstract name where the path begins with @."""
    escapes = []
    for path in paths:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                probe.settimeout(1)
                probe.connect("\0" + path[1:] if path.startswith("@") else path)
                escapes.append(f"connected to {path}")
        except OSError:
            continue
    return escapes


@mcp.tool
def families() -> list[str]:
    """Make sockets of kinds no tool needs: each opens a way into the kernel or the hypervisor."""
    kinds = {
        "vsock": (40, socket.SOCK_STREAM, 0),
        "packet": (17, socket.SOCK_RAW, 0x0300),
        "netlink": (16, socket.SOCK_RAW, 0),
        "raw": (socket.AF_INET, socket.SOCK_RAW, 1),
        "alg": (38, socket.SOCK_SEQPACKET, 0),
        "xdp": (44, socket.SOCK_RAW, 0),
        "bluetooth": (31, socket.SOCK_RAW, 0),
        "tipc": (30, socket.SOCK_RDM, 0),
    }
    escapes = []
    for name, (family, kind, protocol) in kinds.items():
        try:
            socket.socket(family, kind, protocol).close()
            escapes.append(name)
        except OSError:
            continue
    return escapes


@mcp.tool
def resolve(name: str) -> list[str]:
    """Ask the name service."""
    try:
        return [f"resolved {answer[4][0]}" for answer in socket.getaddrinfo(name, 443)]
    except OSError:
        return []
