"""Resources that reach out: a web address, a directory (FASTMCP R-32, R-33)."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from mcp_runtime.client import Client
from mcp_runtime.framework import FastMCP
from mcp_runtime.framework.components import DirectoryResource, HttpResource, static
from mcp_runtime.protocol.errors import McpError


class Pages(BaseHTTPRequestHandler):
    """A web server with a few pages."""

    def do_GET(self) -> None:
        self.send_response({"/moved": 302, "/gone": 404}.get(self.path.partition("?")[0], 200))
        self.send_header("Content-Type", "text/plain; charset=latin-1" if self.path == "/old" else "text/plain")
        self.send_header("Location", "http://127.0.0.1/secret")
        self.end_headers()
        body = {"/old": "né".encode("latin-1"), "/binary": b"\xff\xfe", "/large": b"x" * 2000}
        self.wfile.write(body.get(self.path, f"page {self.path}".encode()))
        if self.path == "/endless":
            self.server.release.wait(30)  # type: ignore[attr-defined]

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    server.release = threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.release.set()  # type: ignore[attr-defined]
    server.shutdown()
    server.server_close()
    thread.join()


async def fetched(url: str, **options: Any) -> str:
    mcp = FastMCP(mask_error_details=True)
    mcp.add_resource(HttpResource(uri="remote://x", url=url, **options))
    async with Client(mcp) as client:
        contents = await client.read_resource("remote://x")
    assert contents[0].mime_type == "application/json"
    return str(contents[0].text)


@pytest.mark.fastmcp("R-32", "R-05")
@pytest.mark.parametrize(("page", "text"), [("/a?b=c", "page /a?b=c"), ("/old", "né")])
async def test_a_web_address_is_fetched_on_reading(site: str, page: str, text: str) -> None:
    assert await fetched(site + page, allow_private=True) == text


@pytest.mark.fastmcp("R-32", status="safer")
@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "169.254.169.254", "10.0.0.1", "[::1]", "[::ffff:10.0.0.1]"]
)
async def test_an_address_that_is_not_public_is_refused(host: str) -> None:
    with pytest.raises(McpError, match=r"not on the public Internet; .*allow_private=True"):
        await fetched(f"http://{host}:9/secret")


@pytest.mark.fastmcp("R-32", status="safer")
@pytest.mark.parametrize(
    ("page", "complaint"),
    [
        ("/moved", "it answers 302, and redirects are not followed"),
        ("/gone", r"it answers 404\."),
        ("/large", "the answer has more than 1000 bytes"),
        ("/binary", "the answer is not text"),
        ("/endless", "it took too long"),
    ],
)
async def test_an_answer_that_cannot_be_used_is_an_error(
    site: str, page: str, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(static, "_MOST_HTTP_BYTES", 1000)

    with pytest.raises(McpError, match=rf"Error fetching http://127\.0\.0\.1{page}: {complaint}"):
        await fetched(f"{site}{page}", allow_private=True, timeout=0.5)


async def test_an_error_does_not_repeat_the_query(site: str) -> None:
    with pytest.raises(McpError) as refused:
        await fetched(f"{site}/gone?token=hunter2", allow_private=True)

    assert "hunter2" not in refused.value.message


@pytest.mark.fastmcp("R-33", status="safer")
async def test_a_directory_lists_nothing_outside_of_it(tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    (outside / "secret").touch()
    (inside / "mine").touch()
    (inside / "link").symlink_to(outside / "secret")
    (inside / "folder").symlink_to(outside, target_is_directory=True)
    (inside / "within").symlink_to(inside / "mine")
    mcp = FastMCP()
    mcp.add_resource(DirectoryResource(uri="dir:///w", path=inside, recursive=True))

    async with Client(mcp) as client:
        contents = await client.read_resource("dir:///w")

    assert json.loads(contents[0].text) == {"files": ["mine", "within"]}


@pytest.mark.fastmcp("R-33", status="safer")
@pytest.mark.parametrize("pattern", ["../*", "a/../../*", "/etc/*"])
def test_a_pattern_that_leads_out_is_refused(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(ValueError, match="leads out of the directory"):
        DirectoryResource(uri="dir:///w", path=tmp_path, pattern=pattern)
