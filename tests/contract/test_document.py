"""Every Python block of the FastMCP document runs, and does what the document says (FASTMCP 0.1)."""

from __future__ import annotations

import pytest

from tests.contract.cases import Case, cases
from tests.contract.document import COUNT, Stage, blocks


@pytest.mark.filterwarnings("ignore:Call to deprecated setex:DeprecationWarning")  # py-key-value-aio's Redis store
@pytest.mark.parametrize(
    "case",
    [pytest.param(one, id=one.title, marks=pytest.mark.fastmcp(*one.rows, status=one.status)) for one in cases()],
)
async def test_the_block_does_what_the_document_says(case: Case, stage: Stage) -> None:
    await case.act(stage)


def test_every_block_of_the_document_has_its_case() -> None:
    assert len(blocks()) == COUNT
    assert [case.number for case in cases()] == list(range(1, COUNT + 1))
