"""What the registry tells the apps above it, inside the transaction that makes it true.

Receivers run before the commit: one that raises undoes the change it was told about.
"""

from __future__ import annotations

from django.dispatch import Signal

server_registered = Signal()
"""A server exists. Arguments: `server`, `acting`."""

revision_activated = Signal()
"""A server's current revision changed. Arguments: `server`, `revision`, `acting`."""
