"""What the kernel bounds for one process whatever else the host offers (SANDBOX 2.4)."""

from __future__ import annotations

import resource
import threading
from typing import Final

from mcp_runtime.ports.workers import WorkerLimits
from mcp_runtime.sandbox.guest import kernel

_MIB: Final = 1024 * 1024
_THREAD_STACK: Final = 512 * 1024
_THREADS: Final = 64
_HEAPS: Final = 2
_INTERPRETER: Final = 256 * _MIB
"""Address space of the interpreter and its libraries, most of it shared between boxes."""

ENVIRONMENT: Final = {
    "MALLOC_ARENA_MAX": str(_HEAPS),
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
"""For programs and native libraries that read their limits from the environment."""


def apply(limits: WorkerLimits, *, memory_is_bounded: bool, threads: int | None = None, foreign: bool = False) -> None:
    """Set this process's limits, soft and hard, so that it cannot raise them.

    With `memory_is_bounded` (a memory cgroup holds the box) address space is only kept from running away: 4 times
    the limit. Without it the address space and the private memory are the bound, next to the host's polling.
    `threads` replaces the number of threads of this uid when other processes have the same uid. `foreign` programs may
    start others, and reserve address space that they never use: only what they do use is bounded.
    """
    memory = limits.memory_mb * _MIB
    if not foreign:
        _set(resource.RLIMIT_AS, 4 * memory if memory_is_bounded else _INTERPRETER + 2 * memory)
    if not memory_is_bounded:
        _set(resource.RLIMIT_DATA, memory)
    most = limits.processes if foreign else min(_THREADS, limits.processes)
    _set(resource.RLIMIT_NPROC, most if threads is None else threads)
    _set(resource.RLIMIT_NOFILE, limits.open_files)
    _set(resource.RLIMIT_FSIZE, limits.file_mb * _MIB)
    _set(resource.RLIMIT_CORE, 0)
    _set(resource.RLIMIT_MEMLOCK, 64 * 1024)
    _set(resource.RLIMIT_MSGQUEUE, 0)
    _set(resource.RLIMIT_RTPRIO, 0)
    _set(resource.RLIMIT_NICE, 0)


def thin_threads() -> None:
    """Small stacks and few heaps, so that many threads fit under the address space limit."""
    threading.stack_size(_THREAD_STACK)
    kernel.malloc_arenas(_HEAPS)


def _set(kind: int, value: int) -> None:
    """Never above what the host already allows us."""
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(kind, (value, value))
