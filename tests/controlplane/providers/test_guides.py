"""The guides' examples, as they stand: each body makes a provider, whose redirect URI the page names."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from controlplane.dashboard.identity_providers import rules_in
from controlplane.providers.kinds import KINDS
from tests.support.cast import Cast

GUIDES = Path(__file__).parents[3] / "docs" / "guides" / "identity-providers"
PAGES = sorted(page for page in GUIDES.glob("*.md") if page.name != "README.md")


def examples(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.django_db
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_each_body_makes_a_provider(client: Client, cast: Cast, page: Path) -> None:
    client.force_login(cast.ada)

    bodies = [json.loads(example) for example in examples(page, "json")]
    made: list[Any] = [
        client.post("/api/v1/tenants/acme/identity-providers", body, content_type="application/json") for body in bodies
    ]

    assert bodies
    for answer in made:
        assert answer.status_code == 201, answer.content
        path = answer.json()["redirect_uri"].removeprefix(settings.STOA_PUBLIC_URL).replace("/acme/", "/<tenant>/")
        assert answer.json()["kind"] == "jwt" or f"https://<your Stoa>{path}" in page.read_text()


def test_every_kind_has_a_page_and_an_example() -> None:
    shown = {json.loads(example)["kind"] for page in PAGES for example in examples(page, "json")}

    assert shown == set(KINDS)
    assert {f"{kind.guide}.md" for kind in KINDS.values()} == {page.name for page in PAGES}


def test_the_index_names_every_page_and_its_rules_are_rules() -> None:
    index = GUIDES / "README.md"

    assert set(re.findall(r"\]\(([a-z0-9-]+\.md)\)", index.read_text())) == {page.name for page in PAGES}
    assert [rule["role"] for rule in rules_in(examples(index, "text")[0])] == ["admin", "developer", "viewer"]
