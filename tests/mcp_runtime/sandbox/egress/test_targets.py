"""What can be granted, and what is a request."""

from __future__ import annotations

import pytest

from mcp_runtime.sandbox.egress.targets import Grant, Refused, parse_request


@pytest.mark.parametrize(
    ("text", "grant"),
    [
        ("api.example.com", Grant("api.example.com", 443)),
        ("API.Example.COM ", Grant("api.example.com", 443)),
        ("*.example.com", Grant("*.example.com", 443)),
        ("db.example.com:5432", Grant("db.example.com", 5432)),
        ("index", Grant("index", 443)),
        ("xn--bcher-kva.example", Grant("xn--bcher-kva.example", 443)),
    ],
)
def test_a_host_name_can_be_granted(text: str, grant: Grant) -> None:
    assert Grant.parse(text) == grant


@pytest.mark.parametrize(
    "text",
    ["", "*", "*.com", "*.", "a.*.com", "*example.com", "127.0.0.1", "10.1", "0x7f.1", "[::1]", "::1", "a b.com",
     "https://a.com", "a.com/x", "user@a.com", "a.com:0", "a.com:65536", "a.com:443:443", "a.com:", "bücher.example",
     "a..com", ".a.com", "a.com.", "-a.com", "a" * 64 + ".com", "a.com\nb", "a.com\0", "a.com:443\nb.com"],
)  # fmt: skip
def test_anything_else_cannot_be_granted(text: str) -> None:
    with pytest.raises(ValueError, match="Grant a host name such as"):
        Grant.parse(text)


def test_an_exact_grant_covers_that_name_at_that_port_only() -> None:
    grant = Grant.parse("api.example.com")

    assert grant.covers("api.example.com", 443)
    assert not grant.covers("api.example.com", 80)
    assert not grant.covers("x.api.example.com", 443)
    assert not grant.covers("example.com", 443)


def test_a_suffix_grant_covers_what_is_below_it_only() -> None:
    grant = Grant.parse("*.example.com")

    assert grant.covers("a.example.com", 443)
    assert grant.covers("a.b.example.com", 443)
    assert not grant.covers("example.com", 443)
    assert not grant.covers("evilexample.com", 443)
    assert not grant.covers("example.com.evil.net", 443)


@pytest.mark.parametrize(
    "head",
    [
        b"CONNECT Api.Example.com:443 HTTP/1.1\r\n\r\n",
        b"CONNECT api.example.com:443 HTTP/1.0\r\nHost: api.example.com\r\nUser-Agent: x/1 (y)\r\n\r\n",
        b"CONNECT api.example.com:443 HTTP/1.1\r\nProxy-Connection: Keep-Alive\r\nX:\r\n\r\n",
    ],
)
def test_a_connect_request_is_understood(head: bytes) -> None:
    assert parse_request(head) == ("api.example.com", 443)


@pytest.mark.parametrize("method", [b"GET", b"POST", b"OPTIONS", b"TRACE", b"CONNECTX"])
def test_other_methods_are_refused(method: bytes) -> None:
    with pytest.raises(Refused) as refusal:
        parse_request(method + b" http://api.example.com/ HTTP/1.1\r\n\r\n")

    assert refusal.value.status == 405
