"""`stoa up`: everything on one machine, from nothing to a demo that answers, until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import os
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from controlplane import env
from controlplane.local import checks, demo, ports
from controlplane.local.console import Console
from controlplane.local.demo import Demo, SeedAnswerInvalid
from controlplane.local.home import Home, HomeError
from controlplane.local.installation import Installation, UrlsIncomplete
from controlplane.local.lock import AlreadyRunning, Lock, only_one
from controlplane.local.ports import PortTaken
from controlplane.local.postgres import PostgresError
from controlplane.local.processes import Ledger, end_leftovers
from controlplane.local.redis import RedisError
from controlplane.local.secret_file import SecretsUnreadable, load_or_make
from controlplane.local.supervisor import StartFailed, Supervisor
from controlplane.local.warden import watching

READY_SECONDS = 180.0
TELL_SECONDS = 10.0
"""How often to say what the start is waiting for."""
SECOND_THOUGHT_SECONDS = 1.0
"""A second Ctrl-C after this long means: now. (`make` may pass the first one on a second time.)"""

REFUSALS = (
    AlreadyRunning, HomeError, PortTaken, PostgresError, RedisError, SecretsUnreadable, SeedAnswerInvalid,
    StartFailed, UrlsIncomplete,
)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Run until told to stop. Returns the exit status: 0 after a stop, 1 when something is in the way."""
    options = _parser().parse_args(argv)
    home = Home(Path(options.home).expanduser().absolute() if options.home else env.home())
    console = Console(sys.stdout)
    if options.check:
        return checks.run(home, console)
    try:
        home.create()
        with only_one(home.lock) as lock:
            if options.reset and not _reset(home, sure=options.yes):
                return 1
            return asyncio.run(_serve(home, lock, console, port=options.port))
    except REFUSALS as error:
        print(f"stoa up: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stoa up",
        description="Start everything on this machine: PostgreSQL, Redis, the platform, and a demo tenant with a demo "
        "server. Runs until Ctrl-C. For services of your own set DATABASE_URL and DATABASE_OWNER_URL, or REDIS_URL.",
    )
    parser.add_argument("--home", metavar="FOLDER", help="where data is kept (default: $STOA_HOME, else ./.stoa)")
    parser.add_argument(
        "--port", type=int, metavar="PORT", help="the web's port (default: the last one, else a free one)"
    )
    parser.add_argument("--reset", action="store_true", help="first delete all data, secrets and keys in the folder")
    parser.add_argument("--yes", action="store_true", help="do not ask before --reset")
    parser.add_argument("--check", action="store_true", help="only say whether this machine has what is needed")
    return parser


