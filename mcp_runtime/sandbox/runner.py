"""The runner: one process per host that makes sandboxes and hands gateways a line into each (SANDBOX 0.1).

    python -m mcp_runtime.sandbox.runner --socket PATH --store DIR --home DIR [--launcher auto] [--index-url URL]

It owns launchers, workers, builds and the egress proxy. It has no database, no key and no secret: tenants' secrets
pass through it, from a gateway into the worker that is being started. Calls do not pass through it at all.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from uv import find_uv_bin

from mcp_runtime.ports.builds import BuildRequest, BuildResult, LineSink
from mcp_runtime.sandbox import build, control
from mcp_runtime.sandbox.build.settings import NPM, PYPI, BuildSettings
from mcp_runtime.sandbox.desk import Desk
from mcp_runtime.sandbox.egress import EgressProxy
from mcp_runtime.sandbox.launchers.base import Launcher, LaunchError, SelfTest
from mcp_runtime.sandbox.launchers.select import NAMES, choose
from mcp_runtime.sandbox.node import Node, NoNode
from mcp_runtime.sandbox.node import find as find_node
from mcp_runtime.sandbox.pool import Caps, Pool
from mcp_runtime.sandbox.runtime_dir import assemble
from mcp_runtime.sandbox.status import Reporter
from mcp_runtime.sandbox.store import Store
from mcp_runtime.sandbox.workers import Ground

BUILDS_AT_ONCE = 2
CANNOT_START = 78
"""Exit status when there is nothing to try again: EX_CONFIG of sysexits.h."""
_DESCRIPTORS = 65_536

_log = logging.getLogger("stoa.runner")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a runner works."""

    socket: Path
    store: Path
    home: Path
    index_url: str = PYPI
    registry: str = NPM
    node: Node | None = None
    caps: Caps = field(default_factory=Caps)


class AlreadyRunning(Exception):
    """Another runner has the socket."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT. Without a launcher that keeps its promises here, say why and serve nobody."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    _raise_descriptor_limit()
    try:
        place = Place(
            socket=options.socket,
            store=options.store.absolute(),
            home=options.home.absolute(),
            index_url=options.index_url,
            registry=options.registry,
            node=find_node(options.node),
            caps=Caps(tenant=options.tenant_workers, host=options.host_workers),
        )
        asyncio.run(_serve(place, options.launcher))
    except (LaunchError, AlreadyRunning, NoNode) as error:
        _log.critical("The runner does not start. %s", error)
        return CANNOT_START
    return 0


async def _serve(place: Place, name: str) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with _only_one(place.socket):
        runtime_dir = await asyncio.to_thread(assemble, place.home)
        launcher, selftest = await choose(name, runtime_dir=runtime_dir)
        try:
            async with running(place, launcher, selftest, runtime_dir):
                await stop.wait()
            _log.info("The runner stops")
        finally:
            await launcher.aclose()


@contextlib.asynccontextmanager
async def running(place: Place, launcher: Launcher, selftest: SelfTest, runtime_dir: Path) -> AsyncIterator[None]:
    """Serve gateways at `place.socket` until the block ends; then every worker is gone."""
    async with contextlib.AsyncExitStack() as stack:
        egress = EgressProxy(place.home / "run" / "egress")
        await egress.start()
        stack.push_async_callback(egress.aclose)
        Store(place.store).prepare()
        pool = Pool(Ground(launcher, runtime_dir, Store(place.store), egress, place.node), place.caps)
        stack.push_async_callback(pool.aclose)
        tending = asyncio.create_task(pool.tend())
        stack.callback(tending.cancel)
        builder = _Builder(launcher, egress, place, runtime_dir)
        reporter = Reporter(selftest, pool, runtime_dir.name)
        desks: set[Desk] = set()

        def welcome(client: socket.socket) -> None:
            desks.add(Desk(client, pool, builder.build, reporter.report, desks.discard))

        def hang_up() -> None:
            for desk in desks:
                desk.close()

        listener = _listen(place.socket)
        stack.callback(place.socket.unlink, missing_ok=True)
        stack.callback(hang_up)
        asyncio.get_running_loop().add_reader(listener, _accept, listener, welcome)
        stack.callback(listener.close)
        stack.callback(asyncio.get_running_loop().remove_reader, listener)
        _log.info("The runner serves at %s", place.socket)
        yield


class _Builder:
    """Builds, a few at a time."""

    def __init__(self, launcher: Launcher, egress: EgressProxy, place: Place, runtime_dir: Path) -> None:
        self._launcher = launcher
        self._egress = egress
        self._store = place.store
        self._settings = BuildSettings(
            runtime_dir=runtime_dir,
            uv=Path(find_uv_bin()),
            index_url=place.index_url,
            registry=place.registry,
            node=place.node,
        )
        self._turns = asyncio.Semaphore(BUILDS_AT_ONCE)

    async def build(self, request: BuildRequest, on_line: LineSink) -> BuildResult:
        async with self._turns:
            return await build.run(request, self._launcher, self._egress, self._store, on_line, settings=self._settings)


@contextlib.contextmanager
def _only_one(path: Path) -> Iterator[None]:
    """Hold the lock beside the socket, so that no two runners share it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.with_name(path.name + ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(f"Another runner serves at {path}; stop it first.") from None
        yield


def _listen(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    listener.listen(64)
    listener.setblocking(False)
    return listener


def _accept(listener: socket.socket, welcome: Callable[[socket.socket], None]) -> None:
    try:
        client, _ = listener.accept()
    except OSError:
        return
    try:
        control.check_peer(client)
    except (PermissionError, OSError) as error:
        _log.warning("A client was turned away: %s", error)
        client.close()
        return
    welcome(client)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mcp_runtime.sandbox.runner", description="Makes the sandboxes of this host."
    )
    parser.add_argument("--socket", type=Path, required=True, help="where gateways connect")
    parser.add_argument("--store", type=Path, required=True, help="the store of code and dependencies")
    parser.add_argument("--home", type=Path, required=True, help="a folder of the runner's own")
    parser.add_argument("--launcher", choices=NAMES, default="auto", help="how boxes are made (default: auto)")
    parser.add_argument("--index-url", default=PYPI, help="the package index of builds (default: %(default)s)")
    parser.add_argument("--registry", default=NPM, help="the npm registry of builds (default: %(default)s)")
    parser.add_argument("--node", type=Path, help="a folder with bin/node and npm (default: stoa[node]'s, or PATH's)")
    parser.add_argument("--tenant-workers", type=int, default=Caps().tenant, help="workers of one tenant (%(default)s)")
    parser.add_argument("--host-workers", type=int, default=Caps().host, help="workers at all (%(default)s)")
    return parser


def _raise_descriptor_limit() -> None:
    """A worker costs its host a handful of descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


if __name__ == "__main__":
    sys.exit(main())
