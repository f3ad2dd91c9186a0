"""A provider on a port of this machine, over https with a certificate of the test's own.

with openid(folder) as provider:        # any OpenID Connect provider
    provider.people["ada"] = {...}      # who is there, with their claims
    provider.signs_in = "ada"           # who is in front of the browser
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import secrets
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from tests.controlplane.issuer.document_host import _certificate

CLIENT_ID, CLIENT_SECRET = "stoa-at-the-provider", "the-provider-gave-us-this-secret"


@dataclass
class Reply:
    """What the server answers. A text or dictionary is written as JSON."""

    status: int = 200
    body: Any = ""
    headers: dict[str, str] = field(default_factory=dict)
    drips: bool = False
    """A byte now and then, for ever."""


@dataclass
class Asked:
    """A request that came in."""

    method: str
    path: str
    query: dict[str, str]
    form: dict[str, str]
    headers: dict[str, str]


@dataclass
class Code:
    """What a code was given for."""

    who: str
    redirect_uri: str
    challenge: str
    nonce: str


@cache
def _first_key() -> RSAKey:
    """One for all tests: making it takes longer than most of them."""
    return RSAKey.generate_key(2048, {"kid": "one"})


@dataclass
class Standin:
    """An OpenID Connect provider. Subclasses differ where the real ones do; tests change its fields to make it lie."""

    url: str = ""
    certificate: Path = Path()
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    signs_in: str = "ada"
    asked: list[Asked] = field(default_factory=list)
    codes: dict[str, Code] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    """Access tokens, and whose they are."""
    key: RSAKey | ECKey = field(default_factory=_first_key)
    algorithm: str = "RS256"
    forged: Callable[[dict[str, Any]], str] | None = None
    """Writes the ID token instead of `sign`."""
    said: dict[str, Any] = field(default_factory=dict)
    """Claims to say instead of the right ones; None leaves one out."""
    document: dict[str, Any] = field(default_factory=dict)
    """Members of the discovery document to say instead of the right ones."""
    answer: dict[str, str | None] = field(default_factory=dict)
    """Parameters of the authorization response to say instead of the right ones; None leaves one out."""
    replies: dict[str, Reply] = field(default_factory=dict)
    """Answers to give at a path, whatever was asked."""

    @property
    def issuer(self) -> str:
        return self.url

    def well_known(self) -> str:
        return f"{urlsplit(self.issuer).path.rstrip('/')}/.well-known/openid-configuration"

    def answer_to(self, asked: Asked) -> Reply:
        """Routes; the paths of endpoints are those of the discovery document."""
        self.asked.append(asked)
        if asked.path in self.replies:
            return self.replies[asked.path]
        paths = {urlsplit(value).path: name for name, value in self.endpoints().items()}
        if asked.path == self.well_known():
            return Reply(body={**self.discovery(), **self.document})
        match paths.get(asked.path):
            case "jwks_uri":
                return Reply(body={"keys": self.published()})
            case "authorization_endpoint":
                return self.authorize(asked)
            case "token_endpoint":
                return self.token(asked)
            case "userinfo_endpoint":
                return self.userinfo(asked)
        return Reply(404, "Not found")

    def endpoints(self) -> dict[str, str]:
        return {
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "userinfo_endpoint": f"{self.url}/userinfo",
        }

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            **self.endpoints(),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [self.algorithm],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "code_challenge_methods_supported": ["S256"],
        }

    def published(self) -> list[dict[str, Any]]:
        return [{**self.key.as_dict(private=False), "use": "sig", "alg": self.algorithm}]

    def authorize(self, asked: Asked) -> Reply:
        """The person who is in front of the browser is signed in there already, and agrees."""
        query = asked.query
        if query.get("client_id") != CLIENT_ID or query.get("response_type") != "code":
            return Reply(400, {"error": "invalid_request"})
        code = secrets.token_urlsafe(16)
        self.codes[code] = Code(
            self.signs_in, query["redirect_uri"], query.get("code_challenge", ""), query.get("nonce", "")
        )
        told: dict[str, str | None] = {"code": code, "state": query.get("state"), **self.authorization_response()}
        told |= self.answer
        kept = {name: value for name, value in told.items() if value is not None}
        return Reply(302, headers={"Location": f"{query['redirect_uri']}?{urlencode(kept)}"})

    def authorization_response(self) -> dict[str, str]:
        """Beside code and state."""
        return {}

    def token(self, asked: Asked) -> Reply:
        code = self.codes.pop(asked.form.get("code", ""), None)
        if self.client_of(asked) != (CLIENT_ID, CLIENT_SECRET):
            return self.token_error("invalid_client", 401)
        if code is None or asked.form.get("redirect_uri", code.redirect_uri) != code.redirect_uri:
            return self.token_error("invalid_grant")
        digest = hashlib.sha256(asked.form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != code.challenge:
            return self.token_error("invalid_grant")
        access_token = f"at-{secrets.token_urlsafe(24)}"
        self.tokens[access_token] = code.who
        return Reply(body={"access_token": access_token, "token_type": "Bearer", **self.given(code)})

    def token_error(self, error: str, status: int = 400) -> Reply:
        return Reply(status, {"error": error})

    def client_of(self, asked: Asked) -> tuple[str, str]:
        header = asked.headers.get("authorization", "")
        if header.startswith("Basic "):
            name, _, secret = base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")
            return name, secret
        return asked.form.get("client_id", ""), asked.form.get("client_secret", "")

    def given(self, code: Code) -> dict[str, Any]:
        """Beside the access token."""
        claims = {**self.claims(code), **self.said}
        claims = {name: value for name, value in claims.items() if value is not None}
        return {"id_token": (self.forged or self.sign)(claims), "expires_in": 3600}

    def claims(self, code: Code) -> dict[str, Any]:
        now = int(time.time())
        about = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 600}
        return {**about, **({"nonce": code.nonce} if code.nonce else {}), **self.people[code.who]}

    def sign(self, claims: dict[str, Any]) -> str:
        header = {"alg": self.algorithm, "kid": self.key.kid, "typ": "JWT"}
        return jwt.encode(header, claims, self.key, algorithms=[self.algorithm])

    def userinfo(self, asked: Asked) -> Reply:
        who = self.bearer_of(asked)
        return Reply(body=self.people[who]) if who else Reply(401, {"error": "invalid_token"})

    def bearer_of(self, asked: Asked) -> str:
        return self.tokens.get(asked.headers.get("authorization", "").removeprefix("Bearer "), "")


@contextlib.contextmanager
def running(standin: Standin, folder: Path) -> Iterator[Standin]:
    """Serve it until the block ends."""
    standin.certificate = _certificate(folder)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(standin.certificate)

    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length", 0))
            form = dict(parse_qsl(self.rfile.read(length).decode())) if length else {}
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = standin.answer_to(Asked(self.command, parts.path, dict(parse_qsl(parts.query)), form, headers))
            body = reply.body if isinstance(reply.body, bytes) else _text(reply.body)
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            if not reply.drips:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(OSError):  # the client may have had enough
                self.wfile.write(body)
                while reply.drips and not over.wait(0.05):
                    self.wfile.write(b" ")

        do_POST = do_GET  # noqa: N815  its name is the method's

        def log_message(self, format: str, *args: object) -> None:
            """Quietly."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    standin.url = f"https://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield standin
    finally:
        over.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _text(body: object) -> bytes:
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()
