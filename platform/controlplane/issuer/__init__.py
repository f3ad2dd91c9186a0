"""The OAuth 2.1 authorization server that MCP clients log in at: one issuer per tenant (PROTOCOL 5)."""
