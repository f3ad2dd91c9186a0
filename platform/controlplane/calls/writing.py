"""From the gateway's records to rows: in batches, by a thread of its own, so that no call waits for the database."""

from __future__ import annotations

import logging
import threading
import zlib
from collections import defaultdict

import msgspec
from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection, connections

from controlplane.calls.models import Call
from tenants.context import acting_for

EVERY_SECONDS = 1.0
MAX_WAITING_BYTES = 8 * 1024 * 1024
"""Of records, while the database is slow or away: about 30,000 requests. What comes then is in the log only."""

log = logging.getLogger(__name__)

_INSERT = f"""
INSERT INTO {Call._meta.db_table}
    (tenant_id, request_id, at, endpoint, subject, protocol, method, name, credential, status, outcome,
    ms)
SELECT %s, request_id, to_timestamp(at), left(endpoint, 50), left(subject, 255), left(coalesce(protocol, ''), 10),
    left(coalesce(method, ''), 64), left(coalesce(name, ''), 2048), left(coalesce(credential, ''), 40),
    coalesce(status, 0), left(coalesce(outcome, 'ok'), 64), coalesce(ms, 0)
FROM jsonb_to_recordset(%s::jsonb) AS record(
    request_id text, at float8, endpoint text, subject text, protocol text, method text, name text, credential text,
    status int, outcome text, ms float8)
"""  # noqa: S608 - the table's name is ours


class _Owner(msgspec.Struct):
    tenant_id: str = ""
    outcome: str = "ok"
    request_id: str = ""


class CallWriter:
    """An outlet of `gateway.records` that keeps what belongs to a tenant. `put` returns at once."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []
        self._size = 0
        self._lost = 0
        self._changed = threading.Condition()
        self._stopping = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._stopping = False
        self._thread = threading.Thread(target=self._write_forever, name="calls: write", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Write what waits, then end."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def put(self, lines: bytes) -> None:
        """Take a batch of records, one JSON object a line."""
        with self._changed:
            if self._size + len(lines) > MAX_WAITING_BYTES:
                self._lost += lines.count(b"\n")
                return
            self._waiting.append(lines)
            self._size += len(lines)

    def _write_forever(self) -> None:
        try:
            stopping = False
            while not stopping:
                with self._changed:
                    stopping = self._stopping or self._changed.wait_for(lambda: self._stopping, EVERY_SECONDS)
                self._write()
        finally:
            connections.close_all()

    def _write(self) -> None:
        with self._changed:
            batches, self._waiting, self._size = self._waiting, [], 0
            lost, self._lost = self._lost, 0
        if lost:
            log.warning("%d calls are in the log only: the database takes them too slowly.", lost)
        if not batches:
            return
        close_old_connections()
        for tenant_id, lines in _by_tenant(b"".join(batches)).items():
            try:
                _insert(tenant_id, lines)
            except DatabaseError:
                # Kept in the log; a second try could write those twice whose answer was lost.
                log.exception("%d calls could not be written to the database.", len(lines))


def _by_tenant(lines: bytes) -> dict[str, list[bytes]]:
    """Those of callers who were let in; of others nobody is told but the log. Of those that went well a sample."""
    found: dict[str, list[bytes]] = defaultdict(list)
    owner = msgspec.json.Decoder(_Owner)
    for line in lines.splitlines():
        record = owner.decode(line)
        if record.tenant_id and (record.outcome != "ok" or _is_sampled(record.request_id)):
            found[record.tenant_id].append(line)
    return found


def _is_sampled(request_id: str) -> bool:
    """The same answer for the same request wherever it is asked: by its identifier, which is random."""
    percent: int = settings.STOA_CALLS_SAMPLE_PERCENT
    return percent >= 100 or zlib.crc32(request_id.encode()) % 100 < percent


def _insert(tenant_id: str, lines: list[bytes]) -> None:
    # PostgreSQL's text has no NUL, whatever a server may call its tools.
    document = b"[%s]" % b",".join(lines).replace(b"\\u0000", b"\\ufffd")
    with acting_for(tenant_id), connection.cursor() as cursor:
        cursor.execute(_INSERT, [tenant_id, document.decode()])
