"""Tenant code that tries to reach, copy or outlive processes. Each tool returns what it got away with."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
import time

from fastmcp import FastMCP

mcp = FastMCP("processes")
libc = ctypes.CDLL(None, use_errno=True)


@mcp.tool
def touch(pid: int) -> list[str]:
    """Signal, trace, open and read a process that is not ours. Signal 0 asks only whether it could be done."""
    escapes = []
    try:
        os.kill(pid, 0)
        escapes.append("kill")
    except OSError:
        pass
    try:
        os.killpg(pid, 0)
        escapes.append("killpg")
    except OSError:
        pass
    if libc.ptrace(0x4206, pid, 0, 0) == 0:  # PTRACE_SEIZE
        escapes.append("ptrace")
        libc.ptrace(17, pid, 0, 0)
    remote = (ctypes.c_size_t * 2)(0x400000, 8)
    buffer = ctypes.create_string_buffer(8)
    local = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 8)
    libc.process_vm_readv(pid, local, 1, remote, 1, 0)
    if ctypes.get_errno() == 14:  # EFAULT: it was allowed to look
        escapes.append("process_vm_readv")
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            escapes += ["proc"] if file.read() else []
    except OSError:
        pass
    return escapes


@mcp.tool
def fork(count: int) -> int:
    """Make processes until it refuses; how many lived at once."""
    children = []
    try:
        for _ in range(count):
            pid = os.fork()
            if pid == 0:
                time.sleep(2)
                os._exit(0)
            children.append(pid)
    except OSError:
        pass
    for pid in children:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return len(children)


@mcp.tool
def threads(count: int) -> int:
    """Make threads until it refuses; how many lived at once."""
    stop = threading.Event()
    made = []
    try:
        for _ in range(count):
            thread = threading.Thread(target=stop.wait, args=(5,), daemon=True)
            thread.start()
            made.append(thread)
    except RuntimeError:
        pass
    stop.set()
    for thread in made:
        thread.join()
    return len(made)


@mcp.tool
def execute() -> list[str]:
    """Run another program."""
    escapes = []
    for program in ("/bin/sh", "/usr/bin/env", "/usr/bin/python3", "/bin/busybox"):
        try:
            if os.posix_spawn(program, [program, "--version"], {}):
                os.wait()
                escapes.append(program)
        except OSError:
            continue
    return escapes


@mcp.tool
def outlive() -> str:
    """Ignore every signal that can be ignored and forget the parent, then stay."""
    for number in range(1, 32):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            continue
    libc.prctl(1, 0, 0, 0, 0)  # PR_SET_PDEATHSIG
    return "staying"


@mcp.tool
def allocate(megabytes: int) -> int:
    """Take and touch anonymous memory until it refuses; MB taken."""
    blocks = []
    try:
        while len(blocks) < megabytes // 16:
            blocks.append(bytearray(os.urandom(4096) * 4096))
    except MemoryError:
        return -len(blocks) * 16
    return len(blocks) * 16


@mcp.tool
def hidden_memory() -> list[str]:
    """Find memory that no process limit counts."""
    escapes = []
    for name, number, arguments in (("memfd_create", 319, (b"x", 0)), ("memfd_secret", 447, (0,))):
        descriptor = libc.syscall(number, *arguments)
        if descriptor >= 0:
            os.close(descriptor)
            escapes.append(name)
    identifier = libc.shmget(0, 4096, 0o1600)
    if identifier >= 0:
        libc.shmctl(identifier, 0, 0)
        escapes.append("shmget")
    return escapes


@mcp.tool
def burn(seconds: float, workers: int) -> float:
    """Compute in threads outside the interpreter's lock; CPU seconds used per second."""
    import hashlib

    block = b"x" * (16 * 1024 * 1024)
    end = time.monotonic() + seconds
    before = time.process_time()

    def work() -> None:
        while time.monotonic() < end:
            hashlib.sha256(block).digest()

    running = [threading.Thread(target=work) for _ in range(workers)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return (time.process_time() - before) / seconds


@mcp.tool
def loop(kind: str) -> str:
    """Never answer, in one of many ways."""
    if kind == "python":
        while True:
            pass
    if kind == "sleep":
        time.sleep(3600)
    if kind == "power":
        return str(pow(7, 10**9) % 10)
    if kind == "regex":
        import re

        re.match(r"(a+)+$", "a" * 40 + "b")
    if kind == "lock":
        lock = threading.Lock()
        lock.acquire()
        lock.acquire()
    return kind


@mcp.tool
async def block_the_loop() -> str:
    """Never give the event loop back."""
    while True:
        pass


@mcp.tool
def leave(how: str) -> str:
    """End the process in the middle of a call."""
    if how == "_exit":
        os._exit(3)
    if how == "abort":
        os.abort()
    if how == "segfault":
        ctypes.string_at(0)
    raise SystemExit(4)


@mcp.tool
def noise(megabytes: int) -> int:
    """Print a great deal."""
    line = "x" * 1023 + "\n"
    for _ in range(megabytes * 1024):
        print(line, end="")
    return megabytes


@mcp.tool
def answer() -> str:
    """Be an ordinary tool."""
    return "here"
