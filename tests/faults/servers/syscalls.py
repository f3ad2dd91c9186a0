"""Tenant code that calls the kernel directly, with arguments that can do no harm where nothing stops it."""

from __future__ import annotations

import ctypes
import errno
import fcntl

from fastmcp import FastMCP

mcp = FastMCP("syscalls")
libc = ctypes.CDLL(None, use_errno=True)

FORBIDDEN = {
    "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312, "pidfd_getfd": 438,
    "mount": 165, "umount2": 166, "pivot_root": 155, "chroot": 161, "unshare": 272, "setns": 308,
    "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433,
    "mount_setattr": 442, "bpf": 321, "perf_event_open": 298, "userfaultfd": 323, "keyctl": 250, "add_key": 248,
    "request_key": 249, "init_module": 175, "finit_module": 313, "delete_module": 176, "kexec_load": 246,
    "kexec_file_load": 320, "reboot": 169, "swapon": 167, "swapoff": 168, "acct": 163, "quotactl": 179,
    "name_to_handle_at": 303, "open_by_handle_at": 304, "fanotify_init": 300, "lookup_dcookie": 212, "syslog": 103,
    "vhangup": 153, "iopl": 172, "ioperm": 173, "modify_ldt": 154, "sethostname": 170, "setdomainname": 171,
    "settimeofday": 164, "adjtimex": 159, "clock_settime": 227, "setuid": 105, "setgid": 106, "setgroups": 116,
    "setresuid": 117, "capset": 126, "chown": 92, "mknod": 133, "setxattr": 188, "shmget": 29, "semget": 64,
    "msgget": 68, "mq_open": 240, "sched_setscheduler": 144, "ioprio_set": 251, "migrate_pages": 256,
    "move_pages": 279, "io_uring_setup": 425, "io_setup": 206, "memfd_create": 319, "memfd_secret": 447,
    "clone3": 435, "vfork_by_clone": 56, "execveat": 322,
}  # fmt: skip
"""Numbers of x86_64. Null arguments make the kernel answer EFAULT or EINVAL when a call reaches it."""

SPECIAL = {
    "ptrace": (0x4206, 0, 0, 0),
    "unshare": (0x10000000,),
    "vfork_by_clone": (0x10000000 | 17, 0, 0, 0, 0),
    "setns": (-1, 0),
    "setuid": (0,),
    "setgid": (0,),
    "setresuid": (0, 0, 0),
    "shmget": (0, 4096, 0o1600),
    "semget": (0, 1, 0o1600),
    "msgget": (0, 0o1600),
    "reboot": (0, 0, 0),
}


@mcp.tool
def call_all() -> list[str]:
    """Call each; those that reached the kernel."""
    reached = []
    for name, number in FORBIDDEN.items():
        if name == "vfork_by_clone":
            continue
        ctypes.set_errno(0)
        result = libc.syscall(number, *SPECIAL.get(name, (0, 0, 0, 0, 0)))
        if result >= 0 or ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS, errno.EACCES):
            reached.append(f"{name}: {result} {errno.errorcode.get(ctypes.get_errno(), '')}")
    return reached


@mcp.tool
def new_namespaces() -> list[str]:
    """Clone into each kind of namespace; a child that lives leaves at once."""
    import os

    made = []
    for name, flag in {"user": 0x10000000, "mount": 0x20000, "pid": 0x20000000, "net": 0x40000000}.items():
        ctypes.set_errno(0)
        result = libc.syscall(56, flag | 17, 0, 0, 0, 0)
        if result == 0:
            os._exit(0)
        if result > 0:
            os.waitpid(result, 0)
            made.append(name)
    return made


@mcp.tool
def terminal() -> list[str]:
    """Push characters into a terminal."""
    reached = []
    for name, request in {"TIOCSTI": 0x5412, "TIOCLINUX": 0x541C}.items():
        try:
            fcntl.ioctl(0, request, b"x")
            reached.append(name)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.EACCES):
                reached.append(f"{name}: {errno.errorcode[error.errno or 0]}")
    return reached


@mcp.tool
def controls() -> list[str]:
    """Loosen the process's own bonds."""
    reached = []
    for name, arguments in {
        "PR_SET_PDEATHSIG": (1, 0),
        "PR_SET_DUMPABLE": (4, 1),
        "PR_SET_MM": (35, 8, 0, 0, 0),
        "PR_SET_PTRACER": (0x59616D61, -1),
        "PR_SET_SECUREBITS": (28, 0),
    }.items():
        ctypes.set_errno(0)
        result = libc.prctl(*arguments)
        if result >= 0 or ctypes.get_errno() not in (errno.EPERM, errno.EACCES):
            reached.append(name)
    return reached


@mcp.tool
def foreign_architecture() -> str:
    """Enter the kernel through the 32-bit door, with a call of its own numbers (getpid)."""
    import mmap

    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(bytes([0xB8, 20, 0, 0, 0, 0xCD, 0x80, 0xC3]))  # mov eax, 20; int 0x80; ret
    function = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
    return f"answered {function()}"
