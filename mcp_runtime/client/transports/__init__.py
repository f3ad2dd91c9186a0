"""How a client reaches a server: in memory, or over Streamable HTTP."""
