"""What the rest of the platform hears of tenants."""

from __future__ import annotations

from django.dispatch import Signal

tenant_ending = Signal()
"""`tenant_id` and `slug`: the tenant is about to be erased. Sent inside `acting_for` it, before its rows are gone; what
a transaction cannot take back belongs into `on_commit`."""
