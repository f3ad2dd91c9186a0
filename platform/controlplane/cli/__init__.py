"""The `stoa` command. Remote commands import no Django: they are a client of the management API and of MCP."""
