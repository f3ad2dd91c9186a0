"""Which system calls a box may make (SANDBOX 2.3), and the call that makes the kernel hold it to them.

Three answers: allowed; EPERM for what is refused on purpose; ENOSYS for what is new, optional or unknown, so that
libraries fall back to the old way. Another machine's calls (int 0x80) kill the process.
"""

from __future__ import annotations

import ctypes
import errno
import functools
from dataclasses import dataclass
from typing import Final, Literal

from mcp_runtime.sandbox.guest import bpf, kernel, syscalls

Stage = Literal["launch", "tenant"]


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_REFUSED: Final = bpf.refuse(errno.EPERM)
_MISSING: Final = bpf.refuse(errno.ENOSYS)

ALLOWED: Final = _names(
    """
    read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 lseek open openat openat2 creat close
    close_range dup dup2 dup3 fcntl flock fsync fdatasync sync syncfs sync_file_range ftruncate truncate fallocate
    fadvise64 readahead copy_file_range sendfile splice tee vmsplice cachestat
    stat fstat lstat newfstatat statx statfs fstatfs access faccessat faccessat2 readlink readlinkat getcwd chdir
    fchdir getdents getdents64 mkdir mkdirat rmdir rename renameat renameat2 link linkat symlink symlinkat unlink
    unlinkat chmod fchmod fchmodat fchmodat2 umask utime utimes utimensat futimesat
    getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr
    mmap munmap mprotect mremap madvise msync mincore mlock mlock2 mlockall munlock munlockall brk mseal
    pkey_alloc pkey_free pkey_mprotect map_shadow_stack get_mempolicy set_mempolicy mbind
    futex futex_wait futex_wake futex_requeue futex_waitv set_robust_list get_robust_list set_tid_address
    gettid getpid getppid getpgid getpgrp setpgid getsid setsid getuid geteuid getgid getegid getgroups getresuid
    getresgid exit exit_group wait4 waitid
    rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigsuspend rt_sigqueueinfo
    rt_tgsigqueueinfo sigaltstack kill tkill tgkill pidfd_open pidfd_send_signal process_mrelease restart_syscall pause
    signalfd signalfd4 alarm getitimer setitimer
    poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2
    eventfd eventfd2 pipe pipe2 inotify_init inotify_init1 inotify_add_watch inotify_rm_watch
    timerfd_create timerfd_settime timerfd_gettime timer_create timer_settime timer_gettime timer_getoverrun
    timer_delete clock_gettime clock_getres clock_nanosleep nanosleep time gettimeofday times
    bind listen accept accept4 connect getsockname getpeername getsockopt setsockopt shutdown sendto sendmsg sendmmsg
    recvfrom recvmsg recvmmsg
    sched_yield sched_getaffinity sched_setaffinity sched_getparam sched_getscheduler sched_getattr
    sched_get_priority_max sched_get_priority_min sched_rr_get_interval getpriority setpriority ioprio_get getcpu
    getrandom getrlimit setrlimit prlimit64 getrusage sysinfo uname capget membarrier rseq arch_prctl
    set_thread_area get_thread_area seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self
    """
)
"""Calls with no rule on their arguments."""

REFUSED: Final = _names(
    """
    ptrace process_vm_readv process_vm_writev kcmp pidfd_getfd process_madvise
    mount umount2 pivot_root chroot unshare setns open_tree open_tree_attr move_mount fsopen fsconfig fsmount fspick
    mount_setattr statmount listmount
    bpf perf_event_open userfaultfd keyctl add_key request_key
    init_module finit_module delete_module kexec_load kexec_file_load reboot swapon swapoff acct quotactl quotactl_fd
    name_to_handle_at open_by_handle_at fanotify_init fanotify_mark lookup_dcookie syslog vhangup
    lsm_get_self_attr lsm_set_self_attr lsm_list_modules
    iopl ioperm modify_ldt personality sethostname setdomainname settimeofday adjtimex clock_adjtime clock_settime
    setuid setgid setreuid setregid setresuid setresgid setfsuid setfsgid setgroups capset
    chown fchown lchown fchownat mknod mknodat
    setxattr lsetxattr fsetxattr setxattrat removexattr lremovexattr fremovexattr removexattrat file_setattr
    shmget shmat shmdt shmctl semget semop semtimedop semctl msgget msgsnd msgrcv msgctl
    mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr
    sched_setparam sched_setscheduler sched_setattr ioprio_set migrate_pages move_pages set_mempolicy_home_node
    """
)
"""Calls answered with EPERM."""

