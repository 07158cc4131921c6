"""The lock on the processes that see text: no network, no programs, no other process, and where asked few files.

Reader and trainer call ``lock_down`` once, after their imports and before their job. It cannot be undone. Two layers:

* **seccomp** refuses system calls with EPERM, in every thread the process has. Required: without it, no text is read.
* **Landlock** (Linux 5.13 and later) narrows the file system to what is named plus what Python and torch need. It
  binds the calling thread and the threads it starts, so it is *reported* only where no other thread existed.

What this does not promise: a process that already holds an open descriptor may go on using it, and reading a clock or
filling memory stays possible. It is a lock on doors, not a proof about the kernel.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import resource
import socket
import struct
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final

from core.api.errors import SandboxError

if TYPE_CHECKING:
    from pyseccomp import Arg, SyscallFilter

_NETWORK: Final = (
    "socket", "socketpair", "connect", "bind", "listen", "accept", "accept4", "socketcall",
)  # fmt: skip
_SENDING: Final = ("sendto", "sendmsg", "sendmmsg")
_PROGRAMS: Final = ("execve", "execveat", "fork", "vfork", "uselib")
_OTHER_PROCESSES: Final = (
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp", "pidfd_open", "pidfd_getfd",
    "pidfd_send_signal", "tkill", "perf_event_open",
)  # fmt: skip
_KERNEL: Final = (
    "io_uring_setup", "io_uring_enter", "io_uring_register", "bpf", "userfaultfd", "keyctl", "add_key", "request_key",
    "init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot", "swapon", "swapoff",
    "iopl", "ioperm", "syslog", "acct", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname",
    "setdomainname", "quotactl", "fanotify_init", "name_to_handle_at", "open_by_handle_at",
)  # fmt: skip
_MOUNTS: Final = (
    "mount", "umount", "umount2", "pivot_root", "chroot", "unshare", "setns", "move_mount", "open_tree", "fsopen",
    "fsconfig", "fsmount", "fspick", "mount_setattr",
)  # fmt: skip
_OWN_PID_FIRST: Final = ("kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo")
_CLONE_THREAD: Final = 0x00010000
_CLONE_NAMESPACES: Final = (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)
_TERMINAL_IOCTLS: Final = (0x5412, 0x541C)
"""TIOCSTI and TIOCLINUX: they type into somebody else's terminal."""

_PR_SET_DUMPABLE: Final = 4
_PR_SET_NO_NEW_PRIVS: Final = 38
_SYS_LANDLOCK_CREATE_RULESET: Final = 444
_SYS_LANDLOCK_ADD_RULE: Final = 445
_SYS_LANDLOCK_RESTRICT_SELF: Final = 446
_FS_EXECUTE: Final = 1 << 0
_FS_READ: Final = 1 << 2 | 1 << 3
_FS_WRITE_FILE: Final = 1 << 1
_FS_IOCTL_DEV: Final = 1 << 15
_FS_OF_FILES: Final = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15
_FS_MAKE_AND_REMOVE: Final = sum(1 << bit for bit in (4, 5, 7, 8, 12, 13, 14))

_READABLE: Final = (
    "/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime", "/etc/ssl/openssl.cnf", "/proc/cpuinfo",
    "/proc/meminfo", "/proc/stat", "/proc/driver/nvidia", "/proc/sys/vm", "/proc/sys/kernel/random",
    "/sys/devices/system", "/sys/fs/cgroup", "/sys/bus/pci/devices", "/dev/urandom", "/dev/random",
)  # fmt: skip
_PROGRAM_FOLDERS: Final = ("/usr", "/bin", "/lib", "/lib64")
_DEVICES: Final = (
    "/dev/null", "/dev/zero", "/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools",
    "/dev/nvidia-caps",
    *(f"/dev/nvidia{n}" for n in range(16)),
)  # fmt: skip


def level_available() -> str:
    """What ``lock_down`` could reach here: ``seccomp+landlock``, ``seccomp``, or the empty string."""
    try:
        _pyseccomp()
    except SandboxError:
        return ""
    return "seccomp+landlock" if _landlock_abi() else "seccomp"


