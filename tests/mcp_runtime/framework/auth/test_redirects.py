"""Which addresses people may be sent back to (FASTMCP A-13; PROTOCOL O-02)."""

from __future__ import annotations

import pytest

from mcp_runtime.framework.auth.errors import WrongSetting
from mcp_runtime.framework.auth.redirects import RedirectPolicy, is_safe, same_redirect


@pytest.mark.fastmcp("A-13", status="safer")
@pytest.mark.parametrize(
    ("uri", "allowed"),
    [
        ("http://localhost:1234/cb", True),
        ("http://127.0.0.1/cb", True),
        ("http://[::1]:8080/cb", True),
        ("https://claude.ai/api/mcp/auth_callback", False),
        ("https://localhost.evil.example/cb", False),
        ("cursor://anysphere/cb", False),
    ],
)
def test_without_a_list_only_the_persons_own_machine_is_allowed(uri: str, allowed: bool) -> None:
    assert RedirectPolicy(None).allows(uri) is allowed


@pytest.mark.fastmcp("A-13")
@pytest.mark.parametrize(
    ("pattern", "uri", "allowed"),
    [
        ("http://localhost:*", "http://localhost:5000/any/path", True),
        ("http://localhost:*", "http://localhost.evil.example:5000/", False),
        ("http://localhost:*", "http://localhost:5000@evil.example/", False),
        ("https://claude.ai/cb", "https://claude.ai/cb", True),
        ("https://claude.ai/cb", "https://claude.ai/cb/", False),
        ("https://claude.ai/cb", "https://claude.ai/cb?next=evil", False),
        ("https://claude.ai/cb", "https://claude.ai:8443/cb", False),
        ("https://claude.ai/cb", "http://claude.ai/cb", False),
        ("https://*.example.com/cb", "https://a.example.com/cb", True),
        ("https://*.example.com/cb", "https://a.b.example.com/cb", True),
        ("https://*.example.com/cb", "https://example.com/cb", False),
        ("https://*.example.com/cb", "https://evilexample.com/cb", False),
        ("https://*.example.com/cb", "https://evil.example/.example.com/cb", False),
        ("https://*.example.com/cb", "https://evil.example#.example.com/cb", False),
        ("https://app.example.com/auth/*", "https://app.example.com/auth/cb", True),
        ("https://app.example.com/auth/*", "https://app.example.com/auth/../open", False),
        ("https://app.example.com/auth/*", "https://app.example.com/auth/%2e%2e/open", False),
        ("https://app.example.com/auth/*", "https://app.example.com/auth\\..\\open", False),
        ("cursor://*", "cursor://anysphere.cursor-retrieval/oauth/callback", True),
        ("cursor://*", "vscode://anysphere/cb", False),
    ],
)
def test_a_pattern_matches_only_the_part_it_stands_in(pattern: str, uri: str, allowed: bool) -> None:
    assert RedirectPolicy([pattern]).allows(uri) is allowed


def test_an_empty_list_allows_nothing() -> None:
    assert not RedirectPolicy([]).allows("http://localhost/cb")


@pytest.mark.parametrize("pattern", ["*", "localhost", "https://ex*ample.com/", "https://*evil.com/", "javascript://*"])
def test_a_pattern_that_says_more_than_it_seems_is_refused(pattern: str) -> None:
    with pytest.raises(WrongSetting, match="is no pattern"):
        RedirectPolicy([pattern])


def test_a_text_in_place_of_a_list_is_refused() -> None:
    with pytest.raises(WrongSetting, match="not one text"):
        RedirectPolicy("http://localhost:*")


@pytest.mark.parametrize(
    "uri",
    [
        *(
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "vbscript:x",
            "blob:https://a/b",
            "ftp://a/b",
        ),
        *("https://a.example/\n", "https://a.example/\u200b", "https:///cb", "//a.example/cb", "cb", ""),
        *(
            "https://user@a.example/cb",
            "https://a.example/cb#",
            "http://a.example/cb",
            "https://a.example:x/cb",
            "custom:cb",
        ),
        "https://a.example/" + "x" * 3000,
    ],
)
def test_what_is_unsafe_is_unsafe_whatever_the_author_allows(uri: str) -> None:
    assert not is_safe(uri)
    assert not RedirectPolicy(["https://*", "custom://*"]).allows(uri)


def test_registered_addresses_are_compared_letter_by_letter_but_for_local_ports() -> None:
    assert same_redirect("http://localhost/cb", "http://localhost:1/cb")
    assert not same_redirect("http://localhost/cb", "http://127.0.0.1/cb")
    assert not same_redirect("http://localhost/cb", "http://localhost:1/cb?a=1")
    assert not same_redirect("https://a.example/cb", "https://A.example/cb")
    assert not same_redirect("https://a.example/cb", "https://a.example:443/cb")
