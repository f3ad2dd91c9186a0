"""Every environment variable of the platform, once: what it is called, means and may be.

`controlplane.env` reads by this table, docs/reference/configuration.md is written from it (`make docs`), and a variable
that is not in it cannot be read. To add one, add a row, read it in `controlplane.settings`, and run `make docs`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "secret", "choice", "integer", "words", "networks", "path", "url", "key"]

_GENERATE = 'Make one with: python -c "import secrets; print(secrets.token_urlsafe(48))"'
_SMTP = "Give smtp://host:25, smtp+starttls://name:password@host:587 or smtps://name:password@host:465."


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One row. `allowed` are the values of a choice, or the schemes of a URL."""

    name: str
    kind: Kind
    meaning: str
    default: str | None = None
    """As one would write it. None: there is none, or `computed` says where it comes from."""
    computed: str = ""
    """In words, a default that depends on something else."""
    required: bool = False
    """Production does not start without it. Development makes do."""
    is_secret: bool = False
    """Its value is never repeated, and NAME_FILE may name a file that holds it."""
    unit: str = ""
    least: int = 0
    most: int = 0
    allowed: tuple[str, ...] = ()
    remedy: str = ""
    """What to do when it is missing or wrong."""


GROUPS: dict[str, tuple[Variable, ...]] = {
    "Where and how it runs": (
        Variable(
            name="STOA_ENV", kind="choice", allowed=("development", "test", "production"), default="production",
            meaning="Which settings hold. `stoa up` sets `development`; what serves others leaves it alone.",
        ),
        Variable(
            name="STOA_HOME", kind="path", computed="`.stoa` in the checkout or the working folder",
            meaning="The folder with everything this installation keeps outside its database.",
        ),
        Variable(
            name="STOA_STORE", kind="path", computed="`$STOA_HOME/store`",
            meaning="Built revisions. Web, worker and runner share it.",
        ),
        Variable(
            name="STOA_RUNNER_SOCKET", kind="path", computed="`$STOA_HOME/run/runner.sock`",
            meaning="Where the sandbox runner of this host answers.",
        ),
        Variable(
            name="STOA_DRAIN_SECONDS", kind="integer", default="25", unit="seconds", least=0, most=600,
            meaning="How long `stoa web` lets calls finish after SIGTERM. Give whatever stops it 5 seconds more.",
        ),
    ),
    "Secrets": (
        Variable(
            name="STOA_SECRET_KEY", kind="secret", is_secret=True, required=True,
            computed="development makes one for each process",
            meaning="Signs sessions and what clients carry for us. At least 32 characters; all processes share it.",
            remedy=f"It signs sessions. {_GENERATE} (For a first try on your own machine: STOA_ENV=development.)",
        ),
        Variable(
            name="STOA_KEY_ENCRYPTION_KEY", kind="key", is_secret=True, required=True,
            meaning="Wraps every tenant's data key: 32 bytes in base64, or the ARN of a key in AWS KMS "
            "(`aws-kms:arn:…`). Keep a copy apart from the database's backups.",
            remedy="It wraps every tenant's data key; losing it loses their secrets.",
        ),
        Variable(
            name="STOA_KEY_ENCRYPTION_KEY_PREVIOUS", kind="key", is_secret=True, default="",
            meaning="The one before, while a rotation is under way (docs/guides/rotate-keys.md).",
        ),
    ),
    "Database and Redis": (
        Variable(
            name="DATABASE_URL", kind="url", is_secret=True, required=True, allowed=("postgresql", "postgres"),
            meaning="PostgreSQL as the role `stoa_app`, which owns nothing and is held by row-level security.",
            remedy="Give the application role's URL, postgresql://stoa_app@host/stoa.",
        ),
        Variable(
            name="DATABASE_OWNER_URL", kind="url", is_secret=True, allowed=("postgresql", "postgres"),
            meaning="The same database as `stoa_owner`. Only migrations read it: do not give it to processes that "
            "serve.",
            remedy="Migrations run as the role that owns the tables: give its URL, postgresql://stoa_owner@host/stoa.",
        ),
        Variable(
            name="STOA_DB_ROLE", kind="choice", allowed=("app", "owner"), default="app",
            meaning="Which of the two URLs this process uses. `manage.py migrate` sets `owner` by itself.",
        ),
        Variable(
            name="STOA_DATABASE_POOL", kind="integer", default="0", unit="connections", least=0, most=200,
            meaning="Connections that one process keeps at most; 0 opens one when it is needed. Give web processes 10.",
        ),
        Variable(
            name="REDIS_URL", kind="url", is_secret=True, required=True, allowed=("unix", "redis", "rediss"),
            meaning="Broker, cache, channel layer, sessions and announcements.",
            remedy="Give redis://host:6379/0, or unix:///path/to/redis.sock.",
        ),
    ),
    "Addresses": (
        Variable(
            name="STOA_PUBLIC_URL", kind="url", required=True, allowed=("https", "http"),
            computed="development: `http://127.0.0.1:8000`",
            meaning="The address that people and MCP clients use. Issuers and cookies are made from it.",
            remedy="Give the address people use, such as https://mcp.example.com.",
        ),
        Variable(
            name="STOA_ALLOWED_HOSTS", kind="words", computed="the host of `STOA_PUBLIC_URL`",
            meaning="Names that a Host header may have; `.example.com` stands for all below it.",
        ),
        Variable(
            name="STOA_ALLOWED_ORIGINS", kind="words", default="",
            meaning="Origins of web pages that may call endpoints, beside the platform's own.",
            remedy="Write https://console.example.com.",
        ),
        Variable(
            name="STOA_FETCH_NETWORKS", kind="networks", default="",
            meaning="Networks that may be reached though they are not public: clients and remote servers on an "
            "intranet.",
        ),
        Variable(
            name="STOA_TRUSTED_PROXIES", kind="networks", default="127.0.0.1",
            meaning="Proxies whose X-Forwarded-For and X-Forwarded-Proto `stoa web` believes. API keys bound to "
            "networks, throttling and the audit record rest on it.",
        ),
    ),
    "People and mail": (
        Variable(
            name="STOA_SMTP_URL", kind="url", is_secret=True, default="", allowed=("smtp", "smtps", "smtp+starttls"),
            meaning="Where mails go out. Without, invitations are links that one passes on.",
            remedy=_SMTP,
        ),
        Variable(
            name="STOA_MAIL_FROM", kind="text", computed="`stoa@` and the host of `STOA_SMTP_URL`",
            meaning="The sender of mails.",
        ),
        Variable(
            name="STOA_SIGN_UP", kind="choice", allowed=("invitation", "open"), default="invitation",
            meaning="Who may make an account: whoever was invited, or anyone who reads mail at their address.",
            remedy=f"Set STOA_SMTP_URL. {_SMTP}",
        ),
    ),
    "Servers": (
        Variable(
            name="STOA_SANDBOX_LAUNCHER", kind="choice", default="auto",
            allowed=("auto", "zygote", "bubblewrap", "landlock", "container", "process"),
            meaning="How tenants' code is shut in. `auto` takes the strongest that this host allows.",
        ),
        Variable(
            name="STOA_MAX_UPLOAD_MB", kind="integer", default="50", unit="MB", least=1, most=50,
            meaning="The largest source that can be deployed.",
        ),
        Variable(
            name="STOA_BUILD_INDEX_URL", kind="url", allowed=("https", "http"), default="https://pypi.org/simple",
            meaning="The package index that builds install from.",
        ),
        Variable(
            name="STOA_NODE", kind="path", computed="that of `stoa[node]`, else the one on PATH",
            meaning="The folder of a Node (`bin/node`, `lib/node_modules/npm`), for commands in JavaScript.",
        ),
        Variable(
            name="STOA_NPM_REGISTRY", kind="url", allowed=("https",), default="https://registry.npmjs.org",
            meaning="The npm registry that builds install from.",
        ),
    ),
    "Limits and retention": (
        Variable(
            name="STOA_API_REQUESTS_A_MINUTE", kind="integer", default="1200", unit="requests", least=10,
            most=1_000_000, meaning="What one principal may ask of the management API in a minute.",
        ),
        Variable(
            name="STOA_CALLS_KEEP_DAYS", kind="integer", default="14", unit="days", least=1, most=3650,
            meaning="How long call records are kept.",
        ),
        Variable(
            name="STOA_CALLS_SAMPLE_PERCENT", kind="integer", default="100", unit="percent", least=0, most=100,
            meaning="How many of the calls that went well are kept in the database. What failed is always kept.",
        ),
        Variable(
            name="STOA_AUDIT_DAYS", kind="integer", default="730", unit="days", least=30, most=36_500,
            meaning="How long the audit record is kept.",
        ),
    ),
    "Watching it": (
        Variable(
            name="OTEL_EXPORTER_OTLP_ENDPOINT", kind="url", default="", allowed=("https", "http"),
            meaning="The OpenTelemetry collector that traces go to, over OTLP and HTTP; needs `stoa[tracing]`. What it "
            "wants in headers stands in OTEL_EXPORTER_OTLP_HEADERS, as its documentation has it.",
            remedy="Give its base address, such as http://127.0.0.1:4318.",
        ),
        Variable(
            name="STOA_TRACES_SAMPLE_PERCENT", kind="integer", default="10", unit="percent", least=0, most=100,
            meaning="How many of the traces that begin here are sampled. Of a client's own trace the client decides; "
            "what failed is always sent.",
        ),
        Variable(
            name="STOA_LOG_LEVEL", kind="choice", allowed=("DEBUG", "INFO", "WARNING", "ERROR"), default="INFO",
            meaning="The least important log line that is written.",
        ),
        Variable(
            name="STOA_LOG_FORMAT", kind="choice", allowed=("text", "json"),
            computed="`json` in production, else `text`", meaning="One line an event, for people or for programs.",
        ),
        Variable(
            name="STOA_METRICS_NETWORKS", kind="networks", default="127.0.0.0/8,::1/128",
            meaning="Who may read `/metrics` without a token, by the address that they come from; where proxies stand "
            "in front, that is what `STOA_TRUSTED_PROXIES` say. `none`: only the token opens it.",
        ),
        Variable(
            name="STOA_METRICS_TOKEN", kind="secret", is_secret=True, default="",
            meaning="Whoever sends it as `Authorization: Bearer …` may read `/metrics` from anywhere. At least 16 "
            "characters.",
            remedy=_GENERATE,
        ),
    ),
    "The command line": (
        Variable(
            name="STOA_URL", kind="url", allowed=("https", "http"), computed="the demo's, where `stoa up` runs",
            meaning="The platform that `stoa deploy`, `stoa call` and their like talk to.",
        ),
        Variable(
            name="STOA_TENANT", kind="text", computed="the demo's, where `stoa up` runs",
            meaning="The tenant they mean.",
        ),
        Variable(
            name="STOA_API_KEY", kind="secret", is_secret=True, computed="the login of `stoa login`",
            meaning="The key they show.",
        ),
    ),
}  # fmt: skip

VARIABLES: dict[str, Variable] = {variable.name: variable for group in GROUPS.values() for variable in group}
