from __future__ import annotations

import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from controlplane.registry.models import Revision
from tests.support.cast import PASSWORD, Cast

PAGES = ["/tenants/acme/", "/tenants/acme/servers/weather/", "/tenants/acme/revisions/{revision}/"]


@pytest.mark.parametrize("page", PAGES)
def test_a_member_sees_it(ben: Client, revision: Revision, page: str) -> None:
    answer = ben.get(page.format(revision=revision.id))

    assert answer.status_code == 200
    assert b"weather" in answer.content


@pytest.mark.parametrize("page", PAGES)
def test_an_outsider_gets_404(cem: Client, revision: Revision, page: str) -> None:
    answer = cem.get(page.format(revision=revision.id))

    assert answer.status_code == 404


@pytest.mark.parametrize("page", ["/", *PAGES])
def test_a_stranger_is_asked_to_sign_in(client: Client, revision: Revision, page: str) -> None:
    answer = client.get(page.format(revision=revision.id))

    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/login/?next=")


def test_an_outsider_cannot_see_a_revision_through_their_own_tenant(cem: Client, revision: Revision) -> None:
    answer = cem.get(f"/tenants/globex/revisions/{revision.id}/")

    assert answer.status_code == 404


def test_signing_in_leads_to_the_servers_and_out_again(client: Client, cast: Cast) -> None:
    signed_in = client.post("/login/", {"username": "BEN@acme.example", "password": PASSWORD}, follow=True)
    signed_out = client.post("/logout/", follow=True)

    assert signed_in.redirect_chain[-1][0] == "/tenants/acme/"
    assert signed_out.redirect_chain[-1][0] == "/login/"
    assert client.get("/").status_code == 302


def test_a_wrong_password_says_so_without_saying_who_exists(client: Client, cast: Cast) -> None:
    known = client.post("/login/", {"username": cast.ben.email, "password": "wrong"}).content
    unknown = client.post("/login/", {"username": "ben@nowhere.example", "password": "wrong"}).content

    assert b"do not match an account" in known
    assert _text(known).replace("ben@acme.example", "") == _text(unknown).replace("ben@nowhere.example", "")


def test_what_a_server_says_is_shown_as_text(ben: Client, revision: Revision) -> None:
    page = ben.get(f"/tenants/acme/revisions/{revision.id}/").content.decode()

    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert "<script>alert" not in page


@pytest.mark.parametrize("page", ["/login/", *PAGES])
def test_pages_run_no_inline_script_and_load_nothing_from_elsewhere(ben: Client, revision: Revision, page: str) -> None:
    answer = ben.get(page.format(revision=revision.id))

    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert re.findall(rb"<script(?![^>]*\bsrc=)|\son\w+=\"|style=\"|https?://(?!127)", answer.content) == []


def test_assets_are_served_for_good_under_their_digest(client: Client, db: None) -> None:
    page = client.get("/login/").content.decode()
    address = re.search(r'href="(/assets/[^"]+\.css)"', page)
    assert address

    asset = client.get(address[1])
    stale = client.get("/assets/0000000000000000/stoa.css")

    assert asset.status_code == 200
    assert "immutable" in asset.headers["Cache-Control"]
    assert stale.status_code == 404


def test_a_password_link_works_once(client: Client, cast: Cast) -> None:
    output = StringIO()
    call_command("password_link", cast.ben.email, stdout=output)
    link = output.getvalue().strip().removeprefix("http://127.0.0.1:8000")

    form = client.get(link, follow=True)
    password = "a new long password 9"
    done = client.post(form.redirect_chain[-1][0], {"new_password1": password, "new_password2": password})
    again = Client().get(link, follow=True)

    assert done.status_code == 302
    assert client.login(username=cast.ben.email, password=password)
    assert b"was used already" in again.content


def test_a_password_link_for_nobody_is_refused(db: None) -> None:
    with pytest.raises(CommandError, match="Nobody here"):
        call_command("password_link", "nobody@acme.example")


def _text(page: bytes) -> str:
    """The page without its CSRF token."""
    return re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", page.decode())
