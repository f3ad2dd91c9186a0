"""Tenant code that tries to read and write what is not its own. Each tool returns what it got away with."""

from __future__ import annotations

import os
import stat

from fastmcp import FastMCP

mcp = FastMCP("files")


def _read(path: str) -> str | None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        return os.read(descriptor, 64).decode("latin-1")
    except OSError:
        return None
    finally:
        os.close(descriptor)


@mcp.tool
def read(paths: list[str]) -> list[str]:
    """Open each path and read from it."""
    return [f"read {path}" for path in paths if _read(path)]


@mcp.tool
def list_folders(paths: list[str]) -> list[str]:
    """List each folder; what stands in it, as paths."""
    found = []
    for path in paths:
        try:
            found += [os.path.join(path, name) for name in os.listdir(path)]
        except OSError:
            continue
    return found


@mcp.tool
def climb(canary: str) -> list[str]:
    """Reach the canary by dot segments, links and the roots of other processes."""
    os.makedirs("/tmp/way", exist_ok=True) if os.access("/tmp", os.W_OK) else None
    ways = [f"/app/../../../../..{canary}", f"/proc/self/root{canary}", f"/proc/self/cwd/../../..{canary}"]
    ways += [f"/proc/{pid}/root{canary}" for pid in range(1, 200)]
    ways += [f"/proc/{pid}/cwd/../../../..{canary}" for pid in range(1, 50)]
    ways += [f"/dev/fd/{fd}/../../../../..{canary}" for fd in range(3, 64)]
    try:
        os.symlink(canary, "/tmp/way/link")
        ways.append("/tmp/way/link")
    except OSError:
        ways.append(canary)
    try:
        os.link(canary, "/tmp/way/hard")
        ways.append("/tmp/way/hard")
    except OSError:
        ways.append(canary)
    return sorted({f"reached {way}" for way in ways if _read(way)})


@mcp.tool
def inherited_descriptors() -> list[str]:
    """Look for open files and folders that were not given."""
    escapes = []
    for descriptor in range(3, 1024):
        try:
            mode = os.fstat(descriptor).st_mode
        except OSError:
            continue
        if stat.S_ISDIR(mode):
            escapes.append(f"folder at {descriptor}")
        elif stat.S_ISREG(mode) and not os.path.exists("/proc/self/fd"):
            escapes.append(f"file at {descriptor}")
    return escapes


@mcp.tool
def environment(canaries: list[str]) -> list[str]:
    """Look for the platform's secrets in the environment and in what /proc shows."""
    seen = "\0".join(f"{name}={value}" for name, value in os.environ.items())
    for pid in ("self", *map(str, range(1, 400))):
        for kind in ("environ", "cmdline"):
            try:
                with open(f"/proc/{pid}/{kind}", "rb") as file:
                    seen += file.read().decode("latin-1")
            except OSError:
                continue
    return [f"saw {canary}" for canary in canaries if canary in seen]


@mcp.tool
def write(folders: list[str]) -> list[str]:
    """Create a file in each folder."""
    escapes = []
    for folder in folders:
        try:
            with open(os.path.join(folder, "escaped.txt"), "w") as file:
                file.write("escaped")
            escapes.append(f"wrote in {folder}")
        except OSError:
            continue
    return escapes


@mcp.tool
def tamper() -> list[str]:
    """Change, rename, remove and remode the code that everybody with this revision shares."""
    escapes = []
    target = __file__
    for name, act in {
        "append": lambda: os.close(os.open(target, os.O_WRONLY | os.O_APPEND)),
        "chmod": lambda: os.chmod(target, 0o777),
        "rename": lambda: os.rename(target, target + ".old"),
        "truncate": lambda: os.truncate(target, 0),
        "unlink": lambda: os.unlink(target),
        "utime": lambda: os.utime(target, (1, 1)),
    }.items():
        try:
            act()
            escapes.append(name)
        except OSError:
            continue
    return escapes


@mcp.tool
def fill_disk(megabytes: int) -> int:
    """Write to every writable place until it refuses; the bytes that fitted, in MB."""
    chunk = b"\xa5" * (1024 * 1024)
    written = 0
    for folder in ("/tmp", "/dev/shm", "/var/tmp", "/run", "."):
        for number in range(megabytes):
            try:
                with open(os.path.join(folder, f"fill-{number}"), "ab") as file:
                    for _ in range(8):
                        file.write(chunk)
                        file.flush()
                        written += 1
                        if written >= megabytes:
                            return written
            except OSError:
                break
    return written


@mcp.tool
def largest_file(megabytes: int) -> int:
    """Grow one file until it refuses; its size in MB."""
    chunk = b"\xa5" * (1024 * 1024)
    written = 0
    try:
        with open("/tmp/large", "wb", buffering=0) as file:
            for _ in range(megabytes):
                file.write(chunk)
                written += 1
    except OSError:
        pass
    finally:
        if os.path.exists("/tmp/large"):
            os.unlink("/tmp/large")
    return written


@mcp.tool
def many_files(count: int) -> int:
    """Create empty files until it refuses; how many there were."""
    made = 0
    try:
        os.makedirs("/tmp/many", exist_ok=True)
        for number in range(count):
            os.close(os.open(f"/tmp/many/{number}", os.O_CREAT | os.O_WRONLY, 0o600))
            made += 1
    except OSError:
        pass
    return made
