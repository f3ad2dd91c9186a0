"""Passwords, second factors and the sessions that they begin."""

from __future__ import annotations

from datetime import timedelta

import pyotp
import pytest
from django.test import Client
from django.utils import timezone

from controlplane.accounts import second_factors
from controlplane.accounts.errors import WrongCodeError
from controlplane.accounts.models import Authenticator, RecoveryCode, Session, User
from controlplane.accounts.services import principal_of
from controlplane.accounts.throttling import SECOND_FACTOR
from tenants.context import acting_for
from tenants.models import Tenant
from tests.support.cast import PASSWORD, Cast

pytestmark = pytest.mark.django_db


def paired(user: User) -> tuple[pyotp.TOTP, list[str]]:
    """The person's app, and their recovery codes."""
    totp = pyotp.TOTP(second_factors.offer_app(user))
    codes = second_factors.confirm_app(user, totp.at(timezone.now() - timedelta(seconds=30)))
    return totp, codes


def sign_in(client: Client, user: User, next_url: str = "") -> str:
    answer = client.post("/login/", {"username": user.email, "password": PASSWORD, "next": next_url})
    assert answer.status_code == 302, answer.content
    return answer.headers["Location"]


def test_who_has_a_second_factor_is_asked_for_it_and_then_sent_on(client: Client, cast: Cast) -> None:
    totp, _ = paired(cast.ben)

    first = sign_in(client, cast.ben, "/tenants/acme/logins/")
    between = client.get("/account/")
    second = client.post("/login/second-factor/", {"code": totp.now()})

    assert first == "/login/second-factor/"
    assert between.status_code == 302
    assert second.headers["Location"] == "/tenants/acme/logins/"
    assert client.get("/account/").status_code == 200


def test_a_code_works_once(cast: Cast) -> None:
    totp, _ = paired(cast.ben)
    code = totp.now()

    second_factors.check(cast.ben, code)

    with pytest.raises(WrongCodeError):
        second_factors.check(cast.ben, code)


def test_a_recovery_code_works_once_however_it_is_typed(cast: Cast) -> None:
    _, codes = paired(cast.ben)

    second_factors.check(cast.ben, codes[0].upper().replace("-", " "))

    with pytest.raises(WrongCodeError):
        second_factors.check(cast.ben, codes[0])
    assert RecoveryCode.objects.filter(user=cast.ben).count() == second_factors.CODES - 1


@pytest.mark.parametrize("code", ["000000", "", "١٢٣٤٥٦", "12345", "' OR 1=1", "\x00"])
def test_a_wrong_code_is_refused(cast: Cast, code: str) -> None:
    paired(cast.ben)

    with pytest.raises(WrongCodeError):
        second_factors.check(cast.ben, code)


def test_a_code_of_somebody_else_is_refused(cast: Cast) -> None:
    paired(cast.ben)
    of_cem, codes = paired(cast.cem)

    for code in (of_cem.now(), codes[0]):
        with pytest.raises(WrongCodeError):
            second_factors.check(cast.ben, code)


def test_codes_cannot_be_tried_at_will(client: Client, cast: Cast) -> None:
    totp, _ = paired(cast.ben)
    sign_in(client, cast.ben)
    for _ in range(SECOND_FACTOR.account_from_place.attempts):
        assert client.post("/login/second-factor/", {"code": "000000"}).status_code == 200

    answer = client.post("/login/second-factor/", {"code": totp.now()})

    assert answer.status_code == 429
    assert "Retry-After" in answer.headers
    assert client.get("/account/").status_code == 302


def test_the_second_factor_is_not_asked_before_the_first(client: Client, cast: Cast) -> None:
    totp, _ = paired(cast.ben)

    answer = client.post("/login/second-factor/", {"code": totp.now()})

    assert answer.headers["Location"] == "/login/"


