"""Probes for whoever runs the platform. `/healthz`: this process answers. `/readyz`: what it needs answers too.

Neither tells a secret; `/readyz` tells which database role and which sandbox level are in force, because the wrong
ones are a broken wall and must be visible.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import redis.asyncio
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from redis.exceptions import RedisError

from controlplane import probing
from mcp_runtime.ports.sandboxes import SandboxError
from tenants.context import in_thread

PROBE_SECONDS = 3.0


async def alive(request: HttpRequest) -> JsonResponse:
    """To `stoa doctor`, who shows a pass, also what the proxies in front made of its request."""
    answer = {"status": "ok"}
    if probing.is_doctor(request.headers.get(probing.HEADER, "")):
        answer |= {"client": request.META.get("REMOTE_ADDR", ""), "scheme": request.scheme or ""}
    return JsonResponse(answer)


async def ready(request: HttpRequest) -> JsonResponse:
    """200 when everything answers, else 503; each part says for itself."""
    names = ("database", "redis", "sandbox")
    parts = dict(
        zip(
            names,
            await asyncio.gather(_probe(_database), _probe(_redis), _probe(_sandbox)),
            strict=True,
        )
    )
    fine = all(part["ok"] for part in parts.values())
    return JsonResponse(
        {"status": "ok" if fine else "unavailable", **parts},
        status=200 if fine else 503,
    )


async def _probe(part: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            return await part()
    except (OSError, TimeoutError, DatabaseError, RedisError, SandboxError) as error:
        return {"ok": False, "error": type(error).__name__}


async def _database() -> dict[str, Any]:
    def ask() -> dict[str, Any]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_user, rolsuper OR rolbypassrls, current_setting('server_version')"
                " FROM pg_roles WHERE rolname = current_user"
            )
            role, unbound, version = cursor.fetchone()
        return {
            "ok": not unbound,
            "role": role,
            "bypasses_row_security": unbound,
            "version": version,
        }

    return await in_thread(ask)


async def _redis() -> dict[str, Any]:
    client = redis.asyncio.from_url(settings.REDIS_URL, socket_connect_timeout=PROBE_SECONDS)
    try:
        await client.ping()
    finally:
        await client.aclose()
    return {"ok": True}


async def _sandbox() -> dict[str, Any]:
    from mcp_runtime.sandbox.client import RunnerClient

    client = RunnerClient(settings.STOA_RUNNER_SOCKET)
    await client.start()
    try:
        status = await client.status()
    finally:
        await client.aclose()
    return {
        "ok": True,
        **{key: status[key] for key in ("level", "launcher", "guarantees") if key in status},
    }
