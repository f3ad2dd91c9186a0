"""Matching URIs against templates (FASTMCP R-10 to R-12)."""

from __future__ import annotations

import re
import string
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_runtime.protocol.uri_templates import MAX_URI, TemplateError, UriTemplate

SAFE_TEXT = st.text(string.ascii_letters + string.digits + " é%&=?-_~:", min_size=1, max_size=20).filter(
    lambda text: not re.match(r"[A-Za-z]:[/\\]", text)
)


@pytest.mark.parametrize(
    ("template", "uri", "values"),
    [
        ("weather://{city}/current", "weather://lima/current", {"city": "lima"}),
        ("weather://{city}/current", "weather://s%C3%A3o%20paulo/current", {"city": "são paulo"}),
        ("weather://{city}/current", "weather://lima/now", None),
        ("weather://{city}/current", "weather:///current", None),
        ("weather://{city}/current", "weather://a/b/current", None),
        ("file:///{path*}", "file:///a/b/c.txt", {"path": "a/b/c.txt"}),
        ("file:///{path*}", "file:///a%2Fb", {"path": "a/b"}),
        ("repo://{owner}/{name}/tree/{path*}", "repo://ada/engine/tree/src/x.py",
         {"owner": "ada", "name": "engine", "path": "src/x.py"}),
        ("x://{a*}/mid/{b*}/end", "x://1/2/mid/3/end", {"a": "1/2", "b": "3"}),
        ("x://{name}.{kind}", "x://archive.tar.gz", {"name": "archive", "kind": "tar.gz"}),
        ("x://{a*}-{b}", "x://p-q/r-s", {"a": "p-q/r", "b": "s"}),
        ("search://find{?q,limit}", "search://find?q=a+b&limit=3", {"q": "a b", "limit": "3"}),
        ("search://find{?q,limit}", "search://find", {}),
        ("search://find{?q}", "search://find?q=first&q=second&other=1", {"q": "first"}),
        ("search://{where}{?q}", "search://here?q=1", {"where": "here", "q": "1"}),
        ("plain://no/variables", "plain://no/variables", {}),
        ("plain://no/variables", "plain://no/variables?x=1", None),
        ("x://{a}", "x://line\nbreak", {"a": "line\nbreak"}),
    ],
)  # fmt: skip
def test_a_uri_gives_its_values(template: str, uri: str, values: dict[str, str] | None) -> None:
    assert UriTemplate(template).match(uri) == values


@pytest.mark.protocol("RS-02")
@pytest.mark.parametrize(
    "path",
    ["../etc/passwd", "a/../../etc", "..", "%2e%2e/etc", "a/%2E%2E/b", "/etc/passwd", "%2Fetc/passwd", "a%00b",
     "c:/windows", "c%3A%5Cwindows", "a%5C..%5Cb", "%5C%5Cserver"],
)  # fmt: skip
def test_a_value_that_would_leave_its_folder_matches_nothing(path: str) -> None:
    template = UriTemplate("file:///{path*}")

    assert template.match(f"file:///{path}") is None
    assert template.match(f"file:///{path}", unsafe=True) is not None


@pytest.mark.protocol("RS-02")
def test_a_hidden_separator_does_not_enter_a_single_segment() -> None:
    assert UriTemplate("user://{name}").match("user://ada%2Fadmin") is None


def test_broken_percent_encoding_matches_nothing() -> None:
    assert UriTemplate("user://{name}").match("user://%ff") is None


def test_a_uri_over_the_limit_matches_nothing() -> None:
    assert UriTemplate("x://{a*}").match("x://" + "a" * MAX_URI) is None


@pytest.mark.parametrize(
    "template",
    ["x://{a}{b}", "x://{a}/{a}", "x://{a", "x://a}", "x://{}", "x://{a-b}", "x://{?a}/b", "x://{+a}", "x://{a,b}",
     "{?a}", "x://{?a*}", "x://" + "/".join(f"{{v{number}}}" for number in range(17))],
)  # fmt: skip
def test_a_template_we_cannot_match_is_refused(template: str) -> None:
    with pytest.raises(TemplateError):
        UriTemplate(template)


@given(SAFE_TEXT, SAFE_TEXT)
def test_what_was_put_in_comes_out(first: str, second: str) -> None:
    template = UriTemplate("t://{first}/x/{second}{?third}")

    uri = f"t://{quote(first, safe='')}/x/{quote(second, safe='')}?third={quote(first, safe='')}"

    assert template.match(uri) == {"first": first, "second": second, "third": first}


@given(st.text("a/-.", max_size=30))
def test_the_table_agrees_with_a_backtracking_expression(path: str) -> None:
    template = UriTemplate("{a}-{b*}.{c}")

    values = template.match(path, unsafe=True)

    reference = re.fullmatch(r"(?P<a>[^/]+?)-(?P<b>.+?)\.(?P<c>[^/]+?)", path)
    assert values == (reference.groupdict() if reference else None)


@given(st.text(max_size=200))
def test_no_uri_raises(uri: str) -> None:
    for template in ("{a}-{b*}.{c}", "x://{a}/{b*}{?q}", "{a*}"):
        UriTemplate(template).match(uri)
