"""Whose data this code may touch: the tenant of the running block, kept for the manager and told to PostgreSQL.

with acting_for(tenant_id):          # one transaction; row-level security shows this tenant's rows
    Server.objects.get(slug=slug)    # the manager agrees; outside the block it raises NoTenantError
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.db import connection, connections, transaction

from tenants.identifiers import is_id

P = ParamSpec("P")
R = TypeVar("R")

_current: ContextVar[str | None] = ContextVar("tenant", default=None)


class NoTenantError(RuntimeError):
    """A tenant's rows were asked for outside `acting_for`."""

    def __init__(self, what: str = "Tenants' rows") -> None:
        super().__init__(f"{what} can only be reached inside `with acting_for(tenant_id):`.")


class OtherTenantError(RuntimeError):
    """A block for one tenant tried to act for another."""

    def __init__(self, current: str, other: str) -> None:
        super().__init__(f"Already acting for {current}; leave that block before acting for {other}.")


@contextmanager
def acting_for(tenant_id: str) -> Iterator[None]:
    """One transaction that sees and writes this tenant's rows only.

    Blocks of the same tenant nest, as savepoints; one of another tenant raises OtherTenantError. Functions given to
    `transaction.on_commit` run after the block, outside the tenant.
    """
    if not is_id(tenant_id, "ten"):
        raise ValueError("acting_for takes a tenant's identifier, ten_…; lookups.tenant_by_slug finds it.")
    outer = _current.get()
    if outer is not None and outer != tenant_id:
        raise OtherTenantError(outer, tenant_id)

    within_a_transaction = connection.in_atomic_block
    with transaction.atomic():
        _tell_postgres(tenant_id)
        token = _current.set(tenant_id)
        try:
            yield
        finally:
            _current.reset(token)
        # SET LOCAL lasts until the outermost transaction ends, not the savepoint; a rollback undoes it by itself.
        if outer is None and within_a_transaction and not connection.needs_rollback:
            _tell_postgres("")


async def run_acting_for(tenant_id: str, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a synchronous function inside `acting_for`, in a thread, for asynchronous callers."""

    def act() -> R:
        with acting_for(tenant_id):
            return function(*args, **kwargs)

    return await in_thread(act)


async def in_thread(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a function that queries the database in a thread of its own, and give its connection back afterwards.

    Django's own `sync_to_async` default is one thread for everything: a slow query would hold up every caller.
    """

    def run() -> R:
        try:
            return function(*args, **kwargs)
        finally:
            connections.close_all()

    return await sync_to_async(run, thread_sensitive=False)()


def current_tenant_id() -> str | None:
    return _current.get()


def require_tenant_id(what: str = "Tenants' rows") -> str:
    tenant_id = _current.get()
    if tenant_id is None:
        raise NoTenantError(what)
    return tenant_id


def _tell_postgres(tenant_id: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.tenant', %s, true)", [tenant_id])
