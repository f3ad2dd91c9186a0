"""A small assembler for seccomp filters in classic BPF (SANDBOX 2.3), so that no native library is needed.

A policy is a verdict for each system call number; runs of equal verdicts become ranges, and the ranges a balanced
tree of comparisons, so that the longest path is about eight instructions.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

ALLOW: Final = 0x7FFF0000
KILL_PROCESS: Final = 0x80000000
_ERRNO: Final = 0x00050000
_X32_BIT: Final = 0x40000000

_LOAD: Final = 0x20  # A = word of struct seccomp_data at k
_AND: Final = 0x54  # A &= k
_JUMP: Final = 0x05
_IF_EQUAL: Final = 0x15
_IF_AT_LEAST: Final = 0x35
_IF_BITS: Final = 0x45
_RETURN: Final = 0x06
_FARTHEST: Final = 255

Instruction = tuple[int, int, int, int]
"""struct sock_filter: code, jump if true, jump if false, operand."""


def refuse(errno: int) -> int:
    """The verdict "fail with this error"."""
    return _ERRNO | errno


@dataclass(frozen=True, slots=True)
class Check:
    """A verdict that hangs on one argument. Only its low 32 bits are read: the kernel takes these arguments as ints.

    `(argument & mask)` in `values` (or, with `any_bit`, sharing a bit with one of them) gives `then`, else `otherwise`.
    """

    argument: int
    values: tuple[int, ...]
    then: int | Check
    otherwise: int | Check
    mask: int = 0xFFFFFFFF
    any_bit: bool = False


Verdict = int | Check


def assemble(arch: int, verdicts: dict[int, Verdict], unknown: int) -> list[Instruction]:
    """The filter: another machine's calls kill, x32 calls and unlisted numbers get `unknown`."""
    numbers = _tree(_ranges(verdicts, unknown))
    return [
        (_LOAD, 0, 0, 4),  # seccomp_data.arch
        (_IF_EQUAL, 1, 0, arch),
        (_RETURN, 0, 0, KILL_PROCESS),
        (_LOAD, 0, 0, 0),  # seccomp_data.nr
        *numbers,
    ]


def pack(program: list[Instruction]) -> bytes:
    """The instructions as the kernel (and `bwrap --seccomp`) reads them."""
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


def _ranges(verdicts: dict[int, Verdict], unknown: int) -> list[tuple[int, Verdict]]:
    """(first number, verdict) of each run of equal verdicts, from 0 to the end of the numbers."""
    runs: list[tuple[int, Verdict]] = []
    expected = 0
    for number in sorted(verdicts):
        if number >= _X32_BIT:
            raise ValueError(f"System call number {number:#x} is of another ABI.")
        if number > expected and (not runs or runs[-1][1] != unknown):
            runs.append((expected, unknown))
        if not runs or runs[-1][1] != verdicts[number]:
            runs.append((number, verdicts[number]))
        expected = number + 1
    if not runs or runs[-1][1] != unknown:
        runs.append((expected, unknown))
    return runs


def _tree(runs: list[tuple[int, Verdict]]) -> list[Instruction]:
    if len(runs) == 1:
        return _leaf(runs[0][1])
    middle = len(runs) // 2
    low, high = _tree(runs[:middle]), _tree(runs[middle:])
    if len(low) <= _FARTHEST:
        return [(_IF_AT_LEAST, len(low), 0, runs[middle][0]), *low, *high]
    return [(_IF_AT_LEAST, 0, 1, runs[middle][0]), (_JUMP, 0, 0, len(low)), *low, *high]


def _leaf(verdict: Verdict) -> list[Instruction]:
    if isinstance(verdict, int):
        return [(_RETURN, 0, 0, verdict)]
    otherwise = _leaf(verdict.otherwise)
    then = _leaf(verdict.then)
    test = _IF_BITS if verdict.any_bit else _IF_EQUAL
    tests: list[Instruction] = []
    for position, value in enumerate(verdict.values):
        tests.append((test, len(verdict.values) - position - 1 + len(otherwise), 0, value))
    load: list[Instruction] = [(_LOAD, 0, 0, 16 + 8 * verdict.argument)]  # seccomp_data.args, low word first
    if verdict.mask != 0xFFFFFFFF:
        load.append((_AND, 0, 0, verdict.mask))
    return [*load, *tests, *otherwise, *then]
