"""Stand-ins for the hosts that the document names: real HTTPS servers on this machine, reached by the real names.

A name that was given a stand-in resolves to an address of its own, and connecting to that address reaches the stand-in.
Its certificate is signed by an authority that lives as long as the test and that programs are told to trust in the
usual way, by `SSL_CERT_FILE`. No other name resolves: a test that would leave this machine fails.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from mcp_runtime.transports.asgi import ASGIApp, Receive, Scope, Send

_NETWORK = "8.8.7."
"""Addresses that look like the public internet's, so that nothing treats them as this machine's."""


class Hosts:
    """The names that answer during one test."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._patch = patch
        self._addresses: dict[str, str] = {}
        self._ports: dict[str, int] = {}
        self._local: dict[int, int] = {}
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._patched = False

    @contextlib.asynccontextmanager
    async def serving(self, name: str, app: ASGIApp) -> AsyncIterator[None]:
        """Let `https://<name>/` be answered by `app` until the block ends."""
        self._patch_sockets()
        address = self._addresses.setdefault(name, f"{_NETWORK}{len(self._addresses) + 1}")
        certificate = self._certificate(name)
        config = uvicorn.Config(
            app, host="127.0.0.1", port=0, log_level="error", lifespan="auto", ssl_certfile=str(certificate),
            ssl_keyfile=str(self._folder / "key.pem"), timeout_graceful_shutdown=1,
        )  # fmt: skip
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve())
        try:
            while not server.started:
                await asyncio.sleep(0)
                if task.done():
                    await task
            self._ports[address] = server.servers[0].sockets[0].getsockname()[1]
            yield
        finally:
            server.should_exit = True
            await task

    @contextlib.asynccontextmanager
    async def standing_in(self, port: int, path: str) -> AsyncIterator[None]:
        """Let connections to `port` of this machine reach what listens on the socket `path`."""
        self._patch_sockets()
        relays: set[asyncio.Task[None]] = set()

        async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.closing(writer), contextlib.suppress(OSError):
                while data := await reader.read(65536):
                    writer.write(data)
                    await writer.drain()

        async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there, back = await asyncio.open_unix_connection(path)
            for work in (pump(reader, back), pump(there, writer)):
                relays.add(asyncio.ensure_future(work))

        async with await asyncio.start_server(relay, "127.0.0.1", 0) as server:
            self._local[port] = server.sockets[0].getsockname()[1]
            yield
        await asyncio.gather(*relays)

    def trusting(self) -> ssl.SSLContext:
        """A context that trusts the stand-ins, for what does not ask SSL_CERT_FILE."""
        return ssl.create_default_context(cafile=str(self._folder / "authority.pem"))

    def _patch_sockets(self) -> None:
        if self._patched:
            return
        self._patched = True
        self._write_authority()
        self._patch.setenv("SSL_CERT_FILE", str(self._folder / "authority.pem"))
        look_up, connect, connect_ex = socket.getaddrinfo, socket.socket.connect, socket.socket.connect_ex

        def getaddrinfo(host: Any, port: Any, *rest: Any, **options: Any) -> Any:
            name = host.decode() if isinstance(host, bytes) else host
            if name in (None, "", "localhost") or _is_address(name):
                return look_up(host, port, *rest, **options)
            if name not in self._addresses:
                raise socket.gaierror(socket.EAI_NONAME, f"{name} has no stand-in in this test")
            return look_up(self._addresses[name], port, *rest, **options)

        def target(address: Any) -> Any:
            if not isinstance(address, tuple):
                return address
            here = address[0] in ("127.0.0.1", "::1")
            port = self._local.get(address[1]) if here else self._ports.get(address[0])
            return address if port is None else ("127.0.0.1", port)

        self._patch.setattr(socket, "getaddrinfo", getaddrinfo)
        self._patch.setattr(socket.socket, "connect", lambda self, address: connect(self, target(address)))
        self._patch.setattr(socket.socket, "connect_ex", lambda self, address: connect_ex(self, target(address)))

    def _write_authority(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._authority = self._sign(x509.Name([_common_name("stand-in authority")]), None)
        (self._folder / "authority.pem").write_bytes(self._authority.public_bytes(serialization.Encoding.PEM))
        (self._folder / "key.pem").write_bytes(
            self._key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )

    def _certificate(self, name: str) -> Path:
        path = self._folder / f"{name}.pem"
        path.write_bytes(self._sign(x509.Name([_common_name(name)]), name).public_bytes(serialization.Encoding.PEM))
        return path

    def _sign(self, subject: x509.Name, name: str | None) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        issuer = subject if name is None else self._authority.subject
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=name is None, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if name is not None:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        return builder.sign(self._key, hashes.SHA256())


def answering(pages: dict[str, tuple[str, str]]) -> ASGIApp:
    """An application of fixed pages: path to content type and text. Anything else is 404."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        kind, text = pages.get(scope["path"], ("text/plain", ""))
        status = 200 if scope["path"] in pages else 404
        headers = [(b"content-type", kind.encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": text.encode()})

    return app


def _common_name(text: str) -> x509.NameAttribute[str]:
    return x509.NameAttribute(x509.NameOID.COMMON_NAME, text)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
