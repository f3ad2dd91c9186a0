"""Patterns of what a credential is for, and networks in which it counts."""

from __future__ import annotations

import pytest

from mcp_runtime.authorization.rights import MAX_PATTERN, Kind, PatternError, Rights, is_within


@pytest.mark.parametrize(
    ("pattern", "kind", "name", "allowed"),
    [
        ("search_*", "tool", "search_files", True),
        ("search_*", "tool", "search_", True),
        ("search_*", "tool", "do_search_files", False),
        ("search_*", "prompt", "search_files", False),
        ("tool:*", "tool", "anything", True),
        ("*_read", "tool", "a_read_b", False),
        ("a*b*c", "tool", "a--b--c", True),
        ("a.c", "tool", "abc", False),
        ("prompt:greet", "prompt", "greet", True),
        ("prompt:greet", "tool", "greet", False),
        ("resource:notes://*", "resource", "notes://{id}", True),
        ("resource:notes://*", "resource", "other://notes://1", False),
        ("a\\*", "tool", "a\\b", True),
    ],
)
def test_a_pattern_means_names_as_lists_show_them(pattern: str, kind: Kind, name: str, allowed: bool) -> None:
    assert Rights([pattern]).allow(kind, name) is allowed


def test_one_pattern_that_fits_is_enough_and_none_means_nothing() -> None:
    assert Rights(["a", "b"]).allow("tool", "b")
    assert not Rights([]).allow("tool", "b")


@pytest.mark.parametrize("pattern", ["", "tool:", "server:x", "x" * (MAX_PATTERN + 1), "a\nb", "a\0b"])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        Rights([pattern])


@pytest.mark.parametrize(
    ("address", "networks", "within"),
    [
        ("203.0.113.9", ("203.0.113.0/24",), True),
        ("203.0.114.9", ("203.0.113.0/24",), False),
        ("203.0.114.9", ("203.0.113.0/24", "203.0.114.9/32"), True),
        ("::ffff:203.0.113.9", ("203.0.113.0/24",), True),
        ("2001:db8::1", ("2001:db8::/32",), True),
        ("2001:db8::1", ("203.0.113.0/24",), False),
        ("fe80::1%eth0", ("fe80::/10",), True),
        ("", ("0.0.0.0/0", "::/0"), False),
        ("unknown", ("0.0.0.0/0",), False),
    ],
)
def test_an_address_is_judged_by_its_value_and_an_unknown_one_is_nowhere(
    address: str, networks: tuple[str, ...], within: bool
) -> None:
    assert is_within(address, networks) is within
