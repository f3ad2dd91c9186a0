"""The pass with which `stoa doctor` asks `/healthz` what a request looks like when it has come through the proxies."""

from __future__ import annotations

from typing import Final

from django.core.signing import BadSignature, TimestampSigner

HEADER: Final = "Stoa-Doctor"
SECONDS = 60


def make_pass() -> str:
    """Only who has this installation's secret key can make one."""
    return TimestampSigner(salt=HEADER).sign("doctor")


def is_doctor(shown: str) -> bool:
    try:
        TimestampSigner(salt=HEADER).unsign(shown, max_age=SECONDS)
    except BadSignature:
        return False
    return True
