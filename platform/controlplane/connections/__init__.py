"""Connections: people's and tenants' own credentials at servers that run elsewhere."""