_CLONE_NAMESPACES: Final = 0x7E020000  # every CLONE_NEW* flag that clone() takes
_CLONE_THREAD: Final = 0x00010000
_TERMINAL_INPUT: Final = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX: type into somebody's terminal
_SOCKET_FAMILIES: Final = (1, 2, 10)  # AF_UNIX, AF_INET, AF_INET6: above all not AF_VSOCK, which no namespace holds
_SOCKET_KINDS: Final = (1, 2, 5)  # SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET
_UNSEEN_BY_LANDLOCK: Final = (
    "chmod", "fchmod", "fchmodat", "fchmodat2", "utime", "utimes", "utimensat", "futimesat", "inotify_add_watch",
)  # fmt: skip
_PRCTL_PDEATHSIG: Final = 1
_PRCTL_DUMPABLE: Final = 4
_PRCTL_SECUREBITS: Final = 28
_PRCTL_MM: Final = 35
_PRCTL_PTRACER: Final = 0x59616D61


@dataclass(frozen=True, slots=True)
class Policy:
    """What one box may do.

    `launch` is in force while the box's program is being started (execve is still allowed, and the program may
    make itself undumpable); `tenant` from before the tenant's first line.
    """

    stage: Stage = "tenant"
    subprocess: bool = False
    """Allow fork and exec: for builds and foreign commands."""
    namespaces: bool = True
    """False for boxes without namespaces: no socket() at all, and none of the calls that reach files and processes of
    the same uid on the host without Landlock seeing it."""


def verdicts(policy: Policy, machine: str) -> dict[int, bpf.Verdict]:
    """The policy by system call number of `machine`. Calls that are in no list are absent."""
    number = syscalls.numbers(machine)
    table: dict[int, bpf.Verdict] = {number[name]: bpf.ALLOW for name in ALLOWED if name in number}
    table |= {number[name]: _REFUSED for name in REFUSED if name in number}
    for name, verdict in _by_argument(policy).items():
        if name in number:
            table[number[name]] = verdict
    return table


@functools.cache
def program(policy: Policy, machine: str) -> bytes:
    """The filter in the kernel's form. Assembled once: a zygote does it for its children."""
    return bpf.pack(bpf.assemble(syscalls.AUDIT_ARCH[machine], verdicts(policy, machine), _MISSING))


def install(code: bytes) -> None:
    """Put the filter on every thread of this process, for good. Needs no_new_privs. Raises OSError."""

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    buffer = ctypes.create_string_buffer(code, len(code))
    prog = Program(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p).value)
    kernel.seccomp_filter(ctypes.addressof(prog))


def _by_argument(policy: Policy) -> dict[str, bpf.Verdict]:
    allow, refuse = bpf.ALLOW, _REFUSED
    processes = allow if policy.subprocess else refuse
    execute = allow if policy.subprocess or policy.stage == "launch" else refuse
    thread_only = bpf.Check(0, (_CLONE_THREAD,), allow, processes, any_bit=True)
    prctl: tuple[int, ...] = (_PRCTL_PDEATHSIG, _PRCTL_MM, _PRCTL_PTRACER, _PRCTL_SECUREBITS)
    if policy.stage == "tenant":
        prctl = (*prctl, _PRCTL_DUMPABLE)
    socket: bpf.Verdict = refuse
    others: dict[str, bpf.Verdict] = {}
    if policy.namespaces:
        kinds = bpf.Check(1, _SOCKET_KINDS, allow, refuse, mask=0xF)
        socket = bpf.Check(0, _SOCKET_FAMILIES, kinds, refuse)
    else:
        myself = bpf.Check(0, (0,), allow, refuse)
        others = dict.fromkeys(_UNSEEN_BY_LANDLOCK, refuse)
        others |= {"prlimit64": myself, "sched_setaffinity": myself}
        others |= {"setpriority": bpf.Check(0, (0,), bpf.Check(1, (0,), allow, refuse), refuse)}
    return {
        "clone": bpf.Check(0, (_CLONE_NAMESPACES,), refuse, thread_only, any_bit=True),
        "fork": processes,
        "vfork": processes,
        "execve": execute,
        "execveat": execute,
        "socket": socket,
        "socketpair": bpf.Check(0, (1,), allow, refuse),
        "ioctl": bpf.Check(1, _TERMINAL_INPUT, refuse, allow),
        "prctl": bpf.Check(0, prctl, refuse, allow),
        **others,
    }
