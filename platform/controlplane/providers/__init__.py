"""Identity providers of tenants: how a tenant's people sign in elsewhere, and what they may do here because of it."""
