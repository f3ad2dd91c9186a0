"""The filter, decided instruction by instruction as the kernel would, for every call of both machines."""

from __future__ import annotations

import struct

import pytest

from mcp_runtime.sandbox.guest import bpf, seccomp, syscalls
from mcp_runtime.sandbox.guest.seccomp import Policy

EPERM = bpf.refuse(1)
ENOSYS = bpf.refuse(38)
THREAD = 0x00010000 | 0x100
NEW_USER = 0x10000000


def decide(code: bytes, machine: str, name: str | int, *arguments: int, arch: int | None = None) -> int:
    """What the filter answers: an interpreter for the six instructions that it is made of."""
    number = name if isinstance(name, int) else syscalls.numbers(machine)[name]
    audit = syscalls.AUDIT_ARCH[machine] if arch is None else arch
    data = struct.pack("=IIQ6Q", number, audit, 0, *arguments, *[0] * (6 - len(arguments)))
    program = list(struct.iter_unpack("=HBBI", code))
    accumulator, at = 0, 0
    while True:
        operation, if_true, if_false, operand = program[at]
        at += 1
        if operation == 0x20:
            accumulator = struct.unpack_from("=I", data, operand)[0]
        elif operation == 0x54:
            accumulator &= operand
        elif operation == 0x05:
            at += operand
        elif operation == 0x06:
            return int(operand)
        else:
            tests = {0x15: accumulator == operand, 0x35: accumulator >= operand, 0x45: bool(accumulator & operand)}
            at += if_true if tests[operation] else if_false


@pytest.fixture(params=sorted(syscalls.AUDIT_ARCH))
def machine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def tenant(machine: str) -> bytes:
    return seccomp.program(Policy(), machine)


def test_every_listed_call_gets_the_answer_of_its_list(machine: str, tenant: bytes) -> None:
    numbers = syscalls.numbers(machine)
    conditional = set(seccomp.verdicts(Policy(), machine)) - {
        numbers[name] for name in seccomp.ALLOWED | seccomp.REFUSED if name in numbers
    }

    answers = {name: decide(tenant, machine, name) for name, number in numbers.items() if number not in conditional}

    for name, answer in answers.items():
        expected = bpf.ALLOW if name in seccomp.ALLOWED else EPERM if name in seccomp.REFUSED else ENOSYS
        assert answer == expected, name


@pytest.mark.parametrize("name", ["clone3", "io_uring_setup", "io_uring_enter", "memfd_create", "memfd_secret"])
def test_calls_with_an_older_way_are_said_to_be_missing(machine: str, tenant: bytes, name: str) -> None:
    answer = decide(tenant, machine, name)

    assert answer == ENOSYS


@pytest.mark.parametrize("number", [470, 512, 1_000, 0x3FFFFFFF, 0x40000000, 0x40000001, 0xFFFFFFFF])
def test_unknown_numbers_and_the_x32_machine_are_missing(machine: str, tenant: bytes, number: int) -> None:
    answer = decide(tenant, machine, number)

    assert answer == ENOSYS


def test_another_machines_call_kills(machine: str, tenant: bytes) -> None:
    i386 = 0x40000003

    answer = decide(tenant, machine, "read", arch=i386)

    assert answer == bpf.KILL_PROCESS


def test_a_thread_may_be_made_and_a_process_may_not(machine: str, tenant: bytes) -> None:
    assert decide(tenant, machine, "clone", THREAD) == bpf.ALLOW
    assert decide(tenant, machine, "clone", 17) == EPERM
    assert decide(tenant, machine, "execve") == EPERM
    assert decide(tenant, machine, "execveat") == EPERM


def test_a_build_may_make_processes_and_no_namespaces(machine: str) -> None:
    build = seccomp.program(Policy(subprocess=True), machine)

    assert decide(build, machine, "clone", 17) == bpf.ALLOW
    assert decide(build, machine, "execve") == bpf.ALLOW
    assert decide(build, machine, "clone", 17 | NEW_USER) == EPERM
    assert decide(build, machine, "clone", THREAD | NEW_USER) == EPERM