def lock_down(
    *,
    allow_threads: bool = True,
    read_paths: Iterable[Path | str] | None = None,
    write_paths: Iterable[Path | str] | None = None,
    sending: bool = False,
    programs: bool = False,
) -> str:
    """Give up network, program execution, new processes and other processes, for good; return the level reached.

    Import what is needed first: a lazy import outside the allowed paths fails afterwards.

    Args:
        allow_threads: whether new threads may still start; torch needs them.
        read_paths: files and folders that may be read. Giving this or ``write_paths`` asks for Landlock, which then
            also allows what Python and torch need (the interpreter, its libraries, devices), but no shared folder.
        write_paths: files and folders that may be read and written; they must exist. The first folder among them
            becomes this process's temporary folder, because the system's is closed.
        sending: let sockets that are open already be written to, which NCCL does between the devices of one machine.
            Refused unless the process's network is nothing but a loopback interface.
        programs: let the system's programs and this interpreter be run, which a compiler is made of; they are bound
            as this process is, and with Landlock nothing in a folder that may be written can be run. Only for a
            process that holds nothing of the owner's.

    Returns:
        ``seccomp+landlock`` where the file system is narrowed in every thread, else ``seccomp``.

    Raises:
        SandboxError: seccomp is not available or the filter does not hold.
    """
    if sending and not only_loopback():
        raise SandboxError("Trainers may only talk to each other in a network of their own.", "Your text was not read.")
    seccomp = _pyseccomp()
    _harden()
    level = "seccomp"
    if read_paths is not None or write_paths is not None:
        alone = len(os.listdir("/proc/self/task")) == 1
        if _narrow_files(read_paths or (), write_paths or (), programs) and alone:
            level = "seccomp+landlock"
    try:
        _filter(seccomp, allow_threads, sending, programs).load()
    except OSError as error:
        raise SandboxError(
            f"The kernel refused the system call filter ({os.strerror(error.errno or 0)}).",
            "Your text was not read. Run on a Linux kernel with seccomp, outside containers that forbid it.",
        ) from error
    _prove()
    return level


def only_loopback() -> bool:
    """Whether this process's network reaches no further than itself and what shares its namespace."""
    return [name for _, name in socket.if_nameindex()] == ["lo"]


def _pyseccomp() -> ModuleType:
    if sys.platform != "linux":
        raise SandboxError(
            "This system has no seccomp, so the process that reads your text cannot be kept off the network.",
            "Hedgerow trains on Linux only for now.",
        )
    try:
        import pyseccomp
    except (ImportError, RuntimeError, OSError) as error:
        raise SandboxError(
            "libseccomp is missing, so the process that reads your text cannot be kept off the network.",
            "Install it: apt install libseccomp2 (Debian, Ubuntu) or dnf install libseccomp (Fedora).",
        ) from error
    return pyseccomp


def _harden() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0):
        raise SandboxError(f"The kernel refused to drop privileges ({os.strerror(ctypes.get_errno())}).")


def _filter(seccomp: ModuleType, allow_threads: bool, sending: bool, programs: bool) -> SyscallFilter:
    """The filter: everything allowed but what is named. A foreign architecture is killed by libseccomp's default."""
    rules: SyscallFilter = seccomp.SyscallFilter(seccomp.ALLOW)
    rules.set_attr(seccomp.Attr.CTL_TSYNC, 1)
    refuse = seccomp.ERRNO(errno.EPERM)
    refused = (*_NETWORK, *(() if sending else _SENDING), *(() if programs else _PROGRAMS))
    for name in (*refused, *_OTHER_PROCESSES, *_KERNEL, *_MOUNTS):
        _add(seccomp, rules, refuse, name)
    own = seccomp.Arg(0, seccomp.NE, os.getpid())
    for name in _OWN_PID_FIRST:
        _add(seccomp, rules, refuse, name, own)
    for request in _TERMINAL_IOCTLS:
        _add(seccomp, rules, refuse, "ioctl", seccomp.Arg(1, seccomp.MASKED_EQ, 0xFFFFFFFF, request))
    # clone3 hides its flags behind a pointer; ENOSYS makes glibc fall back to clone, whose flags can be seen.
    _add(seccomp, rules, seccomp.ERRNO(errno.ENOSYS), "clone3")
    if not allow_threads:
        _add(seccomp, rules, refuse, "clone")
        return rules
    if not programs:
        _add(seccomp, rules, refuse, "clone", seccomp.Arg(0, seccomp.MASKED_EQ, _CLONE_THREAD, 0))
    for flag in _CLONE_NAMESPACES:
        _add(seccomp, rules, refuse, "clone", seccomp.Arg(0, seccomp.MASKED_EQ, flag, flag))
    return rules


