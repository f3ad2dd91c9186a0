"""The strict reader and the writer."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_runtime.protocol import codec
from mcp_runtime.protocol.errors import ParseError

INTEGERS = st.integers(codec.MIN_INTEGER, codec.MAX_INTEGER)
VALUES = st.recursive(
    st.none() | st.booleans() | INTEGERS | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=30,
)


@pytest.mark.protocol("B-05")
@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "truncated"),
        (b"{", "truncated"),
        (b"{} {}", "trailing"),
        (b"[1,]", "trailing comma"),
        (b"NaN", "invalid"),
        (b"[Infinity]", "invalid"),
        (b"[-Infinity]", "invalid"),
        (b"[1e999]", "out of range"),
        (b'{"a":"\xff"}', "not UTF-8"),
        (b'{"a":"\xed\xa0\x80"}', "not UTF-8"),
        (b"\xef\xbb\xbf{}", "invalid"),
        ('{"a":1}'.encode("utf-16"), "invalid"),
        (b'"\\ud800"', "truncated"),
        (b'{"a":1,"a":2}', "same key twice"),
        (b'{"a":{"b":1,"b":{}},"c":":"}', "same key twice"),
        (b'{"a" : 1, "a"\n: "x:y"}', "same key twice"),
        (b'{"\\u0061":1,"a":2}', "same key twice"),
        (b"[18446744073709551616]", "64 bits"),
        (b'{"a":[-9223372036854775809]}', "64 bits"),
        (b"1" * 5000, "cannot be read"),
        (b"[" * 65 + b"]" * 65, "deeper than 64"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "deeper than 64"),
        (b"[" * 40_000 + b"]" * 40_000, "nests deeper|objects and arrays"),
        (b"[" + b"[]," * 60_000 + b"[]]", "50000 objects and arrays"),
        (b"{" + b",".join(b'"%d":0' % number for number in range(50_001)) + b"}", "50000 keys"),
    ],
)
def test_what_is_not_plain_json_is_refused(body: bytes, why: str) -> None:
    with pytest.raises(ParseError, match=why):
        codec.read(body)


@pytest.mark.protocol("B-05")
def test_a_body_over_the_limit_is_not_parsed() -> None:
    with pytest.raises(ParseError, match="the limit is 10"):
        codec.read(b"[" * 11, max_bytes=10)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a":"x:y","b":["::",{"c":":"}]}', {"a": "x:y", "b": ["::", {"c": ":"}]}),
        (b'{"a":"\\":","b":1}', {"a": '":', "b": 1}),
        (b'{ "a" : 1 , "b" : { "a" : 2 } }', {"a": 1, "b": {"a": 2}}),
        (b"[18446744073709551615,-9223372036854775808]", [2**64 - 1, -(2**63)]),
        (b'["123456789012345678901234567890"]', ["123456789012345678901234567890"]),
        (b"[0.1234567890123456789012]", [0.12345678901234568]),
        (b"[" * 64 + b"]" * 64, json.loads("[" * 64 + "]" * 64)),
        (b"7", 7),
    ],
)
def test_unusual_but_plain_json_is_read(body: bytes, value: object) -> None:
    assert codec.read(body) == value


def test_a_long_text_full_of_brackets_is_not_a_flood() -> None:
    text = "[{:" * 60_000

    assert codec.read(json.dumps({"text": text}).encode()) == {"text": text}


@given(VALUES)
def test_what_is_written_is_read_back(value: object) -> None:
    assert codec.read(codec.write(value)) == value


@given(VALUES)
def test_whatever_another_writer_spells_is_read_alike(value: object) -> None:
    assert codec.read(json.dumps(value, indent=1).encode()) == value


@given(st.binary(max_size=200))
def test_bytes_are_read_or_refused_and_nothing_else(body: bytes) -> None:
    try:
        value = codec.read(body)
    except ParseError:
        return

    codec.write(value)


@given(st.text('{}[]":,a1\\ ', max_size=40))
def test_almost_json_is_read_as_the_standard_library_does_or_refused(text: str) -> None:
    def refuse_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
        if len({key for key, _ in pairs}) < len(pairs):
            raise ValueError("twice")
        return dict(pairs)

    try:
        expected: object = json.loads(text, object_pairs_hook=refuse_duplicates)
    except ValueError:
        expected = ParseError

    try:
        value: object = codec.read(text.encode())
    except ParseError:
        value = ParseError

    assert value == expected


def test_raw_json_with_line_breaks_is_written_anew() -> None:
    raw = msgspec.Raw(b'{"a":\n[1,\r\n2]}')

    assert bytes(codec.sound(raw)) == b'{"a":[1,2]}'


def test_raw_json_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(ParseError, match="UTF-8"):
        codec.sound(msgspec.Raw(b'"\xff"'))


def test_raw_json_in_one_line_is_passed_on_as_it_is() -> None:
    raw = msgspec.Raw('{"city":"Lomé"}'.encode())

    assert codec.sound(raw) is raw
