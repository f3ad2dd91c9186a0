"""How a client proves who it is: a bearer token, or a log-in in the browser (FASTMCP CL-20)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx2

__all__ = ("as_httpx_auth",)


def as_httpx_auth(auth: Any, url: str) -> httpx2.Auth | None:
    """The auth object for what a client was given; None for a token, which is a header."""
    if auth is None or (isinstance(auth, str) and auth != "oauth"):
        return None
    if auth == "oauth":
        raise ValueError("auth='oauth' is not part of this version; give the key or token itself: auth='stoa_…'.")
    bound: httpx2.Auth = auth.bound_to(url) if hasattr(auth, "bound_to") else auth
    return bound