def _add(seccomp: ModuleType, rules: SyscallFilter, action: int, name: str, *arguments: Arg) -> None:
    number = seccomp.resolve_syscall(seccomp.Arch.NATIVE, name)
    if number >= 0:  # negative: this architecture or this libseccomp does not have it
        rules.add_rule(action, number, *arguments)
    elif name in {"execve", "clone", "connect"}:
        raise SandboxError(f"libseccomp does not know the system call {name!r}.", "Install a current libseccomp.")


def _prove() -> None:
    """Try the door after locking it: a filter that does not hold must never be reported as one."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()
    except PermissionError:
        return
    raise SandboxError("The system call filter was loaded but does not hold.", "Your text was not read.")


def _landlock_abi() -> int:
    if sys.platform != "linux":
        return 0
    libc = ctypes.CDLL(None, use_errno=True)
    return max(0, int(libc.syscall(_SYS_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(1))))


def _handled_rights(abi: int) -> int:
    """Every file right this kernel's Landlock knows; what is not handled would stay allowed."""
    bits = 13 + (abi >= 2) + (abi >= 3) + (abi >= 5)
    return (1 << bits) - 1


def _narrow_files(read_paths: Iterable[Path | str], write_paths: Iterable[Path | str], programs: bool) -> bool:
    """Restrict this thread to the given paths and the platform's; False where the kernel has no Landlock."""
    abi = _landlock_abi()
    if not abi:
        return False
    handled = _handled_rights(abi)
    libc = ctypes.CDLL(None, use_errno=True)
    attributes = struct.pack("=Q", handled)
    ruleset = libc.syscall(_SYS_LANDLOCK_CREATE_RULESET, attributes, ctypes.c_size_t(8), ctypes.c_uint32(0))
    if ruleset < 0:
        return False
    try:
        read_write = _FS_READ | _FS_WRITE_FILE | _FS_MAKE_AND_REMOVE
        for path in (*_platform_paths(), *map(Path, read_paths)):
            _allow(libc, ruleset, path, _FS_READ & handled)
        for path in map(Path, (*_PROGRAM_FOLDERS, sys.prefix, sys.base_prefix) if programs else ()):
            _allow(libc, ruleset, path, (_FS_READ | _FS_EXECUTE) & handled)
        writable = [Path(path) for path in write_paths]
        for path in writable:
            if not path.exists():
                raise SandboxError(f"{path} does not exist, so it cannot be opened for the sandbox.")
            _allow(libc, ruleset, path, read_write & handled)
        for path in map(Path, _DEVICES):
            _allow(libc, ruleset, path, (read_write | _FS_IOCTL_DEV) & handled)
        if libc.syscall(_SYS_LANDLOCK_RESTRICT_SELF, ruleset, ctypes.c_uint32(0)):
            raise SandboxError(f"Landlock refused ({os.strerror(ctypes.get_errno())}).")
    finally:
        os.close(ruleset)
    tempfile.tempdir = next((str(path) for path in writable if path.is_dir()), None)
    return True


def _platform_paths() -> Iterator[Path]:
    """What Python and torch read after their imports: interpreter, libraries, this package, facts about the CPU."""
    yield from map(Path, _READABLE)
    yield from (Path(sys.prefix), Path(sys.base_prefix), Path("/proc/self"), Path(__file__).parent)
    yield from (Path(path) for name, path in sysconfig.get_paths().items() if name in {"stdlib", "purelib", "platlib"})


def _allow(libc: ctypes.CDLL, ruleset: int, path: Path, rights: int) -> None:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            if not os.path.isdir(path):
                rights &= _FS_OF_FILES
            rule = struct.pack("=Qi", rights, descriptor)
            if libc.syscall(_SYS_LANDLOCK_ADD_RULE, ruleset, 1, rule, ctypes.c_uint32(0)):
                raise SandboxError(f"Landlock refused {path} ({os.strerror(ctypes.get_errno())}).")
        finally:
            os.close(descriptor)