def test_a_password_changed_in_between_ends_the_attempt(client: Client, cast: Cast) -> None:
    totp, _ = paired(cast.ben)
    sign_in(client, cast.ben)
    cast.ben.set_password("another long password 1")
    cast.ben.save()

    answer = client.post("/login/second-factor/", {"code": totp.now()})

    assert answer.headers["Location"] == "/login/"


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_signing_in_sends_nobody_elsewhere(client: Client, cast: Cast, elsewhere: str) -> None:
    assert sign_in(client, cast.ben, elsewhere) == "/"


def test_the_secret_of_an_app_is_sealed(cast: Cast) -> None:
    secret = second_factors.offer_app(cast.ben)

    kept = Authenticator.objects.get(user=cast.ben)

    assert secret.encode() not in bytes(kept.sealed)
    assert secret not in str(vars(kept))


def test_pairing_an_app_signs_other_browsers_out(client: Client, cast: Cast) -> None:
    other = Client()
    sign_in(other, cast.ben)
    sign_in(client, cast.ben)
    client.get("/account/second-factor/app/")

    code = pyotp.TOTP(second_factors.offer_app(cast.ben)).now()
    answer = client.post("/account/second-factor/app/", {"code": code})

    assert b"Recovery codes" in answer.content
    assert client.get("/account/").status_code == 200
    assert other.get("/account/").status_code == 302


def test_a_tenant_can_require_a_second_factor(client: Client, cast: Cast) -> None:
    with acting_for(cast.acme.id):
        Tenant.objects.update(requires_second_factor=True)

    before = principal_of(cast.ben, "acme")
    client.force_login(cast.ben)
    told = client.get("/")
    paired(cast.ben)
    after = principal_of(cast.ben, "acme")

    assert before is None
    assert b"second factor" in told.content
    assert after is not None


def test_people_see_and_end_their_own_sessions(client: Client, cast: Cast) -> None:
    phone, stranger = Client(headers={"user-agent": "Phone"}), Client()
    for browser, user in ((client, cast.ben), (phone, cast.ben), (stranger, cast.cem)):
        sign_in(browser, user)
    of_phone = Session.objects.get(user=cast.ben, program="Phone")
    of_stranger = Session.objects.get(user=cast.cem)

    page = client.get("/account/sessions/").content
    others = client.post("/account/sessions/", {"session": of_stranger.id})
    own = client.post("/account/sessions/", {"session": of_phone.id})

    assert b"Phone" in page
    assert of_phone.session_key.encode() not in page
    assert (others.status_code, own.status_code) == (404, 302)
    assert phone.get("/account/").status_code == 302
    assert stranger.get("/account/").status_code == 200


def test_all_other_sessions_end_at_once(client: Client, cast: Cast) -> None:
    others = [Client(), Client()]
    for browser in (client, *others):
        sign_in(browser, cast.ben)

    client.post("/account/sessions/", {"others": "1"})

    assert client.get("/account/").status_code == 200
    assert [browser.get("/account/").status_code for browser in others] == [302, 302]


def test_a_changed_password_signs_other_browsers_out(client: Client, cast: Cast) -> None:
    other = Client()
    for browser in (client, other):
        sign_in(browser, cast.ben)
    new = "a quite different password 7"

    client.post("/account/password/", {"old_password": PASSWORD, "new_password1": new, "new_password2": new})

    assert client.get("/account/").status_code == 200
    assert other.get("/account/").status_code == 302
    assert not Session.objects.filter(pk=other.cookies["stoa_session"].value).exists()


def test_the_last_factor_takes_the_recovery_codes_with_it(client: Client, cast: Cast) -> None:
    paired(cast.ben)
    client.force_login(cast.ben)
    app = Authenticator.objects.get(user=cast.ben)

    client.post("/account/second-factor/", {"authenticator": app.pk})

    assert not RecoveryCode.objects.filter(user=cast.ben).exists()


def test_nobody_takes_away_anothers_factor(client: Client, cast: Cast) -> None:
    paired(cast.ben)
    client.force_login(cast.cem)

    answer = client.post("/account/second-factor/", {"authenticator": Authenticator.objects.get(user=cast.ben).pk})

    assert answer.status_code == 404
    assert Authenticator.objects.filter(user=cast.ben).exists()
