"""A person on the way through an OAuth proxy: what is shown, what is bound to what (FASTMCP A-13; PROTOCOL O-13)."""

from __future__ import annotations

import re
from typing import Any

import httpx2
import pytest

from mcp_runtime.framework.auth.oidc_proxy import OIDCProxy
from mcp_runtime.framework.auth.providers.github import GitHubProvider
from mcp_runtime.framework.storage import MemoryStore
from tests.mcp_runtime.framework.auth import identity
from tests.mcp_runtime.framework.auth.identity import CLIENT_ID, CLIENT_SECRET
from tests.mcp_runtime.framework.auth.logins import McpClient, answer_in
from tests.mcp_runtime.framework.auth.people import Person, person_at
from tests.mcp_runtime.framework.auth.proxies import Rotating, openid, proxy
from tests.mcp_runtime.framework.auth.web import BASE, site

# What the person is shown.


@pytest.mark.fastmcp("A-13")
@pytest.mark.protocol("O-11")
async def test_the_page_names_the_client_where_it_sends_to_and_the_scopes_and_cannot_be_framed(ada: Person) -> None:
    page = await ada.consent_page(scope="user")

    assert "Test client" in page.text
    assert "<strong>127.0.0.1</strong>" in page.text
    assert "A program on this computer will get access" in page.text
    assert "<code>user</code>" in page.text
    assert f"{BASE}/mcp" in page.text
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert page.headers["x-frame-options"] == "DENY"
    assert page.headers["cache-control"] == "no-store"


@pytest.mark.protocol("O-11")
async def test_what_a_client_says_about_itself_is_text(ada: Person) -> None:
    await ada.client.register(client_name='</strong><script>alert(1)</script>"')

    page = await ada.consent_page()

    assert "<script" not in page.text
    assert "&lt;script&gt;" in page.text


