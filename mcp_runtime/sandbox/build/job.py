"""Locks and installs a revision's dependencies in a box of its own (SANDBOX 5).

    requirements --uv pip compile--> lock with hashes --uv pip install--> tar stream --strict reader--> store

Each arrow is one box with nothing in it but uv, Python and a way to the package index. The index's hosts are the
operator's choice, so they may resolve to anything; a tenant cannot name another. Only wheels are installed, and the
second box sees the lock alone: what it installs can be installed again. The versions of what the runtime itself
imports are constraints, for a worker has one process and one `pydantic`.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from mcp_runtime.ports.builds import BuildFailed, BuildRequest, BuildResult, LineSink
from mcp_runtime.sandbox import requirements
from mcp_runtime.sandbox.build import locks
from mcp_runtime.sandbox.build.box import BuildBox
from mcp_runtime.sandbox.build.log import BuildLog
from mcp_runtime.sandbox.build.settings import BuildSettings
from mcp_runtime.sandbox.egress import EgressProxy
from mcp_runtime.sandbox.launchers.base import Launcher
from mcp_runtime.sandbox.store import Store
from mcp_runtime.sandbox.tars import read_tar
from mcp_runtime.sandbox.trees import TreeLimits, TreeWriter, tree_digest


async def run(
    request: BuildRequest,
    launcher: Launcher,
    egress: EgressProxy,
    store: Path,
    on_line: LineSink,
    *,
    settings: BuildSettings,
) -> BuildResult:
    """Lock (unless the request has a lock) and install. Raises BuildFailed. Cancelling it ends its box."""
    requirements.check_python(request.python)
    omitted = frozenset[str]() if request.own_process else requirements.PROVIDED
    pins = {} if request.own_process else locks.platform_pins()
    wanted = requirements.check(request.requirements, omitted)
    log = BuildLog(on_line)
    for name in wanted.provided:
        log.say(f"{name} is provided by the platform; it is not installed.")
    if not wanted.install and request.lock is None and request.package_json is None:
        return BuildResult()
    box = BuildBox(launcher, egress, settings, log)
    try:
        async with asyncio.timeout(settings.wall_seconds):
            if request.package_json is not None:
                return await _install_npm(request, box, Store(store), settings, log)
            lock = request.lock
            if lock is None:
                lock = await _lock(wanted.install, pins, omitted, box, log)
            if not locks.check(lock, pins):
                return BuildResult(None, lock)
            return BuildResult(await _install(lock, box, Store(store), settings.tree, log), lock)
    except TimeoutError:
        raise BuildFailed(
            f"The build took longer than {settings.wall_seconds:.0f} seconds.",
            code="timeout",
            hint="Require fewer or smaller packages, or narrow their versions so that they resolve faster.",
            detail=log.tail(),
        ) from None


async def _lock(
    lines: tuple[str, ...], pins: Mapping[str, str], omitted: frozenset[str], box: BuildBox, log: BuildLog
) -> str:
    """Versions and hashes of all that the lines need."""
    log.say(f"Locking {len(lines)} {'requirement' if len(lines) == 1 else 'requirements'}.")
    constraints = [f"{name}=={version}" for name, version in pins.items()]
    return await box.run(locks.read, phase="lock", requirements=lines, constraints=constraints, omit=sorted(omitted))


async def _install(lock: str, box: BuildBox, store: Store, limits: TreeLimits, log: BuildLog) -> str:
    """Digest of what the lock installs. Nothing is installed when some revision's same lock was before."""
    # The lock has the hash of every package, so whoever locked the same trusts the same packages.
    key = hashlib.sha256(f"{sys.version}\n{sysconfig.get_platform()}\n{lock}".encode()).hexdigest()
    digest = await asyncio.to_thread(store.dependencies_of, key)
    if digest is not None:
        log.say("These packages are installed already.")
        return digest
    with store.staging("dependencies") as staged:
        files = await box.run(lambda pipe: _unpack(pipe, staged / "tree", limits), phase="install", lock=lock)
        digest = tree_digest(files)
        await asyncio.to_thread(store.publish, "dependencies", staged / "tree", digest)
    await asyncio.to_thread(store.remember, key, digest)
    log.say(f"Installed {len(files)} files.")
    return digest


async def _install_npm(
    request: BuildRequest, box: BuildBox, store: Store, settings: BuildSettings, log: BuildLog
) -> BuildResult:
    """The packages of a `package.json`, as a folder with `node_modules` and the lock that says which they are."""
    if settings.node is None:
        raise BuildFailed(
            "This host has no Node, which the packages of package.json are installed and run with.",
            code="build_unavailable",
            hint="Ask your operator to install stoa[node], or to name a Node with STOA_NODE.",
        )
    log.say("Installing what package.json names.")
    with store.staging("dependencies") as staged:
        files = await box.run(
            lambda pipe: _unpack(pipe, staged / "tree", settings.tree),
            phase="npm", package_json=request.package_json, package_lock=request.package_lock or "",
        )  # fmt: skip
        lock = (staged / "tree" / "package-lock.json").read_text(encoding="utf-8")
        digest = tree_digest(files)
        await asyncio.to_thread(store.publish, "dependencies", staged / "tree", digest)
    log.say(f"Installed {len(files)} files.")
    return BuildResult(digest, lock)


def _unpack(pipe: int, folder: Path, limits: TreeLimits) -> list[tuple[str, str]]:
    folder.mkdir(mode=0o700)
    writer = TreeWriter(folder, limits)
    with open(pipe, "rb", closefd=False) as stream:
        for entry in read_tar(stream):
            if entry.is_file:
                writer.add_file(entry.name, entry.size, entry.chunks)
    return writer.files
