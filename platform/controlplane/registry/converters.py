"""`<name:…>` in routes: importing this module registers it."""

from __future__ import annotations

from django.urls import register_converter
from django.urls.converters import StringConverter


class NameConverter(StringConverter):
    """A slug or identifier, or what someone takes for one: a segment that PostgreSQL can compare with something.

    Control characters, which it could not, and endless segments are no address of ours.
    """

    regex = r"[^/\x00-\x1f]{1,100}"


register_converter(NameConverter, "name")
