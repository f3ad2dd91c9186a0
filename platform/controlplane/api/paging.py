"""Pages of long lists: a cursor says where to go on, and means nothing to anybody else."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from rest_framework.exceptions import ValidationError

MAX_CURSOR: Final = 200
_MARK: Final = "after:"


def cursor_after(position: str) -> str:
    return base64.urlsafe_b64encode(f"{_MARK}{position}".encode()).rstrip(b"=").decode()


def position_in(cursor: str) -> str:
    """Raises ValidationError for what is no cursor of ours."""
    try:
        decoded = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        decoded = ""
    if not decoded.startswith(_MARK) or not decoded.isprintable():
        raise ValidationError({"cursor": ["This is no cursor of this list: begin without one."]})
    return decoded.removeprefix(_MARK)
