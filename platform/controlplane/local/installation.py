"""What `stoa up` runs: each process with its command and exactly the environment that it needs."""

from __future__ import annotations

import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from controlplane.local import postgres, redis
from controlplane.local.home import Home
from controlplane.local.postgres import Postgres, PostgresUrls
from controlplane.local.redis import Redis
from controlplane.local.supervisor import Program

RUNNER_OPTIONS = {
    "STOA_SANDBOX_LAUNCHER": "--launcher",
    "STOA_BUILD_INDEX_URL": "--index-url",
    "STOA_NPM_REGISTRY": "--registry",
    "STOA_NODE": "--node",
}
"""What the runner is told by arguments, for it sees no variable of the platform."""

MACHINE = (
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "VIRTUAL_ENV",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
)  # fmt: skip
"""Facts about the machine that any process may know."""

OWNER_URL = "DATABASE_OWNER_URL"
URLS = ("DATABASE_URL", OWNER_URL, "REDIS_URL")


class UrlsIncomplete(Exception):
    """The caller brings a PostgreSQL of their own and has named only one of its roles."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where everything answers."""

    postgres: PostgresUrls
    redis: str
    web: str


class Installation:
    """The processes of one STOA_HOME. Services that the caller names by URL are not started."""

    def __init__(
        self, home: Home, environ: Mapping[str, str], secrets: Mapping[str, str], listener: socket.socket
    ) -> None:
        self.home = home
        self._environ = environ
        self._secrets = secrets
        self._listener = listener
        foreign_postgres, foreign_redis = _foreign_postgres(environ), _value(environ, "REDIS_URL")
        self._postgres = None if foreign_postgres else Postgres(home)
        self._redis = None if foreign_redis else Redis(home)
        self.addresses = Addresses(
            foreign_postgres or Postgres(home).urls(),
            foreign_redis or Redis(home).url,
            f"http://127.0.0.1:{listener.getsockname()[1]}",
        )

    def prepare(self) -> None:
        """Make what the services need on disk. Takes a second the first time."""
        for service in (self._postgres, self._redis):
            if service:
                service.prepare()

    def services(self) -> list[Program]:
        programs = []
        if self._postgres:
            programs.append(
                Program(
                    "postgres",
                    self._postgres.command,
                    self._postgres.environment,
                    self.home.root,
                    stop_signal=postgres.STOP_SIGNAL,
                    ready=self._postgres.ready,
                    hush=postgres.SMALL_TALK,
                )
            )
        if self._redis:
            programs.append(
                Program(
                    "redis",
                    self._redis.command,
                    self._redis.environment,
                    self.home.root,
                    stop_signal=redis.STOP_SIGNAL,
                    ready=self._redis.ready,
                    hush=redis.SMALL_TALK,
                )
            )
        return programs

    def runner(self) -> Program:
        """It starts tenants' code, so it sees no address and no secret of the platform, only arguments."""
        options = [f"--socket={self.home.runner_socket}", f"--store={self.home.store}", f"--home={self.home.root}"]
        for name, option in RUNNER_OPTIONS.items():
            if value := self._environ.get(name):
                options.append(f"{option}={value}")
        environment = {**_only(self._environ, MACHINE), "STOA_ENV": self._stoa_env, "PYTHONUNBUFFERED": "1"}
        return self._python("runner", "mcp_runtime.sandbox.runner", *options, environment=environment)

    def migrate(self) -> Program:
        environment = {**self.environment, OWNER_URL: self.addresses.postgres.owner, "STOA_DB_ROLE": "owner"}
        return self._python("migrate", "django", "migrate", "--no-input", "--verbosity=0", environment=environment)

    def web(self) -> Program:
        """Takes a socket that already listens: a restart of web loses no connection, and nobody else gets the port."""
        environment = {"STOA_DATABASE_POOL": "10", "STOA_DRAIN_SECONDS": "2", **self.environment}
        fd = self._listener.fileno()
        program = self._python("web", "controlplane.cli.serving", f"--fd={fd}", environment=environment)
        # The poll of `up` itself would fill the screen until the runner is there.
        return replace(program, patience=5.0, pass_fds=(fd,), hush=("Service Unavailable: /readyz",))

    def worker(self) -> Program:
        return self._celery("worker", "--concurrency=2", "--without-gossip", "--without-mingle", "--loglevel=INFO")

    def tasks(self) -> Program:
        """Runs tenants' tasks in an event loop of its own; the threads only take in messages."""
        options = ("--queues=stoa.tasks", "--pool=threads", "--concurrency=2", "--hostname=tasks@%h")
        program = self._celery("worker", *options, "--without-gossip", "--without-mingle", "--loglevel=INFO")
        return replace(program, name="tasks", environment={"STOA_DATABASE_POOL": "5", **program.environment})

    def beat(self) -> Program:
        return self._celery("beat", f"--schedule={self.home.run / 'beat'}", "--pidfile=", "--loglevel=INFO")

    def seed(self) -> Program:
        return self._python("demo", "django", "seed_demo", "--renew-key", environment=self.environment)

    def createowner(self) -> Program:
        return self._python("owner", "django", "createowner", environment=self.environment)

    @property
    def environment(self) -> dict[str, str]:
        """Of the processes that are the platform. None but `migrate` knows the owner's URL."""
        settled = {"STOA_DB_ROLE", *(name for url in URLS for name in (url, f"{url}_FILE"))}
        return {
            **{name: value for name, value in self._environ.items() if name not in settled},
            "STOA_ENV": self._stoa_env,
            "STOA_HOME": str(self.home.root),
            "STOA_STORE": str(self.home.store),
            "STOA_RUNNER_SOCKET": str(self.home.runner_socket),
            "STOA_PUBLIC_URL": self._environ.get("STOA_PUBLIC_URL", self.addresses.web),
            "DATABASE_URL": self.addresses.postgres.app,
            "REDIS_URL": self.addresses.redis,
            "DJANGO_SETTINGS_MODULE": "controlplane.settings",
            "PYTHONUNBUFFERED": "1",
            **{name: value for name, value in self._secrets.items() if not _is_given(self._environ, name)},
        }

    @property
    def _stoa_env(self) -> str:
        return self._environ.get("STOA_ENV", "development")

    def _celery(self, kind: str, *options: str) -> Program:
        """Without its banner, and without its warning about root: that was the caller's decision."""
        python = [sys.executable, "-W", "ignore:You're running the worker with superuser privileges"]
        command = [*python, "-m", "celery", "--quiet", "--app=controlplane.celery", kind, *options]
        return Program(kind, command, self.environment, self.home.root)

    def _python(self, name: str, module: str, *arguments: str, environment: Mapping[str, str]) -> Program:
        return Program(name, [sys.executable, "-m", module, *arguments], environment, self.home.root)


def _only(environ: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    return {name: environ[name] for name in names if name in environ}


def _foreign_postgres(environ: Mapping[str, str]) -> PostgresUrls | None:
    app, owner = _value(environ, "DATABASE_URL"), _value(environ, OWNER_URL)
    if app and not owner:
        raise UrlsIncomplete(
            f"DATABASE_URL is set, {OWNER_URL} is not. Migrations run as the role that owns the tables: give its URL, "
            "postgresql://stoa_owner@host/stoa. Or unset DATABASE_URL to use the embedded PostgreSQL."
        )
    return PostgresUrls(app, owner) if app else None


def _value(environ: Mapping[str, str], name: str) -> str:
    """The variable, or the content of the file that NAME_FILE names; as controlplane.env reads secrets."""
    if file := environ.get(f"{name}_FILE"):
        return Path(file).read_text(encoding="utf-8").strip()
    return environ.get(name, "")


def _is_given(environ: Mapping[str, str], name: str) -> bool:
    return bool(environ.get(name) or environ.get(f"{name}_FILE"))
