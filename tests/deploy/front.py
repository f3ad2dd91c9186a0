"""Two web processes behind nginx with the configuration of `deploy/`, on ports of their own."""

from __future__ import annotations

import contextlib
import datetime
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

import httpx2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support import wait_until

DEPLOY = Path(__file__).parents[2] / "deploy"
START_SECONDS = 120.0
DRAIN_SECONDS = "10"


@dataclass
class Front:
    """nginx, and what stands behind it."""

    port: int
    backends: list[int]
    folder: Path
    processes: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.folder / "certificate.pem"))

    def client(self, address: str = "127.0.0.1") -> httpx2.Client:
        """One that comes from an address of its own on this machine."""
        transport = httpx2.HTTPTransport(verify=self.tls, local_address=address)
        return httpx2.Client(base_url=self.url, transport=transport, timeout=60)

    def launch(self, port: int) -> None:
        environment = {
            **os.environ,
            "STOA_PUBLIC_URL": self.url,
            "STOA_TRUSTED_PROXIES": "127.0.0.1",
            "STOA_DRAIN_SECONDS": DRAIN_SECONDS,
            "STOA_DATABASE_POOL": "4",
        }
        with (self.folder / f"web-{port}.log").open("ab") as log:
            command = [sys.executable, "-m", "controlplane.cli.main", "web", "--port", str(port)]
            self.processes[port] = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def await_start(self, port: int) -> None:
        def up() -> bool:
            log = self.folder / f"web-{port}.log"
            assert self.processes[port].poll() is None, log.read_text()[-3000:]
            with contextlib.suppress(httpx2.TransportError):
                return httpx2.get(f"http://127.0.0.1:{port}/healthz", timeout=5).status_code == 200
            return False

        wait_until(up, START_SECONDS)

    def stop(self, port: int) -> int:
        """As systemd, Docker and Kubernetes do; the exit status."""
        self.processes[port].send_signal(signal.SIGTERM)
        return self.processes[port].wait(60)


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[Front]:
    front = Front(_free_port(), [_free_port(), _free_port()], folder)
    _make_certificate(folder)
    for port in front.backends:
        front.launch(port)
    nginx = subprocess.Popen([str(shutil.which("nginx")), "-p", str(folder), "-c", str(_configure(front))])
    try:
        for port in front.backends:
            front.await_start(port)
        wait_until(lambda: _listens(front.port), 30)
        yield front
    finally:
        for process in (nginx, *front.processes.values()):
            process.terminate()
        for process in (nginx, *front.processes.values()):
            process.wait(60)


def _configure(front: Front) -> Path:
    """The site as it is in `deploy/nginx`, with other places of files and ports."""
    site = (DEPLOY / "nginx" / "stoa.conf").read_text()
    upstream = (DEPLOY / "nginx" / "upstream.conf").read_text()
    for number, port in enumerate(front.backends, start=1):
        upstream = _replaced(upstream, f"web-{number}:8000", f"127.0.0.1:{port}")
    for old, new in {
        "/etc/nginx/stoa/upstream.conf": str(front.folder / "upstream.conf"),
        "/etc/nginx/stoa/certificate.pem": str(front.folder / "certificate.pem"),
        "/etc/nginx/stoa/certificate-key.pem": str(front.folder / "key.pem"),
        "listen 80;": f"listen unix:{front.folder}/plain.sock;",
        "listen 443 ssl http2;": f"listen 127.0.0.1:{front.port} ssl http2;",
    }.items():
        site = _replaced(site, old, new)
    (front.folder / "upstream.conf").write_text(upstream)
    temporary = "".join(
        f"{kind}_temp_path {front.folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;" if os.geteuid() == 0 else ""
    main = front.folder / "nginx.conf"
    main.write_text(
        f"{user} daemon off; worker_processes 1; pid {front.folder}/nginx.pid; error_log {front.folder}/error.log;"
        f"events {{ worker_connections 512; }} http {{ access_log off; {temporary} {site} }}\n"
    )
    return main


def _replaced(text: str, old: str, new: str) -> str:
    assert old in text, f"{old} is no longer in the configuration"
    return text.replace(old, new)


def _make_certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