async def _serve(home: Home, lock: Lock, console: Console, *, port: int | None) -> int:
    stopping = asyncio.Event()
    supervisor: Supervisor | None = None
    first_at = 0.0

    def stop() -> None:
        nonlocal first_at
        if not stopping.is_set():
            first_at = time.monotonic()
            stopping.set()
        elif supervisor and time.monotonic() - first_at > SECOND_THOUGHT_SECONDS:
            supervisor.kill()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup
            loop.add_signal_handler(number, stop)

    if ended := end_leftovers(home.run):
        console.say(f"The last run was killed; ended what it had left running: {', '.join(ended)}.")
    ledger = Ledger.new(home.run)
    listener, remark = ports.listen(home.settings, port)
    with listener, watching(ledger.path):
        if remark:
            console.say(remark)
        supervisor = Supervisor(ledger, console)
        starting = asyncio.create_task(_start(home, lock, console, supervisor, listener))
        until_told = asyncio.create_task(stopping.wait())
        try:
            await asyncio.wait((starting, until_told), return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                await starting  # raises what was in the way
                await stopping.wait()
        finally:
            for task in (starting, until_told):
                task.cancel()
            await asyncio.gather(starting, until_told, return_exceptions=True)
            console.say("Stopping.")
            await supervisor.stop_together("beat", "tasks", "worker", "web")
            await supervisor.stop_together("runner")
            await supervisor.stop_together("redis", "postgres")
            await supervisor.stop()
            ledger.close()
            home.tidy()
    return 0


async def _start(home: Home, lock: Lock, console: Console, supervisor: Supervisor, listener: ports.Socket) -> None:
    began = time.monotonic()
    installation = Installation(home, os.environ, load_or_make(home.secrets), listener)
    web = installation.addresses.web
    lock.tell(web)
    console.say(f"Starting Stoa. Data is kept in {home.root}.")
    await asyncio.to_thread(installation.prepare)
    for service in installation.services():
        await supervisor.start(service)
    await supervisor.start(installation.runner())
    await supervisor.run_once(installation.migrate())
    await supervisor.start(installation.web())
    await supervisor.start(installation.worker())
    await supervisor.start(installation.tasks())
    await supervisor.start(installation.beat())
    await _until_ready(web, console, supervisor)

    known = demo.load(home.demo)
    current = known.moved_to(web) if known else await _seed(supervisor, installation)
    if current != known:
        demo.save(home.demo, current)
    owner = None
    if (await asyncio.to_thread(_ask, web, "/welcome/"))[0] == 200:
        owner = (await supervisor.output_of(installation.createowner())).decode().strip().splitlines()[-1]
    _greet(console, home, current, owner=owner, first=known is None, seconds=time.monotonic() - began)


async def _seed(supervisor: Supervisor, installation: Installation) -> Demo:
    return demo.parse(await supervisor.output_of(installation.seed()), web=installation.addresses.web)


async def _until_ready(web: str, console: Console, supervisor: Supervisor) -> None:
    """Poll /readyz: it answers 200 when the database, Redis and the runner answer it."""
    began = told = time.monotonic()
    while True:
        status, body = await asyncio.to_thread(_ask, web, "/readyz")
        now = time.monotonic()
        if status == 200:
            return
        supervisor.check()
        if now - began > READY_SECONDS:
            raise StartFailed(f"Not ready after {READY_SECONDS:.0f} s. /readyz says {status}: {body[:500]}")
        if now - told > TELL_SECONDS:
            told = now
            console.say(f"Not ready after {now - began:.0f} s. /readyz says {status}: {body[:500]}")
        await asyncio.sleep(0.1)


def _ask(web: str, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(urlsplit(web).netloc, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read(4096).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        return 0, type(error).__name__
    finally:
        connection.close()


def _greet(console: Console, home: Home, current: Demo, *, owner: str | None, first: bool, seconds: float) -> None:
    invitation = (
        ["Nobody can sign in yet. Make the first account, within a day:", "", f"  {owner}", ""] if owner else []
    )
    key = f"{current.api_key}   (shown once; also in {home.demo})" if first else f"in {home.demo}"
    console.say(
        "",
        f"Stoa is up, after {seconds:.1f} s.",
        "",
        f"  Dashboard   {current.dashboard_url}",
        f"  Endpoint    {current.endpoint_url}",
        f"  API key     {key}",
        "",
        *invitation,
        "Call a tool of the demo server from another terminal:",
        "",
        f"  {_example(home)}",
        "",
        "Ctrl-C stops everything and keeps the data.",
        "",
    )


def _example(home: Home) -> str:
    """A command that works when copied: with the folder named unless the command finds it by itself."""
    command = Path(sys.executable).with_name("stoa")
    with contextlib.suppress(ValueError):
        command = command.relative_to(Path.cwd())
    setting = f"STOA_HOME={shlex.quote(str(home.root))} " if home.root != Path.cwd() / ".stoa" else ""
    return f"{setting}{shlex.quote(str(command))} call demo add -a a=1 -a b=2"


def _reset(home: Home, *, sure: bool) -> bool:
    """Delete what the installation keeps, but not the lock that we hold. False when the user would rather not."""
    if not sure:
        if not sys.stdin.isatty():
            print(f"stoa up: --reset deletes everything in {home.root}. Add --yes to do it.", file=sys.stderr)
            return False
        if input(f"Delete all data, secrets and keys in {home.root}? [y/N] ").strip().lower() not in ("y", "yes"):
            return False
    end_leftovers(home.run)
    for path in home.everything():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    home.create()
    return True
