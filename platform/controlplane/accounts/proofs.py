"""Whether a person has lately shown who they are: a stolen session, or a browser left open, must not be enough.

Every way into a session counts (Django tells of each with a signal), and so does showing one factor again later.
"""

from __future__ import annotations

import time
from typing import Any, Final

from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest

from controlplane.accounts.errors import ProofNeededError

FRESH_SECONDS: Final = 600
_PROVEN = "proven_at"


def is_fresh(request: HttpRequest) -> bool:
    proven = request.session.get(_PROVEN)
    return isinstance(proven, int) and 0 <= time.time() - proven <= FRESH_SECONDS


def require(request: HttpRequest) -> None:
    """Raises ProofNeededError."""
    if not is_fresh(request):
        raise ProofNeededError


def note(request: HttpRequest) -> None:
    """The person of the session has shown who they are just now."""
    request.session[_PROVEN] = int(time.time())


def connect() -> None:
    user_logged_in.connect(_noted, dispatch_uid="accounts.proofs")


def _noted(sender: Any, request: HttpRequest, **more: Any) -> None:
    note(request)
