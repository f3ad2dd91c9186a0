"""A container per worker, through the docker or podman command (SANDBOX 0.5): a wall of the engine's, or of gVisor's or
Kata's with `runtime`. Seconds rather than milliseconds to start; a placement choice, not the path of each call.

The image brings a Python of our version and nothing of ours: runtime, code and dependencies are mounted into it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import ClassVar, Final

import msgspec

from mcp_runtime.sandbox.guest import landlock
from mcp_runtime.sandbox.guest.box import EGRESS_PORT, EGRESS_SOCKET, HOSTNAME, INNER_ID, Inside, Program, Walls
from mcp_runtime.sandbox.launchers import layout, selftest
from mcp_runtime.sandbox.launchers.base import ExitReason, Guarantee, LaunchError, Level, SandboxSpec, SelfTest, Stats
from mcp_runtime.sandbox.launchers.container_profile import profile
from mcp_runtime.sandbox.launchers.forking import hello

_BOOT: Final = "mcp_runtime/sandbox/guest/boot.py"
_RPC_INSIDE: Final = "/run/stoa"
_START_SECONDS: Final = 30.0
_COMMAND_SECONDS: Final = 60.0
_MIB: Final = 1024 * 1024
_ENGINES: Final = ("docker", "podman")
_TMP: Final = f"/tmp:rw,noexec,nosuid,nodev,mode=700,uid={INNER_ID},gid={INNER_ID}," + "size={size}m,nr_inodes={inodes}"
_SYSTEM: Final = ("/usr", "/lib", "/lib64", "/bin", "/etc", "/opt")


class ContainerLauncher:
    """Implements `Launcher`. `runtime` names an engine runtime such as `runsc` or `kata`."""

    name: ClassVar[str] = "container"
    level: ClassVar[Level] = "container"
    guarantees: frozenset[Guarantee] = frozenset(
        {
            "files", "secrets", "network", "signals", "memory", "cpu", "processes", "disk", "inodes", "killable",
            "dies_with_host", "syscalls",
        }
    )  # fmt: skip

    def __init__(
        self,
        *,
        engine: str | None = None,
        image: str | None = None,
        runtime: str | None = None,
        probe_runtime: Path | None = None,
    ) -> None:
        self._engine = engine
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        self._image = image or os.environ.get("STOA_SANDBOX_IMAGE") or f"python:{version}-slim"
        self._runtime = runtime
        self._probe_runtime = probe_runtime
        self._label = f"stoa.runner={secrets.token_hex(8)}"
        self._folder: Path | None = None
        self.watchdog: subprocess.Popen[bytes] | None = None
        """Ends the containers when its standard input does: with this process."""
        self._handles: set[_ContainerHandle] = set()

    async def start(self) -> None:
        if self._folder is not None:
            return
        engine = self._engine or next((name for name in _ENGINES if shutil.which(name)), None)
        if engine is None:
            raise LaunchError("engine", "Neither docker nor podman is installed. Install one, or use another launcher.")
        self._engine = engine
        await self._run("version", "--format", "{{.Server.Version}}", step="engine")
        self._folder = _home()
        self.watchdog = _watch(engine, self._label)

    async def selftest(self) -> SelfTest:
        return await selftest.attack(self, self._probe_runtime, landlock.abi())

    def notes(self) -> list[str]:
        return [f"containers of the image {self._image} by {self._engine}"]

    async def spawn(self, spec: SandboxSpec) -> _ContainerHandle:
        await self.start()
        assert self._folder is not None
        name = f"stoa-{secrets.token_hex(8)}"
        meeting = _meeting_place(self._folder)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(meeting / "rpc.sock"))
            os.chmod(meeting / "rpc.sock", 0o666)  # noqa: S103  # the container's uid must reach it; nobody else knows its name.
            listener.listen(1)
            listener.setblocking(False)
            try:
                await self._run(*self._create(name, spec, meeting), step="create")
                process = await self._attach(name, spec)
                handle = _ContainerHandle(self, name, process)
                self._handles.add(handle)
                try:
                    rpc = await _meet(listener, handle)
                    await asyncio.wait_for(hello(rpc, consume=spec.command is not None), _START_SECONDS)
                except BaseException:
                    await handle.kill()
                    raise
            finally:
                shutil.rmtree(meeting, ignore_errors=True)
        await handle.met(rpc, command=spec.command is not None)
        return handle

    async def aclose(self) -> None:
        await asyncio.gather(*(handle.kill() for handle in list(self._handles)))
        if self.watchdog is not None and self.watchdog.stdin is not None:
            self.watchdog.stdin.close()
            await asyncio.get_running_loop().run_in_executor(None, self.watchdog.wait)
            self.watchdog = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def forget(self, handle: _ContainerHandle) -> None:
        self._handles.discard(handle)

    async def inspect(self, name: str) -> dict[str, object]:
        """The engine's account of a container's state."""
        text = await self._run("inspect", "--format", "{{json .State}}", name, step="inspect")
        state: dict[str, object] = json.loads(text)
        return state

    async def remove(self, name: str) -> None:
        with contextlib.suppress(LaunchError):  # It may be gone already.
            await self._run("rm", "--force", "--volumes", name, step="rm")

    async def _run(self, *arguments: str, step: str) -> str:
        """The engine's answer. Raises LaunchError with what it said."""
        assert self._engine is not None
        try:
            process = await asyncio.create_subprocess_exec(
                self._engine, *arguments,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )  # fmt: skip
        except OSError as error:
            raise LaunchError("engine", f"{self._engine} cannot be run: {error}. Install docker or podman.") from error
        try:
            output, errors = await asyncio.wait_for(process.communicate(), _COMMAND_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise LaunchError(step, f"`{self._engine} {arguments[0]}` took over {_COMMAND_SECONDS:.0f} s.") from None
        if process.returncode != 0:
            said = errors.decode(errors="replace").strip().splitlines()
            raise LaunchError(
                step,
                f"`{self._engine} {arguments[0]}` failed: {said[-1] if said else process.returncode}. Start the "
                "engine, and let this user use it.",
            )
        return output.decode()

    async def _attach(self, name: str, spec: SandboxSpec) -> asyncio.subprocess.Process:
        assert self._engine is not None
        null = subprocess.DEVNULL
        return await asyncio.create_subprocess_exec(
            self._engine, "start", "--attach", *(["--interactive"] if spec.stdin_fd is not None else []), name,
            stdin=null if spec.stdin_fd is None else spec.stdin_fd,
            stdout=null if spec.stdout_fd is None else spec.stdout_fd,
            stderr=null if spec.stderr_fd is None else spec.stderr_fd,
        )  # fmt: skip

    def _create(self, name: str, spec: SandboxSpec, meeting: Path) -> list[str]:
        limits = spec.limits
        memory = str(limits.memory_mb * _MIB)
        assert self._folder is not None
        arguments = [
            "create", "--name", name, "--label", self._label, "--hostname", HOSTNAME,
            "--user", f"{INNER_ID}:{INNER_ID}",
            "--network", "none", "--ipc", "private", "--read-only", "--cap-drop", "ALL", "--log-driver", "none",
            "--security-opt", "no-new-privileges", "--security-opt", f"seccomp={self._folder / 'seccomp.json'}",
            "--memory", memory, "--memory-swap", memory, "--cpus", str(limits.cpu_cores),
            "--pids-limit", str(limits.processes),
            "--tmpfs", _TMP.format(size=limits.tmp_mb, inodes=limits.tmp_inodes), "--shm-size", "4k",
        ]  # fmt: skip
        if self._runtime is not None:
            arguments += ["--runtime", self._runtime]
        if spec.stdin_fd is not None:
            arguments.append("--interactive")
        for source, target in self._mounts(spec, meeting):
            arguments += ["--mount", f"type=bind,source={source},target={target},readonly"]
        inside = msgspec.json.encode(self._inside(spec)).decode()
        boot = str(spec.runtime_dir / _BOOT)
        return [*arguments, self._image, "python3", "-I", "-S", "-B", "-X", "utf8", boot, inside]

    def _mounts(self, spec: SandboxSpec, meeting: Path) -> list[tuple[Path, str]]:
        mounts = [(spec.runtime_dir, str(spec.runtime_dir)), (meeting, _RPC_INSIDE)]
        optional = ((spec.code_dir, layout.APP), (spec.dependencies_dir, layout.DEPENDENCIES))
        mounts += [(source, target) for source, target in optional if source is not None]
        if spec.egress_socket is not None:
            mounts.append((spec.egress_socket, EGRESS_SOCKET))
        return [*mounts, *spec.read_only]

    def _inside(self, spec: SandboxSpec) -> Inside:
        readable = [target for _, target in self._mounts(spec, Path()) if target != EGRESS_SOCKET]
        return Inside(
            runtime=str(spec.runtime_dir),
            walls=Walls(
                execute=(*_SYSTEM, *readable),
                read=("/dev",),
                write=("/tmp", "/dev/null"),
                ports=(EGRESS_PORT,) if spec.egress_socket is not None else (),
                landlock=landlock.abi(),
                subprocess=spec.subprocess,
            ),
            limits=spec.limits,
            memory_is_bounded=True,
            app=layout.APP if spec.code_dir is not None else None,
            dependencies=layout.DEPENDENCIES if spec.dependencies_dir is not None else None,
            program=Program(spec.command, spec.command_env) if spec.command is not None else None,
            connect=f"{_RPC_INSIDE}/rpc.sock",
        )


class _ContainerHandle:
    """Implements `Handle`. The engine's client, attached to the container, ends when the container does."""

    def __init__(self, launcher: ContainerLauncher, name: str, process: asyncio.subprocess.Process) -> None:
        self.pid = process.pid
        self.rpc: socket.socket | None = None
        self._held: socket.socket | None = None
        self._launcher = launcher
        self._name = name
        self._process = process
        self._killed = False
        self._end = asyncio.get_running_loop().create_task(self._finish())

    async def met(self, rpc: socket.socket, *, command: bool) -> None:
        """The box has said HELLO on `rpc`."""
        if command:
            self._held = rpc
        else:
            self.rpc = rpc
        with contextlib.suppress(LaunchError):
            pid = (await self._launcher.inspect(self._name)).get("Pid")
            if isinstance(pid, int) and pid > 0:
                self.pid = pid

    async def kill(self) -> None:
        if not self._end.done():
            self._killed = True
            await self._launcher.remove(self._name)
        await self.wait()

    async def wait(self) -> ExitReason:
        return await asyncio.shield(self._end)

    def stats(self) -> Stats:
        """What the host's /proc tells of the container's first process."""
        from mcp_runtime.sandbox.launchers.handle import usage

        return usage(self.pid)

    async def _finish(self) -> ExitReason:
        code = await self._process.wait()
        out_of_memory = False
        if not self._killed:
            with contextlib.suppress(LaunchError, ValueError):
                out_of_memory = (await self._launcher.inspect(self._name)).get("OOMKilled") is True
        await self._launcher.remove(self._name)
        if self._held is not None:
            self._held.close()
        self._launcher.forget(self)
        if out_of_memory:
            return ExitReason("oom", 9)
        if self._killed:
            return ExitReason("killed", 9)
        if code > 128:
            return ExitReason("seccomp" if code == 128 + 31 else "signal", code - 128)
        return ExitReason("exit", code)


async def _meet(listener: socket.socket, handle: _ContainerHandle) -> socket.socket:
    """The box's connection. Raises LaunchError when the container ends before it makes one."""
    loop = asyncio.get_running_loop()
    accepting = loop.create_task(loop.sock_accept(listener))
    ending = loop.create_task(handle.wait())
    try:
        await asyncio.wait({accepting, ending}, timeout=_START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if accepting.done():
            rpc, _ = accepting.result()
            rpc.setblocking(False)
            return rpc
        if ending.done():
            raise LaunchError("start", f"The container ended at once ({ending.result()}); has the image a python3?")
        raise LaunchError("start", f"The container did not connect within {_START_SECONDS:.0f} s.")
    finally:
        for task in (accepting, ending):
            task.cancel()


def _home() -> Path:
    """A folder that nobody may list, with the profile in it."""
    folder = Path(tempfile.mkdtemp(prefix="stoa-containers-"))
    folder.chmod(0o711)
    (folder / "seccomp.json").write_text(json.dumps(profile()))
    return folder


def _meeting_place(home: Path) -> Path:
    folder = home / secrets.token_hex(16)
    folder.mkdir(mode=0o755)
    return folder


def _watch(engine: str, label: str) -> subprocess.Popen[bytes]:
    """A process that outlives us by a moment: containers do not end with the client that made them."""
    script = (
        "import subprocess, sys\n"
        "sys.stdin.read()\n"
        "engine, label = sys.argv[1:]\n"
        "found = subprocess.run([engine, 'ps', '-aq', '--filter', f'label={label}'], capture_output=True, text=True)\n"
        "if names := found.stdout.split():\n"
        "    subprocess.run([engine, 'rm', '--force', '--volumes', *names], capture_output=True)\n"
    )
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", script, engine, label],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