@pytest.mark.protocol("O-13")
async def test_the_cookie_is_for_this_host_over_https_and_out_of_reach_of_scripts(ada: Person) -> None:
    cookie = (await ada.consent_page()).headers["set-cookie"]

    assert cookie.startswith("__Host-mcp_login=")
    assert all(word in cookie for word in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"))
    assert "Domain" not in cookie


async def test_on_this_machine_without_https_the_cookie_is_a_plain_one() -> None:
    provider = GitHubProvider(
        client_id=CLIENT_ID, client_secret=CLIENT_SECRET, base_url="http://localhost:8000", client_storage=MemoryStore()
    )
    async with site(provider) as web:
        client = McpClient(web)
        await client.register()
        page = await web.get((await client.authorize()).headers["location"])

    assert page.headers["set-cookie"].startswith("mcp_login=")
    assert "Secure" not in page.headers["set-cookie"]


@pytest.mark.fastmcp("A-13")
async def test_a_person_who_denies_sends_the_client_away(ada: Person) -> None:
    answer = answer_in(await ada.decide(await ada.consent_page(), "deny"))

    assert answer["error"] == "access_denied"
    assert answer["state"] == ada.client.state
    assert answer["iss"] == BASE
    assert ada.idp.asked == []


# What binds the steps to each other.


@pytest.mark.fastmcp("A-13")
@pytest.mark.protocol("O-13")
@pytest.mark.parametrize("changes", [{"csrf": "0" * 64}, {"csrf": ""}, {"txn_id": "other"}])
async def test_a_form_that_was_not_shown_to_this_browser_decides_nothing(ada: Person, changes: dict[str, str]) -> None:
    answer = await ada.decide(await ada.consent_page(), **changes)

    assert answer.status_code == 400
    assert "location" not in answer.headers


@pytest.mark.fastmcp("A-13")
async def test_a_form_sent_from_another_site_or_browser_decides_nothing(ada: Person) -> None:
    page = await ada.consent_page()
    fields = dict(re.findall(r'name="(txn_id|csrf)" value="([^"]*)"', page.text)) | {"action": "approve"}
    elsewhere = await ada.browser.post("/consent", data=fields, headers={"origin": "https://evil.example"})
    ada.browser.cookies.clear()
    cookieless = await ada.browser.post("/consent", data=fields)

    assert (elsewhere.status_code, cookieless.status_code) == (400, 400)


@pytest.mark.fastmcp("A-13", status="safer")
async def test_consent_to_one_request_is_no_consent_to_another_of_the_same_browser(ada: Person) -> None:
    """GHSA-c2jp-c369-7pvx: each page is good for its own client, redirect and scopes."""
    first, second = await ada.consent_page(), await ada.consent_page()
    csrf = dict(re.findall(r'name="(txn_id|csrf)" value="([^"]*)"', first.text))["csrf"]

    assert (await ada.decide(second, csrf=csrf)).status_code == 400


@pytest.mark.fastmcp("A-13", status="safer")
async def test_each_login_asks_again(ada: Person) -> None:
    await ada.log_in()

    page = await ada.consent_page()

    assert page.status_code == 200
    assert "Allow access?" in page.text


@pytest.mark.fastmcp("A-13", status="safer")
@pytest.mark.protocol("O-13")
async def test_an_answer_of_the_provider_in_another_browser_leads_nowhere() -> None:
    """GHSA-rww4-4w9c-7733: an attacker agrees in their own browser and sends a victim to log in."""
    idp = Rotating()
    provider = proxy(idp)
    async with person_at(provider, idp) as attacker, site(provider) as victim:
        decided = await attacker.decide(await attacker.consent_page())
        back = await victim.get(idp.log_in(decided.headers["location"]))

    assert back.status_code == 400
    assert "another browser" in back.text


@pytest.mark.protocol("O-13")
async def test_a_state_works_once_and_an_invented_one_never(ada: Person) -> None:
    decided = await ada.decide(await ada.consent_page())
    link = ada.idp.log_in(decided.headers["location"])

    first, again = await ada.browser.get(link), await ada.browser.get(link)
    invented = await ada.browser.get("/auth/callback?code=x&state=y")

    assert (first.status_code, again.status_code, invented.status_code) == (302, 400, 400)


async def test_a_consent_works_once(ada: Person) -> None:
    page = await ada.consent_page()

    first, again = await ada.decide(page), await ada.decide(page)

    assert (first.status_code, again.status_code) == (302, 400)


@pytest.mark.fastmcp("A-13")
async def test_both_legs_have_a_pkce_of_their_own(ada: Person) -> None:
    await ada.log_in()

    (asked,) = ada.idp.asked
    assert asked["code_challenge_method"] == "S256"
    assert asked["code_challenge"] not in str(ada.client.__dict__)
    assert asked["state"] != ada.client.state


async def test_an_error_of_the_provider_goes_back_without_its_text(ada: Person) -> None:
    decided = await ada.decide(await ada.consent_page())
    state = httpx2.URL(decided.headers["location"]).params["state"]

    answer = await ada.browser.get(f"/auth/callback?error=access_denied&error_description=%3Cb%3E&state={state}")

    assert answer_in(answer)["error"] == "access_denied"
    assert "<b>" not in answer_in(answer)["error_description"]


async def test_an_answer_of_another_issuer_is_refused() -> None:
    idp = identity.Auth0()
    provider = OIDCProxy(
        config_url=idp.config_url,
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        audience="https://api.example.com",
        base_url=BASE,
        http_client=idp.client(),
        client_storage=MemoryStore(),
    )
    async with person_at(provider, idp) as person:
        decided = await person.decide(await person.consent_page())
        link = idp.log_in(decided.headers["location"])
        answer = await person.browser.get(link + "&iss=https%3A%2F%2Fevil.example")

    assert answer.status_code == 400
    assert "another identity provider" in answer.text


@pytest.mark.protocol("U-04")
@pytest.mark.parametrize(("answered", "status"), [({}, 400), ({"iss": "https://acme.eu.auth0.com/"}, 302)])
async def test_a_provider_that_says_it_names_itself_must(answered: dict[str, str], status: int) -> None:
    class Naming(identity.Auth0):
        def document(self) -> dict[str, Any]:
            return {**super().document(), "authorization_response_iss_parameter_supported": True}

        def more_in_answer(self) -> dict[str, str]:
            return answered

    idp = Naming()
    async with person_at(openid(idp, audience="https://api.example.com"), idp) as person:
        back = await person.come_back(await person.decide(await person.consent_page()))

    assert back.status_code == status


@pytest.mark.fastmcp("A-13")
async def test_without_the_page_the_browser_is_bound_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    idp = Rotating()
    provider = proxy(idp, require_authorization_consent=False)
    async with person_at(provider, idp) as person, site(provider) as other:
        sent_on = await person.consent_page()
        link = idp.log_in(sent_on.headers["location"])
        in_another, in_this = await other.get(link), await person.browser.get(link)

    assert "require_authorization_consent=False" in caplog.text
    assert (in_another.status_code, in_this.status_code) == (400, 302)
