"""A package index of the test's own: HTTPS on this host, with wheels made on the spot."""

from __future__ import annotations

import base64
import datetime
import hashlib
import html
import io
import ssl
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from packaging.utils import canonicalize_name


class Index:
    """Serve `files` at `/files/`, and under `/simple/<name>/` a page that links to those of the name."""

    def __init__(self) -> None:
        self.files: dict[str, dict[str, bytes]] = {}
        self.links: dict[str, list[str]] = {}
        """Further links of a package's page, as they are."""
        self.asked: list[str] = []
        self.hold = threading.Event()
        """Until it is set, nothing below /simple/slow/ is answered."""
        self.port = 0
        self.certificates = Path()

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}/simple"

    def add(
        self, name: str, version: str, files: Mapping[str, bytes | str] | None = None, requires: Sequence[str] = ()
    ) -> None:
        """Offer a wheel."""
        self._of(name)[f"{name}-{version}-py3-none-any.whl"] = wheel(name, version, files, requires)

    def add_source(self, name: str, version: str) -> None:
        """Offer a source distribution, whose setup.py would fail the build by itself if it ran."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for path, text in (
                ("setup.py", "raise SystemExit('setup.py ran')"),
                ("PKG-INFO", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"),
            ):
                info = tarfile.TarInfo(f"{name}-{version}/{path}")
                info.size = len(text)
                archive.addfile(info, io.BytesIO(text.encode()))
        self._of(name)[f"{name}-{version}.tar.gz"] = buffer.getvalue()

    def answer(self, path: str) -> tuple[str, bytes] | None:
        self.asked.append(path)
        parts = path.strip("/").split("/")
        if parts[0] == "simple" and len(parts) == 2:
            return self._page(parts[1])
        if parts[0] == "files" and len(parts) == 3:
            content = self.files.get(parts[1], {}).get(parts[2])
            return ("application/octet-stream", content) if content is not None else None
        return None

    def _of(self, name: str) -> dict[str, bytes]:
        return self.files.setdefault(canonicalize_name(name), {})

    def _page(self, name: str) -> tuple[str, bytes] | None:
        if name == "slow":
            self.hold.wait(60)
        if name not in self.files and name not in self.links:
            return None
        links = [
            f'<a href="/files/{name}/{file}#sha256={hashlib.sha256(content).hexdigest()}">{html.escape(file)}</a>'
            for file, content in self.files.get(name, {}).items()
        ]
        page = "".join(f"{link}<br>\n" for link in (*links, *self.links.get(name, [])))
        return "text/html", f"<!DOCTYPE html><html><body>{page}</body></html>".encode()


@contextmanager
def serving(folder: Path) -> Iterator[Index]:
    """The index, on a free port, with a certificate that its own authority signed."""
    index = Index()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            found = index.answer(self.path)
            kind, body = found if found is not None else ("text/plain", b"")
            self.send_response(200 if found is not None else 404)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *values: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *values: None  # type: ignore[method-assign]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    index.certificates = _certificate(folder)
    context.load_cert_chain(folder / "server.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    index.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield index
    finally:
        index.hold.set()
        server.shutdown()
        thread.join()
        server.server_close()


def wheel(
    name: str, version: str, files: Mapping[str, bytes | str] | None = None, requires: Sequence[str] = ()
) -> bytes:
    """A pure-Python wheel."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    content: dict[str, bytes | str] = dict(files if files is not None else {f"{name}.py": f"version = {version!r}\n"})
    content[f"{info}/METADATA"] = metadata
    content[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = "".join(f"{path},{_digest(data)},{len(data)}\n" for path, data in content.items())
    content[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in content.items():
            archive.writestr(path, data)
    return buffer.getvalue()


def _digest(data: bytes | str) -> str:
    raw = hashlib.sha256(data.encode() if isinstance(data, str) else data).digest()
    return "sha256=" + base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _certificate(folder: Path) -> Path:
    """Write `server.pem` (key and certificate); return the authority's certificate."""
    now = datetime.datetime.now(datetime.UTC)
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])

    def builder(subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(authority_name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
        )

    authority = (
        builder(authority_name, authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    certificate = (
        builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]), key.public_key())
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "server.pem").write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "authority.pem").write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    return folder / "authority.pem"
