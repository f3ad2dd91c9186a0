"""Cutting a byte stream into frames."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_runtime.sandbox.guest.frames import MAX_FRAME
from mcp_runtime.sandbox.guest.link import FrameError, FrameSplitter


def _frame(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body


@given(bodies=st.lists(st.binary(min_size=1, max_size=50), max_size=20), cuts=st.lists(st.integers(1, 40), max_size=60))
def test_frames_survive_any_cutting_of_the_stream(bodies: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(map(_frame, bodies))
    splitter = FrameSplitter()
    received = []

    for size in [*cuts, len(stream) + 1]:
        splitter.feed(stream[:size])
        stream = stream[size:]
        while (body := splitter.next()) is not None:
            received.append(bytes(body))

    assert received == bodies
    assert not splitter.partial


@given(bodies=st.lists(st.binary(min_size=1, max_size=50), min_size=2, max_size=20), taken=st.integers(0, 20))
def test_feeding_before_all_frames_were_taken_loses_none(bodies: list[bytes], taken: int) -> None:
    splitter = FrameSplitter()
    received = []
    splitter.feed(b"".join(map(_frame, bodies)))

    for _ in range(min(taken, len(bodies))):
        body = splitter.next()
        received.append(bytes(body or b""))
    splitter.feed(_frame(b"last"))
    while (body := splitter.next()) is not None:
        received.append(bytes(body))

    assert received == [*bodies, b"last"]


@pytest.mark.parametrize("length", [0, MAX_FRAME + 1, 0xFFFFFFFF])
def test_a_length_out_of_bounds_is_an_error_before_the_body_arrives(length: int) -> None:
    splitter = FrameSplitter()
    splitter.feed(struct.pack(">I", length))

    with pytest.raises(FrameError, match="bytes"):
        splitter.next()


def test_half_a_frame_is_partial() -> None:
    splitter = FrameSplitter()

    splitter.feed(_frame(b"body")[:-1])

    assert splitter.next() is None
    assert splitter.partial
