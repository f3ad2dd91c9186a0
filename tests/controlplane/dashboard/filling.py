"""A tenant in which every text that somebody else could have written is an attack, with as many rows as one likes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.utils import timezone

from controlplane.accounts.models import PlatformEvent, Session, User
from controlplane.accounts.services import add_member, create_user
from controlplane.audit.services import record
from controlplane.calls.models import Call
from controlplane.composition.models import Endpoint
from controlplane.connections.models import Upstream
from controlplane.issuer import clients, logins
from controlplane.issuer.models import Client
from controlplane.keys.models import ApiKey
from controlplane.keys.services import create_key, create_personal_key
from controlplane.providers.models import Attempt, Provider
from controlplane.registry import services
from controlplane.registry.activation import activate
from controlplane.registry.models import BuildLogLine, Revision
from controlplane.tasks.models import Task
from controlplane.vault.services import set_secret
from tenants.context import acting_for
from tenants.identifiers import new_id
from tests.support.cast import Cast

ATTACK: Final = "'\"></title></textarea><img src=x onerror=alert(1)><script>alert(2)</script><!--"
"""Breaks out of text, attributes in either quote, titles, text areas and comments, where it is not escaped."""
LINK: Final = "javascript:alert(3)//" + ATTACK


def fill(cast: Cast, rows: int, *, begin: int = 0) -> None:
    """Rows number `begin` to `rows` of everything that acme's pages list."""
    with acting_for(cast.acme.id):
        servers = [_server(f"s{number:02}") for number in range(begin, rows)]
        for server in servers:
            _upstream(server.server.id)
        first = Endpoint.objects.get(slug="s00")
        for number in range(begin, rows):
            _people(cast, number)
            _keys(cast, first, number)
            _record(cast, number)
            _task(first)
            _provider(f"p{number:02}")
            _more_of_the_first(cast, number)
        PlatformEvent.objects.create(action="tenant.made", target=ATTACK, detail={"name": ATTACK})


def manifest() -> dict[str, Any]:
    schema = {
        "type": "object",
        "title": ATTACK,
        "description": ATTACK,
        "required": [ATTACK],
        "properties": {ATTACK: {"type": "string", "description": ATTACK, "default": ATTACK, "enum": [ATTACK]}},
    }
    shown = {"title": ATTACK, "description": ATTACK, "icons": [{"src": LINK, "mimeType": ATTACK}]}
    return {
        "name": ATTACK,
        "version": ATTACK,
        "instructions": ATTACK,
        "tools": [{"name": ATTACK, "inputSchema": schema, **shown}, {"name": "plain", "inputSchema": schema, **shown}],
        "resources": [{"uri": LINK, "name": ATTACK, "mimeType": ATTACK, **shown}],
        "resource_templates": [{"uriTemplate": LINK + "{x}", "name": ATTACK, "mimeType": ATTACK, **shown}],
        "prompts": [{"name": ATTACK, "arguments": [{"name": ATTACK, "description": ATTACK}], **shown}],
    }


def _server(slug: str) -> Revision:
    """Active, with a log. Of the first, further revisions are added by `_more_of_the_first`."""
    revision = services.submit_revision(slug, bundle="a" * 64, file_name="server.py", acting=None)
    Revision.objects.filter(pk=revision.pk).update(
        status="superseded", code="c" * 64, entrypoint=ATTACK, manifest=manifest()
    )
    revision.refresh_from_db()
    activate(revision, acting=None)
    revision.refresh_from_db()
    return revision


def _more_of_the_first(cast: Cast, number: int) -> None:
    server = services.find_server("s00")
    revision = server.current_revision
    assert revision is not None
    BuildLogLine.objects.create(revision=revision, seq=number + 1, text=ATTACK)
    error = {"code": ATTACK, "message": ATTACK, "hint": ATTACK, "detail": ATTACK, "line": 1}
    failed = services.submit_revision("s00", bundle="b" * 64, file_name=ATTACK, acting=None)
    Revision.objects.filter(pk=failed.pk).update(status="failed", error=error)
    services.set_hosts(server, ["api.example.com"], acting=None)
    set_secret(server.id, f"TOKEN_{number}", "hidden", acting=None)


def _upstream(server_id: str) -> None:
    upstream = Upstream(server_id=server_id, shared=False, url=LINK, issuer=LINK, resource=LINK, scope=ATTACK)
    upstream.tenant_id = services.servers().get(pk=server_id).tenant_id
    upstream.seal(b"{}")
    upstream.save()


def _people(cast: Cast, number: int) -> None:
    user = create_user(f"person{number}@acme.example", name=ATTACK)
    add_member(user, "viewer", acting=None)
    User.objects.filter(pk=cast.ada.pk).update(name=ATTACK)
    Session.objects.filter(user=cast.ada).update(id=new_id("ses"), program=ATTACK, address=ATTACK[:64])


def _keys(cast: Cast, endpoint: Endpoint, number: int) -> None:
    made = [
        create_key("nightly", scopes=["mcp:call"], audience=endpoint.id, acting=None).key,
        create_personal_key("mine", scopes=["mcp:call"], acting=cast.principal(cast.ada, cast.acme)).key,
    ]
    ApiKey.objects.filter(pk__in=[key.pk for key in made]).update(name=ATTACK, only=[ATTACK], networks=[ATTACK])
    program, _ = clients.make("program", endpoint.id, acting=None)
    client = Client.objects.create(
        client_id=f"https://client{number}.example/", kind="document", metadata={"client_name": ATTACK}
    )
    Client.objects.filter(pk=program.pk).update(metadata={**program.metadata, "client_name": ATTACK})
    logins.open_login(client, cast.ada, endpoint_id=endpoint.id, resource=LINK, scopes=["mcp:call"])


def _record(cast: Cast, number: int) -> None:
    Call.objects.create(at=timezone.now(), endpoint="s00", subject=ATTACK, method=ATTACK[:64], status=200, ms=1.0)
    Call.objects.create(
        request_id=ATTACK[:40], at=timezone.now(), endpoint=ATTACK[:50], subject=ATTACK, protocol="2025-11-25"[:10],
        method=ATTACK[:64], name=ATTACK, credential=ATTACK[:40], status=200, outcome=ATTACK[:64], ms=1.0 + number,
    )  # fmt: skip
    record("secret.set", tenant_id=cast.acme.id, acting=None, target=ATTACK, before={ATTACK: 1}, after={"a": ATTACK})


def _task(endpoint: Endpoint) -> None:
    task = Task(
        id=new_id("tsk"), owner="o", subject=ATTACK, endpoint_id=endpoint.id, endpoint=ATTACK[:50], version=1,
        method="tools/call", name=ATTACK, request_id=ATTACK[:64], status_message=ATTACK, progress=1, total=2,
        poll_ms=1000, ttl_ms=1000, expires_at=timezone.now() + timedelta(days=1), tenant_id=endpoint.tenant_id,
    )  # fmt: skip
    task.seal(b"{}")
    task.save()


def _provider(slug: str) -> None:
    provider = Provider(
        slug=slug, kind="openid", name=ATTACK, issuer=LINK, client_id=ATTACK, settings={"issuer": LINK},
        rules=[{"role": "viewer", "match": "domain", "value": ATTACK}],
        tenant_id=Endpoint.objects.get(slug="s00").tenant_id,
    )  # fmt: skip
    provider.seal(b"")
    provider.save()
    steps = [{"step": ATTACK, "ok": False, "detail": ATTACK}]
    Attempt.objects.create(provider=Provider.objects.get(slug="p00"), steps=steps, claims={ATTACK: ATTACK})
