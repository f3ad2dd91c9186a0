"""API keys: made, shown once, verified, revoked."""