def test_a_launcher_may_only_execute_more_than_a_tenant(machine: str, tenant: bytes) -> None:
    launch = seccomp.program(Policy(stage="launch"), machine)
    dumpable = 4

    assert decide(launch, machine, "execve") == bpf.ALLOW
    assert decide(launch, machine, "clone", 17) == EPERM
    assert decide(launch, machine, "prctl", dumpable) == bpf.ALLOW
    assert decide(tenant, machine, "prctl", dumpable) == EPERM


@pytest.mark.parametrize(
    ("family", "kind", "allowed"),
    [(1, 1, True), (2, 1, True), (10, 2, True), (2, 1 | 0x80000, True), (2, 3, False), (2, 10, False), (40, 1, False),
     (16, 3, False), (17, 3, False), (38, 5, False), (44, 1, False)],
)  # fmt: skip
def test_only_local_and_internet_sockets_can_be_made(
    machine: str, tenant: bytes, family: int, kind: int, allowed: bool
) -> None:
    answer = decide(tenant, machine, "socket", family, kind)

    assert answer == (bpf.ALLOW if allowed else EPERM)


def test_high_bits_of_an_argument_do_not_deceive(machine: str, tenant: bytes) -> None:
    vsock = 40
    pdeathsig = 1
    terminal_input = 0x5412

    assert decide(tenant, machine, "socket", 1 << 32 | vsock, 1) == EPERM
    assert decide(tenant, machine, "prctl", 1 << 40 | pdeathsig) == EPERM
    assert decide(tenant, machine, "ioctl", 0, 1 << 32 | terminal_input) == EPERM


def test_without_namespaces_there_is_no_socket_but_a_pair(machine: str) -> None:
    closed = seccomp.program(Policy(namespaces=False), machine)

    assert decide(closed, machine, "socket", 1, 1) == EPERM
    assert decide(closed, machine, "socketpair", 1, 1) == bpf.ALLOW


@pytest.mark.parametrize("name", ["prlimit64", "sched_setaffinity", "setpriority"])
def test_without_namespaces_only_ones_own_limits_can_be_changed(machine: str, tenant: bytes, name: str) -> None:
    closed = seccomp.program(Policy(namespaces=False), machine)
    neighbour = 4_321

    assert decide(closed, machine, name, 0, 0) == bpf.ALLOW
    assert decide(closed, machine, name, neighbour, neighbour) == EPERM
    assert decide(tenant, machine, name, neighbour, neighbour) == bpf.ALLOW


@pytest.mark.parametrize("name", ["fchmod", "fchmodat", "utimensat", "inotify_add_watch"])
def test_without_namespaces_metadata_of_files_cannot_be_changed(machine: str, tenant: bytes, name: str) -> None:
    closed = seccomp.program(Policy(namespaces=False), machine)

    assert decide(closed, machine, name) == EPERM
    assert decide(tenant, machine, name) == bpf.ALLOW


@pytest.mark.parametrize("option", [1, 28, 35, 0x59616D61])
def test_a_process_cannot_loosen_what_ends_it(machine: str, tenant: bytes, option: int) -> None:
    name_a_thread = 15

    assert decide(tenant, machine, "prctl", option) == EPERM
    assert decide(tenant, machine, "prctl", name_a_thread) == bpf.ALLOW


def test_a_large_tree_reaches_every_leaf() -> None:
    verdicts: dict[int, bpf.Verdict] = {number: bpf.refuse(number % 90 + 1) for number in range(0, 4_000, 2)}

    code = bpf.pack(bpf.assemble(syscalls.AUDIT_ARCH["x86_64"], verdicts, ENOSYS))

    for number in range(4_000):
        expected = verdicts.get(number, ENOSYS)
        assert decide(code, "x86_64", number) == expected


def test_a_machine_without_a_table_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="riscv64"):
        syscalls.numbers("riscv64")
