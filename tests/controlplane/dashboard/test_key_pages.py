"""Pages of API keys and programs: what is shown once, what is shown never, and who may do what."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from controlplane.accounts.services import create_user_in
from controlplane.composition.services import EMPTY, create_endpoint, find_endpoint
from controlplane.issuer.models import Client as Program
from controlplane.keys import services
from controlplane.keys.models import ApiKey
from tenants.context import acting_for
from tests.support.cast import Cast

KEYS = "/tenants/acme/keys/"
OWN = "/tenants/acme/your-keys/"
TOKEN = re.compile(r"stoa_[a-z2-7]{8}_[\w-]{49}")


@pytest.fixture
def ada(cast: Cast) -> Client:
    client = Client()
    client.force_login(cast.ada)
    return client


def make(client: Client, address: str = KEYS, **changes: Any) -> Any:
    form = {"do": "make", "name": "nightly", "scope": ["mcp:call"], "days": "30", **changes}
    return client.post(address, form)


def the_key(cast: Cast) -> ApiKey:
    with acting_for(cast.acme.id):
        return ApiKey.objects.get()


def test_a_new_key_is_shown_once_and_its_page_is_kept_nowhere(cast: Cast, ada: Client) -> None:
    made = make(ada, only="search_*\nprompt:*", networks="203.0.113.7")
    listed = ada.get(KEYS)

    assert TOKEN.search(made.content.decode())
    assert made.headers["Cache-Control"] == "no-store"
    assert not TOKEN.search(listed.content.decode())
    key = the_key(cast)
    assert (key.name, key.scopes, key.only, key.networks) == (
        "nightly", ["mcp:call"], ["prompt:*", "search_*"], ["203.0.113.7/32"],
    )  # fmt: skip
    assert key.expires_at is not None
    assert key.lookup in listed.content.decode()


def test_a_key_is_made_for_one_endpoint(cast: Cast, ada: Client) -> None:
    with acting_for(cast.acme.id):
        create_endpoint("files", EMPTY, acting=None)
        expected = find_endpoint("files").id

    page = make(ada, endpoint="files").content.decode()

    assert the_key(cast).audience == expected
    assert "<code>files</code>" in page


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": " "}, "needs a name"),
        ({"scope": []}, "at least one scope"),
        ({"endpoint": "nowhere"}, "No endpoint named"),
        ({"networks": "everywhere"}, "A network is an address"),
        ({"days": "-1"}, "how long"),
    ],
)
def test_what_is_no_key_is_told_and_what_was_entered_stays(
    cast: Cast, ada: Client, changes: dict[str, Any], said: str
) -> None:
    answer = make(ada, **{"only": "search_*", **changes})

    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert "search_*</textarea>" in answer.content.decode()


def test_nobody_gives_a_key_more_than_they_may(cast: Cast, ben: Client) -> None:
    answer = make(ben, scope=["tenant:write"])

    assert answer.status_code == 403
    with acting_for(cast.acme.id):
        assert not ApiKey.objects.exists()


def test_a_rotated_key_works_on_for_as_long_as_was_chosen(cast: Cast, ada: Client) -> None:
    make(ada)
    old = the_key(cast)

    answer = ada.post(KEYS, {"do": "rotate", "key": old.id, "overlap": "1"})

    assert TOKEN.search(answer.content.decode())
    with acting_for(cast.acme.id):
        successor, old = ApiKey.objects.exclude(pk=old.pk).get(), ApiKey.objects.get(pk=old.pk)
    minutes = timedelta(minutes=5)
    assert successor.expires_at
    assert old.expires_at
    assert abs(successor.expires_at - timezone.now() - timedelta(days=30)) < minutes
    assert abs(old.expires_at - timezone.now() - timedelta(hours=1)) < minutes


def test_a_revoked_key_can_do_nothing_and_has_no_buttons(cast: Cast, ada: Client) -> None:
    make(ada)
    key = the_key(cast)

    page = ada.post(KEYS, {"do": "revoke", "key": key.id}, follow=True).content.decode()

    assert the_key(cast).revoked_at is not None
    assert "revoked</span>" in page
    assert f'value="{key.id}"' not in page


def test_a_viewer_makes_keys_of_their_own_and_no_others(cast: Cast, client: Client) -> None:
    client.force_login(create_user_in(cast.acme.id, "viewer@acme.example", "viewer"))

    own, tenants = make(client, OWN), make(client)

    assert TOKEN.search(own.content.decode())
    assert the_key(cast).owner
    assert tenants.status_code == 403


def test_nobody_revokes_a_key_of_somebody_else_among_their_own(cast: Cast, ada: Client, ben: Client) -> None:
    make(ada, OWN)

    answer = ben.post(OWN, {"do": "revoke", "key": the_key(cast).id})

    assert answer.status_code == 404
    assert the_key(cast).revoked_at is None


def test_an_outsider_finds_no_key_of_another_tenant(cast: Cast, ada: Client, cem: Client) -> None:
    make(ada)
    key = the_key(cast)

    assert cem.post("/tenants/globex/keys/", {"do": "revoke", "key": key.id}).status_code == 404
    assert make(cem).status_code == 404
    assert the_key(cast).revoked_at is None


def test_keys_are_listed_page_by_page_with_as_many_queries(
    cast: Cast, ada: Client, django_assert_max_num_queries: Any
) -> None:
    with acting_for(cast.acme.id):
        for number in range(60):
            services.create_key(f"key {number:02}", scopes=["mcp:call"], acting=None)

    with django_assert_max_num_queries(20):
        first = ada.get(KEYS).content.decode()
    following = re.search(r'rel="next" href="([^"]+)"', first)
    assert following
    second = ada.get(KEYS + following[1]).content.decode()

    shown = [set(re.findall(r"key \d\d", page)) for page in (first, second)]
    assert [len(one) for one in shown] == [50, 10]
    assert not shown[0] & shown[1]


def test_a_program_s_secret_is_shown_once_and_it_is_removed(cast: Cast, ada: Client) -> None:
    address = "/tenants/acme/programs/"
    with acting_for(cast.acme.id):
        create_endpoint("files", EMPTY, acting=None)

    made = ada.post(address, {"do": "make", "name": "robot", "endpoint": "files"}).content.decode()
    with acting_for(cast.acme.id):
        program = Program.objects.get()
    secret = re.search(r"<pre[^>]*>([^<]+)</pre>", made)
    assert secret
    listed = ada.get(address).content.decode()
    ada.post(address, {"do": "remove", "program": program.client_id})

    assert program.client_id in listed
    assert secret[1] not in listed
    with acting_for(cast.acme.id):
        assert not Program.objects.exists()


def test_a_program_for_no_endpoint_is_refused_in_words(cast: Cast, ada: Client) -> None:
    answer = ada.post("/tenants/acme/programs/", {"do": "make", "name": "robot", "endpoint": "nowhere"}, follow=True)

    assert b"No endpoint named" in answer.content
